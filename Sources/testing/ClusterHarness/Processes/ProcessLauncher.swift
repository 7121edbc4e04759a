import Glibc

/// What a program of ours is started by, which becomes that program: it limits it, or sends its log elsewhere.
package struct ProcessLauncher: Sendable {
    /// Each is a command that runs the words behind it as the same process; paths are absolute.
    private var prefix: [String] = []
    /// Where its standard error goes; nil: to us.
    private(set) var log: LogFile?

    package init() {}

    var words: [String] { prefix + (log?.launcher ?? []) }

    /// What sets limits of a process, before or while it runs.
    static let limiter = "/usr/bin/prlimit"

    /// It may have so many files and sockets open, and cannot raise that. Where the machine has no such tool, `NotPermitted`.
    static func descriptors(_ most: Int) throws -> ProcessLauncher {
        try requireLimiter()
        var launcher = ProcessLauncher()
        launcher.prefix = [limiter, "--nofile=\(most):\(most)", "--"]
        return launcher
    }

    static func requireLimiter() throws {
        guard access(limiter, X_OK) == 0 else { throw NotPermitted(description: "there is no prlimit command (package util-linux)") }
    }

    package static func logging(to log: LogFile) -> ProcessLauncher {
        var launcher = ProcessLauncher()
        launcher.log = log
        return launcher
    }

    static func inside(_ group: MemoryGroup) -> ProcessLauncher {
        var launcher = ProcessLauncher()
        launcher.prefix = ["/bin/sh", "-c", "echo $$ > \"$0\" && exec \"$@\"", group.members]
        return launcher
    }
}

/// A file that a process writes its log to.
package struct LogFile: Sendable {
    package let path: String
    /// Logs of drills are small.
    private static let mostBytes = 16 << 20

    package init(at path: String) { self.path = path }

    var launcher: [String] { ["/bin/sh", "-c", "exec \"$@\" 2>> \"$0\"", path] }

    /// As far as it is written.
    package var records: [LogRecord] { text.split(separator: "\n").compactMap { LogRecord(String($0)) } }
    package var byteCount: Int { text.utf8.count }

    private var text: String {
        guard let file = fopen(path, "re") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: Self.mostBytes)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
