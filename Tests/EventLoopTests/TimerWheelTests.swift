import ClusterModel
import Testing

@testable import EventLoop

/// The same timers in a sorted list: slow, and obviously right.
private struct NaiveTimers {
    var waiting: [(tick: Int64, order: Int, id: Int)] = []

    mutating func due(at now: Instant) -> [Int] {
        let tick = now.nanoseconds / TimerWheel.tickNanoseconds
        let fired = waiting.filter { $0.tick <= tick }.sorted { ($0.tick, $0.order) < ($1.tick, $1.order) }
        waiting.removeAll { $0.tick <= tick }
        return fired.map(\.id)
    }
}

@Suite("Timer wheel")
struct TimerWheelTests {
    @Test("fires the same timers at the same tick as a sorted list, whatever is set and cancelled", arguments: 0..<20 as Range<UInt64>)
    func equalsNaive(seed: UInt64) {
        var random = SeededRandom(seed: seed), now = Instant(nanoseconds: Int64(random.next() % 1_000_000_000_000))
        var wheel = TimerWheel(now: now), naive = NaiveTimers(), fired: [Int] = [], handles: [(Int, TimerHandle)] = []
        for step in 0..<2_000 {
            switch random.next() % 8 {
            case 0...3:
                // From nothing to half a year, so that every wheel and the crossing between them is used.
                let span = Int64(random.next() % (1 << (random.next() % 54)))
                let deadline = now + .nanoseconds(span)
                let tick = max(
                    (deadline.nanoseconds + TimerWheel.tickNanoseconds - 1) / TimerWheel.tickNanoseconds,
                    now.nanoseconds / TimerWheel.tickNanoseconds + 1)
                handles.append((step, wheel.set(at: deadline) {}))
                naive.waiting.append((tick, step, step))
            case 4:
                guard let choice = handles.randomElement(using: &random) else { continue }
                let wasWaiting = naive.waiting.contains { $0.id == choice.0 }
                #expect(wheel.cancel(choice.1) == wasWaiting)
                naive.waiting.removeAll { $0.id == choice.0 }
            default:
                let next = wheel.nextDeadline
                if let earliest = naive.waiting.map(\.tick).min() {
                    #expect(next.map { $0.nanoseconds <= earliest * TimerWheel.tickNanoseconds } == true, "a deadline would be overslept")
                } else {
                    #expect(next == nil)
                }
                let span = Int64(random.next() % (1 << (random.next() % 50)))
                now = random.next() % 3 == 0 ? max(now, next ?? now) : now + .nanoseconds(span)
                var due: [TimerWheel.Action] = []
                let before = wheel.count
                wheel.collectDue(at: now, into: &due)
                let expected = naive.due(at: now)
                #expect(due.count == expected.count)
                #expect(before - wheel.count == expected.count)
                fired.append(contentsOf: expected)
            }
            #expect(wheel.count == naive.waiting.count)
        }
        #expect(!fired.isEmpty)
    }

    @Test("fires timers of one tick in the order of being set, and earlier ticks first")
    func order() {
        let world = VirtualWorld(seed: 1), loop = world.makeLoop("a")
        var wheel = TimerWheel(now: .zero)
        let log = loop.perform { Log() }
        for (id, milliseconds) in [(1, 70), (2, 5), (3, 70), (4, 4_200), (5, 5), (6, 70)] as [(Int, Int64)] {
            _ = wheel.set(at: .zero + .milliseconds(milliseconds)) { log.entries.append(id) }
        }
        var due: [TimerWheel.Action] = []
        wheel.collectDue(at: .zero + .seconds(10), into: &due)
        loop.perform { for action in due { action.run() } }
        #expect(loop.perform { log.entries } == [2, 5, 1, 3, 6, 4])
    }
}

@LoopActor
final class Log {
    var entries: [Int] = []
}
