import ClusterModel
import Testing

@testable import Scheduling

@Suite("The queue against a naive one")
struct QueuePropertyTests {
    @Test(
        "whatever is parked, tried, placed, cancelled and stirred, the next one is the one that the rules name",
        arguments: QueuePolicy.allCases, 1...8 as ClosedRange<UInt64>)
    func twin(policy: QueuePolicy, seed: UInt64) {
        var settings = QueueSettings()
        settings.policy = policy
        settings.aging = .milliseconds(400)
        var random = SeededRandom(seed: seed), now = Instant(nanoseconds: 5_000_000_000)
        var queue = RequestQueue(settings, at: now), naive = NaiveQueue(settings, at: now)
        var tickets: [UInt64: QueueTicket] = [:]
        func below(_ limit: UInt64) -> UInt64 { random.next() % limit }
        for _ in 0..<600 {
            now = now + .milliseconds(Int64(below(8)))
            switch below(10) {
            case 0...3:
                var request = ParkedRequest(
                    arrival: now, expiry: now + .milliseconds(Int64(50 + below(3_000))), deadline: now + .milliseconds(Int64(below(9_000))))
                request.tenant = "t\(below(5))"
                request.weight = [0.5, 1, 2, 4][Int(request.tenant.utf8.last ?? 0) % 4]
                request.priority = Double(below(4))
                request.tokens = UInt32(1 + below(5_000))
                request.promptTokens = request.tokens + 7
                request.isUnderWay = below(8) == 0
                // Some lanes are many requests', some one's.
                if below(3) == 0 {
                    request.lane.pins = [PlacementPin(role: .aggregated, target: .init(worker: WorkerID(below(6)), rank: nil))]
                }
                let isBusy = below(3) == 0
                guard let ticket = try? queue.park(request, isBusy: isBusy, tokenLimit: .max, at: now) else {
                    continue  // the queue says that it would wait for too long: told elsewhere
                }
                naive.park(request, isBusy: isBusy)
                tickets[naive.entries.last?.sequence ?? 0] = ticket
            case 4...6:
                let expected = naive.next(at: now), found = queue.next(at: now)
                #expect(found == expected.flatMap { tickets[$0.entry.sequence] })
                guard let found, let expected else { continue }
                switch below(3) {
                case 0:
                    queue.busy(found)
                    naive.block(expected.entry.request.lane)
                case 1:
                    queue.remove(found, at: now)
                    naive.remove(expected.entry.sequence)
                default:
                    queue.placed(found, at: now)
                    naive.placed(at: now)
                }
            case 7:
                let limit = Int(1 + below(3))
                if below(2) == 0 {
                    queue.stir()
                    naive.stir()
                }
                queue.reopen(atMost: limit)
                naive.reopen(atMost: limit)
            case 8:
                guard !naive.entries.isEmpty else { continue }
                let gone = naive.entries[Int(below(UInt64(naive.entries.count)))].sequence
                let ticket = tickets[gone] ?? QueueTicket(index: .max, sequence: 0)
                let removed = [queue.remove(ticket, at: now), queue.remove(ticket, at: now)]
                #expect(removed == [true, false] && queue[ticket] == nil)
                naive.remove(gone)
            default:
                var expired: Set<UInt64> = []
                while let ticket = queue.expired(at: now) {
                    expired.insert(ticket.sequence)
                    queue.remove(ticket, at: now)
                }
                #expect(expired == naive.expired(at: now))
                for gone in expired.sorted() { naive.remove(gone) }
            }
            #expect(queue.count == naive.entries.count)
            #expect(queue.tokens == naive.entries.reduce(0) { $0 + UInt64($1.request.tokens) })
            #expect(queue.promptTokens == naive.entries.reduce(0) { $0 + UInt64($1.request.promptTokens) })
            #expect(queue.hasWork == naive.hasWork)
            #expect(queue.nextExpiry == naive.entries.map(\.request.expiry).min())
            #expect(queue.oldest?.sequence == naive.entries.map(\.sequence).min())
            #expect(queue.lanes == Set(naive.entries.map(\.request.lane)).count)
        }
    }
}
