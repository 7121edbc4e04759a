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
        let (nanoseconds, allocations, fired) = try LoopRun.value { loop in
            for index in 0..<Self.standing { loop.schedule(after: .seconds(30) + .milliseconds(index)) {} }
            Self.setAndCancel(on: loop)
            let allocations = Measuring.allocations { Self.setAndCancel(on: loop) }
            let fired = await Self.allocationsOfFired(on: loop)
            return (Measuring.least(repetitions, count: Self.pairs) { Self.setAndCancel(on: loop) }, allocations, fired)
        }
        return [
            Figure("set and cancel", nanoseconds, "ns"),
            Figure("allocations a timer", Double(allocations) / Double(Self.pairs), "", .atMost(0), kind: .allocations),
            Figure("allocations a timer that fires", Double(fired) / Double(Self.pairs), "", .atMost(0), kind: .allocations),
        ]
    }

    /// All of one tick; lists have their size by then, and the runtime what it makes once.
    @LoopActor private static func allocationsOfFired(on loop: Loop) async -> Int {
        let mailbox = Mailbox<UInt32>(on: loop), waiter = waiter
        var batch: [UInt32] = []
        func fire() async {
            let moment = loop.now + .milliseconds(5)
            for _ in 0..<pairs { loop.schedule(at: moment) { waiter.fired += 1 } }
            loop.schedule(at: moment) { mailbox.put(1) }
            _ = await mailbox.next(&batch, until: moment + .seconds(30))
        }
        for _ in 0..<2 { await fire() }
        let before = ctwins_allocations().watched
        ctwins_count_allocations(true)
        await fire()
        ctwins_count_allocations(false)
        mailbox.close()
        return Int(ctwins_allocations().watched - before)
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
