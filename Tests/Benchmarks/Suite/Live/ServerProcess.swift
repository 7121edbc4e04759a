import CTwins
import Glibc

/// A running server program in a process group of its own, whose output goes to a file.
///
/// It ends with this object; and with this process, should a signal end that.
final class ServerProcess {
    let program: ServerProgram
    let id: pid_t
    let log: String
    /// Set once it was waited for.
    private var hasEnded = false

    /// How long it may take to leave after SIGTERM, before it is killed.
    private static let leaveMilliseconds = 5_000
    /// What a failure shows of the log.
    private static let shownBytes = 4_000

    init(_ program: ServerProgram, log: String) throws(BenchmarkFailure) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)
        var words: [UnsafeMutablePointer<CChar>?] = ([program.path] + program.arguments).map { strdup($0) } + [nil]
        var settings: [UnsafeMutablePointer<CChar>?] = Self.environment(program).map { strdup($0) } + [nil]
        defer { for word in words + settings { free(word) } }
        var child = pid_t()
        let status = posix_spawnp(&child, program.path, &actions, &attributes, &words, &settings)
        guard status == 0 else { throw BenchmarkFailure("cannot start \(program.path): \(String(cString: strerror(status)))") }
        id = child
        self.program = program
        self.log = log
        guard ctwins_guard_group(child) else {
            end()
            throw BenchmarkFailure("too many processes at once")
        }
    }

    deinit { end() }

    /// This process's own, without what is meant for other runs of these programs.
    private static func environment(_ program: ServerProgram) -> [String] {
        var lines: [String] = [], place = environ
        while let line = place.pointee {
            let text = String(cString: line)
            if !text.hasPrefix("APUS_"), !text.hasPrefix("DYN_") { lines.append(text) }
            place += 1
        }
        return lines + program.environment.map { "\($0.name)=\($0.value)" }
    }

    var isRunning: Bool {
        guard !hasEnded else { return false }
        hasEnded = waitpid(id, nil, WNOHANG) == id
        return !hasEnded
    }

    func askToLeave() { if isRunning { kill(id, SIGTERM) } }

    /// SIGTERM, a while for it to leave, then SIGKILL for all that is left of its group.
    func end() {
        askToLeave()
        for _ in 0..<Self.leaveMilliseconds / 5 where isRunning { Measuring.rest(milliseconds: 5) }
        kill(-id, SIGKILL)
        if !hasEnded {
            while waitpid(id, nil, 0) < 0, errno == EINTR {}
            hasEnded = true
        }
        ctwins_release_group(id)
    }

    /// The end of its log, for a failure's words.
    var lastWords: String {
        guard let file = fopen(log, "re") else { return "" }
        defer { fclose(file) }
        if fseek(file, -Self.shownBytes, SEEK_END) != 0 { rewind(file) }
        var bytes = [UInt8](repeating: 0, count: Self.shownBytes)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
        return "the end of what \(program.part) wrote:\n\(String(decoding: bytes, as: UTF8.self))"
    }
}
