import CTwins
import Glibc

enum Measuring {
    static var nanoseconds: Int64 { ctwins_monotonic_nanoseconds() }

    /// Lets other processes go on, or be left alone, for as long as a measurement says.
    static func rest(milliseconds: Int32) { _ = poll(nil, 0, milliseconds) }

    /// The least nanoseconds an operation over `repetitions` runs of `count` of them: the least is what the code costs, the rest is the machine.
    static func least(_ repetitions: Int, count: Int, _ body: () -> Void) -> Double {
        var least = Int64.max
        for _ in 0..<repetitions {
            let start = nanoseconds
            body()
            least = min(least, nanoseconds - start)
        }
        return Double(least) / Double(count)
    }

    /// Allocations of the calling thread while `body` runs.
    static func allocations(_ body: () -> Void) -> Int {
        ctwins_watch_this_thread()
        let before = ctwins_allocations().watched
        ctwins_count_allocations(true)
        body()
        ctwins_count_allocations(false)
        return Int(ctwins_allocations().watched - before)
    }
}
