package import EventLoop
package import ServiceRuntime

/// A tool's command on a loop of its own.
package enum CommandLoop {
    /// Runs `body` on a loop on this thread until it returns, and gives its exit code. The promise is fulfilled by SIGINT or SIGTERM. What keeps
    /// the loop from running is said on standard error, with the command's name.
    package nonisolated static func run(
        _ command: String, _ body: @escaping @LoopActor @Sendable (EpollLoop, Promise<Void>) async -> ExitCode
    ) -> ExitCode {
        do {
            let loop = try EpollLoop(name: command)
            let outcome = Outcome()
            loop.spawn {
                do {
                    let stop = Promise<Void>(on: loop)
                    let watcher = SignalWatcher(try UnixSignals(), stop)
                    let descriptor = watcher.descriptor
                    try loop.watch(descriptor, for: .readable, watcher)
                    outcome.code = await body(loop, stop)
                    loop.unwatch(descriptor)
                } catch {
                    StandardStreams.complain("\(command): \(error)\n")
                }
                loop.stop()
            }
            loop.run()
            return outcome.code
        } catch {
            StandardStreams.complain("\(command): \(error)\n")
            return .failure
        }
    }
}

// Safety: written on the loop, read on the same thread after the loop has ended.
private final class Outcome: @unchecked Sendable {
    var code = ExitCode.failure
}

@LoopActor
private final class SignalWatcher: FileEventHandler {
    private var signals: UnixSignals
    private let stop: Promise<Void>
    var descriptor: Int32 { signals.fileDescriptor }

    init(_ signals: consuming UnixSignals, _ stop: Promise<Void>) {
        self.signals = signals
        self.stop = stop
    }

    func ready(_ events: FileEvents) {
        if !signals.drain().isEmpty { stop.fulfil(()) }
    }
}
