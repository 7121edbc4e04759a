import CTwins
import EventLoop

/// Runs a body as the first task of a fresh loop on this thread, whose allocations are watched, and gives what it returned.
enum LoopRun {
    private final class Outcome<Value>: @unchecked Sendable {
        // Safety: written by the loop's task, read after `run()` returned, on one and the same thread.
        var value: Value?
    }

    static func value<Value: Sendable>(of body: @escaping @LoopActor @Sendable (EpollLoop) async -> Value) throws(BenchmarkFailure) -> Value
    {
        let loop: EpollLoop
        do throws(SystemError) { loop = try EpollLoop() } catch { throw BenchmarkFailure("\(error)") }
        let outcome = Outcome<Value>()
        ctwins_watch_this_thread()
        loop.spawn {
            outcome.value = await body(loop)
            loop.stop()
        }
        loop.run()
        guard let value = outcome.value else { throw BenchmarkFailure("the loop ended before its task") }
        return value
    }
}
