package import EventLoop
import Glibc

/// An `EpollLoop` on a thread of its own, for tests that need real time and real sockets.
package final class LoopThread: Sendable {
    package let loop: EpollLoop

    private final class Start: Sendable {
        let loop: EpollLoop
        init(_ loop: EpollLoop) { self.loop = loop }
    }

    private let thread: UInt

    package init(_ name: String = "test", marks: InboxMarks = .standard) throws(SystemError) {
        loop = try EpollLoop(name: name, marks: marks)
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, loopThread, Unmanaged.passRetained(Start(loop)).toOpaque())
        precondition(status == 0, "the process may not start threads: \(status)")
        self.thread = UInt(thread)
    }

    /// Runs `body` on the loop, and gives what it returns.
    ///
    /// It stays the caller's task, which only moves to the loop for that time: what the test library knows of a test goes along.
    package func run<Result: Sendable, Failure: Error>(
        _ body: @escaping @LoopActor @Sendable (EpollLoop) async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let loop = loop
        return try await withTaskExecutorPreference(loop) { () async throws(Failure) -> Result in try await Self.enter(loop, body) }
    }

    /// Concurrent, and so on the preferred executor: the loop, where alone its actor can be entered.
    @concurrent
    private static func enter<Result: Sendable, Failure: Error>(
        _ loop: EpollLoop, _ body: @escaping @LoopActor @Sendable (EpollLoop) async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        // A real move: the compiler leaves out the hop to an executor that is left again at once.
        await Task.yield()
        return try await body(loop)
    }

    /// From any thread: `body` runs in the loop's next turn.
    package func onLoop(_ body: @escaping @LoopActor @Sendable () -> Void) { _ = loop.inbox.put(InboxItem(Call(body), event: 0)) }

    /// Ends the loop and waits for its thread. Once.
    package func stop() {
        let loop = loop
        onLoop { loop.stop() }
        pthread_join(pthread_t(thread), nil)
    }

    private final class Call: InboxReceiver {
        private let body: @LoopActor @Sendable () -> Void
        init(_ body: @escaping @LoopActor @Sendable () -> Void) { self.body = body }
        @LoopActor func receive(_ item: InboxItem) { body() }
    }

    fileprivate static func enter(_ argument: UnsafeMutableRawPointer) {
        Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().loop.run()
    }
}

/// A free function: a closure literal would inherit an isolation that this thread does not have.
private func loopThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument { LoopThread.enter(argument) }
    return nil
}
