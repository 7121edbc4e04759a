import CTwins
import ClusterModel
import EventLoop

/// Timers set and cancelled, as every wait of a request sets and cancels one.
struct Timers: BenchmarkCase {
    let name = "timer"
    private static let pairs = 1_000
    /// Timers that wait meanwhile, for other requests.
    private static let standing = 10_000

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        let repetitions = settings.repetitions
        let (nanoseconds, allocations) = try LoopRun.value { loop in
            for index in 0..<Self.standing { loop.schedule(after: .seconds(30) + .milliseconds(index)) {} }
            Self.setAndCancel(on: loop)
            let allocations = Measuring.allocations { Self.setAndCancel(on: loop) }
            return (Measuring.least(repetitions, count: Self.pairs) { Self.setAndCancel(on: loop) }, allocations)
        }
        return [
            Figure("set and cancel", nanoseconds, "ns"),
            Figure("allocations a timer", Double(allocations) / Double(Self.pairs), "", .atMost(0), kind: .allocations),
        ]
    }

    @LoopActor private final class Waiter {
        var fired = 0
    }

    @LoopActor private static let waiter = Waiter()

    /// The action holds an object, as a wait's does.
    @LoopActor @inline(never)
    private static func setAndCancel(on loop: Loop) {
        let waiter = waiter
        for index in 0..<pairs {
            let timer = loop.schedule(after: .milliseconds(100 + index % 50)) { waiter.fired += 1 }
            loop.cancel(timer)
        }
    }
}
