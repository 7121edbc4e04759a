internal import CSys
import ClusterModel
import Concurrency
import Glibc

/// A few threads for work that would hold up a loop: big prompts, templates, model files. Bounded: past its queue it refuses.
///
/// Loops share one; an answer comes back through the inbox of the loop that asked.
package final class WorkPool: Sendable {
    /// The queue is full: the caller sheds load or waits, but never queues without end.
    package struct Full: Error, Sendable {
        package let limit: Int
    }

    private struct State: Sendable {
        var queue: [@Sendable () -> Void] = []
        var head = 0
        var isClosed = false
        var threads: [UInt] = []
    }

    private let state = Lock(State())
    private let wakeUp: Semaphore
    package let queueLimit: Int

    /// - Parameters:
    ///   - threads: two by default: work here must not take the cores from the loops.
    ///   - queueLimit: jobs that may wait; 1,024 are seconds of tokenizing, later answers would miss their deadlines anyway.
    package init(threads: Int = 2, queueLimit: Int = 1024) {
        self.queueLimit = queueLimit
        wakeUp = Semaphore()
        for _ in 0..<threads {
            var thread = pthread_t()
            let argument = Unmanaged.passRetained(self).toOpaque()
            let status = pthread_create(&thread, nil, workPoolThread, argument)
            precondition(status == 0, "the process may not start threads: \(status)")
            state.with { [thread] in $0.threads.append(UInt(thread)) }
        }
    }

    /// What comes now is refused.
    package var isFull: Bool { state.with { $0.isClosed || $0.queue.count - $0.head >= queueLimit } }

    package func submit(_ work: @escaping @Sendable () -> Void) throws(Full) {
        let accepted = state.with { state in
            guard !state.isClosed, state.queue.count - state.head < queueLimit else { return false }
            state.queue.append(work)
            return true
        }
        guard accepted else { throw Full(limit: queueLimit) }
        wakeUp.signal()
    }

    /// Runs what is queued, then ends the threads and waits for them, at most so long. Not from one of them. False: one of them is stuck in
    /// its work, and is left behind.
    @discardableResult
    package func close(within limit: Duration = WorkPool.closing) -> Bool {
        let threads = state.with { state in
            state.isClosed = true
            defer { state.threads = [] }
            return state.threads
        }
        for _ in threads { wakeUp.signal() }
        var haveAllEnded = true
        for thread in threads where apus_join_thread(thread, limit.inNanoseconds) != 0 { haveAllEnded = false }
        return haveAllEnded
    }

    /// Work that was begun ends within this as a rule; a process does not stay for a thread that hangs in a library.
    package static let closing = Duration.seconds(5)

    fileprivate func serve() {
        while true {
            wakeUp.wait()
            let (work, ended) = state.with { state -> ((@Sendable () -> Void)?, Bool) in
                guard state.head < state.queue.count else { return (nil, state.isClosed) }
                let work = state.queue[state.head]
                state.head += 1
                if state.head == state.queue.count {
                    state.queue.removeAll(keepingCapacity: true)
                    state.head = 0
                } else if state.head > queueLimit {
                    state.queue.removeFirst(state.head)
                    state.head = 0
                }
                return (work, false)
            }
            work?()
            if ended { return }
        }
    }
}

/// The body of a pool thread: a free function, since a closure literal would inherit an isolation that no pool thread has.
private func workPoolThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    apus_name_thread("apus-work")
    Unmanaged<WorkPool>.fromOpaque(argument).takeRetainedValue().serve()
    return nil
}

/// A POSIX semaphore at a fixed address.
private final class Semaphore: @unchecked Sendable {
    // Safety: sem_t is made for use by several threads.
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }
    func wait() { while sem_wait(semaphore) != 0 {} }
}
