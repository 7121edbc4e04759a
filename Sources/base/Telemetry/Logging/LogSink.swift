import Glibc
import Synchronization

/// Where finished lines go. Called from any thread.
package protocol LogSink: Sendable {
    /// Takes one whole line with its newline, without waiting. False: the line is lost.
    func write(_ line: [UInt8]) -> Bool
}

/// Lines to a file descriptor, standard error as a rule: one `write` a line.
///
/// A full pipe never holds the caller: the sink asks for room first and gives the line up when there is none. The descriptor's own flags
/// stay as they are, because other processes share them. The process ignores SIGPIPE (`ServiceRuntime` sees to that).
package final class DescriptorSink: LogSink {
    private let descriptor: Int32
    /// A line was cut (a full disk): the next one starts on a line of its own.
    private let cut = Atomic<Bool>(false)

    /// The descriptor stays open and the caller's.
    package init(descriptor: Int32 = STDERR_FILENO) { self.descriptor = descriptor }

    package func write(_ line: [UInt8]) -> Bool {
        guard hasRoom() else { return false }
        if cut.exchange(false, ordering: .relaxed) { return writeAll([UInt8(ascii: "\n")] + line) }
        return writeAll(line)
    }

    private func writeAll(_ bytes: [UInt8]) -> Bool {
        while true {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written == bytes.count { return true }
            if written < 0, errno == EINTR { continue }
            if written > 0 { cut.store(true, ordering: .relaxed) }
            return false
        }
    }

    /// A pipe is writable when a page is free, and a line is never longer than that.
    private func hasRoom() -> Bool {
        var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        while poll(&watched, 1, 0) < 0 { guard errno == EINTR else { return false } }
        return Int32(watched.revents) & (POLLOUT | POLLERR | POLLHUP | POLLNVAL) == POLLOUT
    }
}

extension LogStyle {
    /// The style for this descriptor: JSON unless it is a terminal; colours there unless `NO_COLOR` is set or the terminal is dumb.
    package static func detected(for descriptor: Int32 = STDERR_FILENO) -> LogStyle {
        choose(isTerminal: isatty(descriptor) == 1, noColor: environment("NO_COLOR"), terminal: environment("TERM"))
    }

    /// `NO_COLOR` counts when it is set and not empty (no-color.org).
    static func choose(isTerminal: Bool, noColor: String?, terminal: String?) -> LogStyle {
        guard isTerminal else { return .json }
        return .readable(colours: (noColor ?? "").isEmpty && terminal != "dumb")
    }

    private static func environment(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        return String(cString: value)
    }
}
