import Glibc
import Synchronization

/// Runs `body` on so many threads of its own and returns when all are done. They leave a common gate together: tasks of a group may as well
/// run one after the other on a small pool, and then a test of lost updates tests nothing.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let gate = Gate(count: count)
    let threads = (0..<count).map { number in
        let start = Unmanaged.passRetained(
            ThreadStart {
                gate.pass()
                body(number)
            })
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<ThreadStart>.fromOpaque(argument!).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        precondition(status == 0, "a test may start a few threads")
        return thread
    }
    for thread in threads { pthread_join(thread, nil) }
}

private final class ThreadStart: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// Opens when all have come.
private final class Gate: Sendable {
    private let missing: Atomic<Int>

    init(count: Int) { missing = Atomic(count) }

    func pass() {
        missing.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        while missing.load(ordering: .acquiring) > 0 { sched_yield() }
    }
}
