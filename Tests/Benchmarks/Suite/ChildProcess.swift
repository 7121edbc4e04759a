import Glibc

/// Another process, with its standard output in a pipe.
struct ChildProcess: ~Copyable {
    private let process: pid_t
    private let output: Int32
    private var unread: [UInt8] = []

    /// This program in a role.
    static func role(_ arguments: [String]) throws(BenchmarkFailure) -> ChildProcess {
        try ChildProcess("/proc/self/exe", [CommandLine.arguments[0], "--role"] + arguments)
    }

    /// `posix_spawn`, so that it works whatever threads this process has.
    init(_ program: String, _ arguments: [String]) throws(BenchmarkFailure) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw BenchmarkFailure("no pipe: \(String(cString: strerror(errno)))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var child = pid_t()
        let status = posix_spawnp(&child, program, &actions, nil, &words, environ)
        close(ends[1])
        guard status == 0 else {
            close(ends[0])
            throw BenchmarkFailure("cannot start \(program): \(String(cString: strerror(status)))")
        }
        process = child
        output = ends[0]
    }

    deinit { close(output) }

    /// The next line without its end, or nil at the end of the output or after `limit` seconds of silence.
    mutating func line(within limit: Int32) -> String? {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                defer { unread.removeSubrange(...end) }
                return String(decoding: unread[..<end], as: UTF8.self)
            }
            var ready = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, limit * 1_000) > 0 else { return nil }
            var chunk = [UInt8](repeating: 0, count: 4096)
            let count = read(output, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            unread += chunk[..<count]
        }
    }

    /// Waits for its end; the exit status, or 128 and the signal.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }

    func terminate() { kill(process, SIGTERM) }

    /// Waits for its end, and brings it about after so many seconds of silence; the exit status, or 128 and the signal.
    mutating func end(within limit: Int32) -> Int32 {
        while line(within: limit) != nil {}
        // Nothing to one that has ended.
        kill(process, SIGKILL)
        return wait()
    }
}
