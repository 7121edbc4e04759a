import EventLoop
import Glibc

/// What another process writes to one of its descriptors, as lines.
@LoopActor
final class PipeReader: FileEventHandler {
    /// Of a process that says more, the first lines are forgotten: tests look at what was said lately.
    private static let lineLimit = 20_000
    private static let readBytes = 64 << 10

    /// For the process that writes; closed here by `start`.
    let writeEnd: Int32
    private let readEnd: Int32
    private let loop: EpollLoop
    private var unfinished: [UInt8] = []
    private(set) var lines: [String] = []
    private(set) var isAtEnd = false

    init(on loop: EpollLoop) throws {
        var ends: [Int32] = [0, 0]
        // A pair of sockets, since these are born closed to other children; a pipe would leak into one that another thread starts just now.
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw SystemError("socketpair", code: errno) }
        self.loop = loop
        readEnd = ends[0]
        writeEnd = ends[1]
        // Only our end: a process that finds its standard error full must wait, not fail.
        _ = fcntl(readEnd, F_SETFL, O_NONBLOCK)
        do throws(SystemError) { try loop.watch(readEnd, for: .readable, self) } catch {
            Glibc.close(readEnd)
            Glibc.close(writeEnd)
            throw error
        }
    }

    func start() { Glibc.close(writeEnd) }

    /// Instead of `start`.
    func close() {
        loop.unwatch(readEnd)
        Glibc.close(readEnd)
        Glibc.close(writeEnd)
        isAtEnd = true
    }

    func ready(_ events: FileEvents) {
        var chunk = [UInt8](repeating: 0, count: Self.readBytes)
        while true {
            let count = read(readEnd, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            guard count > 0 else { return end() }
            take(chunk[..<count])
        }
    }

    private func take(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
            add(unfinished + rest[..<newline])
            unfinished = []
            rest = rest[(newline + 1)...]
        }
        unfinished += rest
    }

    private func add(_ line: [UInt8]) {
        lines.append(String(decoding: line, as: UTF8.self))
        if lines.count > 2 * Self.lineLimit { lines.removeFirst(Self.lineLimit) }
    }

    private func end() {
        if !unfinished.isEmpty { add(unfinished) }
        loop.unwatch(readEnd)
        Glibc.close(readEnd)
        isAtEnd = true
    }
}
