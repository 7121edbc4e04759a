import Concurrency
import EventLoop

/// Several indexes that go through the same trace at the same time, each on a thread of its own, as routers do that share a machine.
enum ParallelReplay {
    /// Hands a value that cannot be copied from thread to thread.
    private final class Owner: @unchecked Sendable {
        // Safety: a round's threads have one each, and the next round begins when all of them have ended.
        var replay: TraceReplay
        init(_ replay: consuming TraceReplay) { self.replay = replay }
    }

    /// A thread that does not end within this hangs.
    private static let patience = Duration.seconds(60)

    /// The most block operations a second, of all threads together: from the moment when the first of them begins until the last one has ended.
    static func operationsPerSecond(_ trace: CacheTrace, threads: Int, rounds: Int) throws(BenchmarkFailure) -> Double {
        var owners: [Owner] = []
        for _ in 0..<threads { owners.append(Owner(try TraceReplay(trace))) }
        var least = Int64.max
        // The first round is for the tables to get their size.
        for round in 0...rounds {
            let nanoseconds = try time(of: owners)
            if round > 0 { least = min(least, nanoseconds) }
        }
        return Double(threads * trace.operations) * 1e9 / Double(least)
    }

    private static func time(of owners: [Owner]) throws(BenchmarkFailure) -> Int64 {
        let pool = WorkPool(threads: owners.count)
        let times = Lock<(first: Int64, last: Int64, count: Int)>((.max, .min, 0))
        for owner in owners {
            do throws(WorkPool.Full) {
                try pool.submit {
                    let begin = Measuring.nanoseconds
                    owner.replay.run()
                    let end = Measuring.nanoseconds
                    times.with { $0 = (min($0.first, begin), max($0.last, end), $0.count + 1) }
                    owner.replay.empty()
                }
            } catch { throw BenchmarkFailure("there is no thread for a replay") }
        }
        guard pool.close(within: patience) else { throw BenchmarkFailure("a replay does not end") }
        let (first, last, count) = times.with { $0 }
        guard count == owners.count else { throw BenchmarkFailure("only \(count) replays ended") }
        return last - first
    }
}
