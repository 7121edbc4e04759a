import ClusterModel
import Testing
import WireProtocol

@testable import WorkerService

@Suite("What a worker remembers of requests")
struct RequestMemoryTests {
    private let id = RequestID(origin: 1, counter: 2)
    private func at(_ seconds: Int64) -> Instant { .zero + .seconds(seconds) }

    @Test("both legs of an attempt may start here, each once")
    func legs() {
        var memory = RequestMemory()
        memory.opened(id, attempt: 1, leg: .prefill, slot: 4)
        #expect(memory.judge(id, attempt: 1, leg: .prefill) == .duplicate)
        #expect(memory.judge(id, attempt: 1, leg: .decode) == .new)
        memory.opened(id, attempt: 1, leg: .decode, slot: 5)
        #expect(memory.open(id) == [4, 5])
        memory.closed(id, leg: .prefill, at: at(1))
        #expect(memory.open(id) == [5])
        #expect(memory.nextExpiry == nil)
        memory.closed(id, leg: .decode, at: at(2))
        #expect(memory.nextExpiry == at(62))
        #expect(memory.judge(id, attempt: 1, leg: .decode) == .duplicate)
        #expect(memory.judge(id, attempt: 1, leg: .aggregated) == .new)
    }

    @Test("an attempt that was refused did not run here; later ones may say that an earlier one did")
    func ran() {
        var memory = RequestMemory()
        memory.refused(id, attempt: 1, leg: .aggregated, at: .zero)
        #expect(!memory.had(id, below: 2))
        memory.opened(id, attempt: 2, leg: .aggregated, slot: 0)
        memory.closed(id, leg: .aggregated, at: at(1))
        #expect(!memory.had(id, below: 2) && memory.had(id, below: 3))
    }

    @Test("a record is forgotten a minute after it came to rest for the last time")
    func expiry() {
        var memory = RequestMemory()
        memory.refused(id, attempt: 1, leg: .aggregated, at: .zero)
        memory.opened(id, attempt: 2, leg: .aggregated, slot: 0)
        memory.expire(at: at(100))
        #expect(memory.judge(id, attempt: 1, leg: .aggregated) == .duplicate)
        memory.closed(id, leg: .aggregated, at: at(100))
        memory.cancelled(id, through: 3, at: at(130))
        memory.expire(at: at(161))
        #expect(memory.judge(id, attempt: 3, leg: .aggregated) == .cancelled)
        memory.expire(at: at(190))
        #expect(memory.judge(id, attempt: 2, leg: .aggregated) == .new)
        #expect(memory.count == 0 && memory.waitingTombstones == 0)
    }

    @Test("it is bounded, and forgets the oldest first; what runs is never forgotten")
    func bound() {
        var memory = RequestMemory(capacity: 100)
        memory.opened(id, attempt: 1, leg: .aggregated, slot: 0)
        for counter in 100..<5_000 as Range<UInt64> {
            memory.cancelled(RequestID(origin: 9, counter: counter), through: 1, at: at(Int64(counter)))
        }
        #expect(memory.count == 101 && memory.waitingTombstones == 100)
        #expect(memory.open(id) == [0])
        #expect(memory.judge(RequestID(origin: 9, counter: 4_899), attempt: 1, leg: .aggregated) == .new)
        #expect(memory.judge(RequestID(origin: 9, counter: 4_900), attempt: 1, leg: .aggregated) == .cancelled)
    }

    @Test("random operations never lose what runs, and leave nothing when all has ended", arguments: 1...5 as ClosedRange<UInt64>)
    func random(seed: UInt64) {
        var random = SeededRandom(seed: seed), memory = RequestMemory(capacity: 50), open: [RequestID: [Leg: UInt32]] = [:]
        var now: Int64 = 0
        for slot in 0..<20_000 as Range<UInt32> {
            now += Int64(random.next() % 2)
            let id = RequestID(origin: random.next() % 3, counter: random.next() % 30)
            let leg = Leg.allCases[Int(random.next() % 3)], attempt = UInt8(1 + random.next() % 3)
            switch random.next() % 4 {
            case 0:
                if open[id]?[leg] == nil, memory.judge(id, attempt: attempt, leg: leg) == .new {
                    memory.opened(id, attempt: attempt, leg: leg, slot: slot)
                    open[id, default: [:]][leg] = slot
                }
            case 1:
                if open[id]?.removeValue(forKey: leg) != nil { memory.closed(id, leg: leg, at: at(now)) }
            case 2: memory.cancelled(id, through: attempt, at: at(now))
            default: memory.expire(at: at(now))
            }
            #expect(Set(memory.open(id)) == Set((open[id] ?? [:]).values))
        }
        for (id, legs) in open { for leg in legs.keys { memory.closed(id, leg: leg, at: at(now)) } }
        memory.expire(at: at(now + 60))
        #expect(memory.count == 0 && memory.waitingTombstones == 0)
    }
}
