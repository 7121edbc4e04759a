internal import CSys
import ClusterModel
import Glibc

/// Another program that works for this process alone: a socket to it, the lines that it writes, and its end.
///
/// It does not outlive this object's `kill`, nor by its own doing the thread that started it. It has no descriptor of this process but its end of
/// the socket, as number 3.
@LoopActor
package final class HelperProcess: FileEventHandler {
    package let process: Int32
    package let socket: any ByteSocket
    private let loop: EpollLoop
    private let watch: Int32
    private let output: LineReader
    private let whenEnded: @LoopActor (ProcessEnding) -> Void
    private var hasEnded = false

    /// - Parameters:
    ///   - environment: variables, each `NAME=value`: all that it gets.
    ///   - line: told of each line that it writes to its outputs, cut to a bounded length.
    ///   - ended: told once, when it is over and its number is free again.
    package init(
        at path: String, _ arguments: [String], environment: [String], on loop: EpollLoop, line: @escaping @LoopActor (String) -> Void,
        ended: @escaping @LoopActor (ProcessEnding) -> Void
    ) throws(SystemError) {
        let (socket, remote) = try SocketPair.make(on: loop)
        defer { apus_close(remote, 0) }
        let lines: (socket: any ByteSocket, other: Int32)
        do throws(SystemError) { lines = try SocketPair.make(on: loop) } catch {
            socket.close()
            throw error
        }
        defer { apus_close(lines.other, 0) }
        var words = ([path] + arguments).map { strdup($0) } + [nil], variables = environment.map { strdup($0) } + [nil]
        defer { for text in words + variables { free(text) } }
        let process = apus_spawn(path, &words, &variables, remote, lines.other)
        let watch = process > 0 ? apus_watch_process(process) : -1
        guard process > 0, watch >= 0 else {
            socket.close()
            lines.socket.close()
            guard process > 0 else { throw SystemError("posix_spawn", code: -process) }
            Self.abandon(process)
            throw SystemError("pidfd_open", code: -watch)
        }
        self.process = process
        self.socket = socket
        self.loop = loop
        self.watch = watch
        whenEnded = ended
        output = LineReader(lines.socket, line)
        do throws(SystemError) { try loop.watch(watch, for: .readable, self) } catch {
            apus_close(watch, 0)
            socket.close()
            lines.socket.close()
            Self.abandon(process)
            throw error
        }
        output.start()
    }

    /// One that cannot be watched: it is told to end, and left as a zombie until this process ends.
    private static func abandon(_ process: Int32) { apus_kill_process(process) }

    /// Ends it, if it is not over already; `ended` is told as usual.
    package func kill() {
        // Not reaped, so the number is still its own.
        if !hasEnded { apus_kill_process(process) }
    }

    package func ready(_ events: FileEvents) {
        var status: Int32 = 0
        guard !hasEnded, apus_reap(process, &status) != 0 else { return }
        hasEnded = true
        loop.unwatch(watch)
        apus_close(watch, 0)
        output.finish()
        whenEnded(status & 0x7F == 0 ? .exited((status >> 8) & 0xFF) : .killed(by: status & 0x7F))
    }
}
