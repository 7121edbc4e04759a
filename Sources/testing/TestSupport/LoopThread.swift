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

    /// Runs `body` as a task on the loop, and gives what it returns.
    package func run<Result: Sendable>(_ body: @escaping @LoopActor @Sendable (EpollLoop) async -> Result) async -> Result {
        let loop = loop
        return await withCheckedContinuation { continuation in
            onLoop { loop.spawn { continuation.resume(returning: await body(loop)) } }
        }
    }

    package func run<Result: Sendable>(
        _ body: @escaping @LoopActor @Sendable (EpollLoop) async throws -> Result
    ) async throws -> Result {
        let loop = loop
        return try await withCheckedThrowingContinuation { continuation in
            onLoop {
                loop.spawn {
                    do { continuation.resume(returning: try await body(loop)) } catch { continuation.resume(throwing: error) }
                }
            }
        }
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
