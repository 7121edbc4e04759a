import ClusterModel
package import EventLoop
import Glibc

/// Another process, with what it writes read by this loop. It does not outlive the thread that started it.
@LoopActor
package final class ChildProcess {
    package enum Ending: Hashable, Sendable {
        case exited(Int32)
        case killed(by: Int32)
    }

    package struct NotStarted: Error, CustomStringConvertible {
        package let description: String
    }

    package let name: String
    package let process: Int32
    package private(set) var ending: Ending?
    private let loop: EpollLoop
    private let output: PipeReader
    private let errors: PipeReader

    /// Ends a child whose parent thread is gone, however that came about; in every Debian, but the harness works without it too.
    private static let guardian = "/usr/bin/setpriv"
    /// How often a process that has closed its outputs is asked whether it is over; it takes the kernel well under a millisecond.
    private static let reapInterval = Duration.milliseconds(1)

    /// Starts the program at `path`, with nothing of this process but its environment and `environment`.
    package init(
        _ name: String, at path: String, _ arguments: [String], environment: [(name: String, value: String)] = [], on loop: EpollLoop
    ) throws {
        self.name = name
        self.loop = loop
        let output = try PipeReader(on: loop), errors = try PipeReader(on: loop)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output.writeEnd, 1)
        posix_spawn_file_actions_adddup2(&actions, errors.writeEnd, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Threads of the test's pool block every signal, and a child inherits that.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        // A group of its own: Ctrl-C at the terminal reaches the tests, which end their children themselves.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

        let guarded = access(Self.guardian, X_OK) == 0
        let program = guarded ? Self.guardian : path
        let command: [String] = guarded ? [program, "--pdeathsig", "KILL", path] : [path]
        var words = (command + arguments).map { strdup($0) } + [nil]
        var variables = Self.environment(with: environment).map { strdup($0) } + [nil]
        defer { for text in words + variables { free(text) } }
        var child = pid_t()
        let status = posix_spawn(&child, program, &actions, &attributes, &words, &variables)
        guard status == 0 else {
            output.close()
            errors.close()
            throw NotStarted(description: "cannot start \(path): \(String(cString: strerror(status)))")
        }
        process = child
        self.output = output
        self.errors = errors
        output.start()
        errors.start()
        reap()
    }

    private static func environment(with added: [(name: String, value: String)]) -> [String] {
        var all: [String] = [], next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if !added.contains(where: { text.hasPrefix("\($0.name)=") }) { all.append(text) }
            next += 1
        }
        return all + added.map { "\($0.name)=\($0.value)" }
    }

    // MARK: What it said

    package var outputLines: [String] { output.lines }
    /// Of standard error.
    package var lines: [String] { errors.lines }
    /// Its standard error as log lines; what is none is left out.
    package var log: [LogRecord] { errors.lines.compactMap(LogRecord.init) }

    /// The first log line of that message, waited for.
    package func logged(_ message: String, within limit: Duration) async throws -> LogRecord {
        var found: LogRecord?, seen = 0
        let name = name
        try await loop.until("\(name) says '\(message)'", within: limit) {
            while found == nil, seen < self.errors.lines.count {
                if let record = LogRecord(self.errors.lines[seen]), record.message == message { found = record }
                seen += 1
            }
            return found != nil || self.ending != nil
        }
        guard let found else { throw Unmet("\(name) ended without saying '\(message)':\n\(lastWords)") }
        return found
    }

    /// The end of its standard error, for messages of failed tests.
    package var lastWords: String { errors.lines.suffix(15).joined(separator: "\n") }

    // MARK: Its life

    package var isRunning: Bool { ending == nil }

    package func signal(_ number: Int32) {
        // Not over for us, so not reaped: the number is still its own.
        if ending == nil { kill(process, number) }
    }

    package func terminate() { signal(SIGTERM) }
    package func killNow() { signal(SIGKILL) }
    /// It stops running; its sockets stay open.
    package func freeze() { signal(SIGSTOP) }
    package func thaw() { signal(SIGCONT) }

    package func ended(within limit: Duration) async throws -> Ending {
        try await loop.until("\(name) ends", within: limit) { self.ending != nil }
        guard let ending else { throw Unmet("\(name) ends") }
        return ending
    }

    /// Both outputs end with the process, since no other holds their ends; then it is waited for, which makes its number free again.
    private func reap() {
        loop.schedule(after: Self.reapInterval) { [self] in
            var status: Int32 = 0
            guard output.isAtEnd, errors.isAtEnd, waitpid(process, &status, WNOHANG) == process else { return reap() }
            ending = status & 0x7F == 0 ? .exited((status >> 8) & 0xFF) : .killed(by: status & 0x7F)
        }
    }
}

/// What did not happen in its time.
package struct Unmet: Error, CustomStringConvertible {
    package let description: String
    package init(_ what: String) { description = "did not happen: \(what)" }
}

extension Loop {
    /// Waits, on this loop, until the condition holds.
    @LoopActor
    package func until(_ what: String, within limit: Duration, _ condition: @LoopActor () throws -> Bool) async throws {
        let deadline = now + limit
        while try condition() == false {
            guard now < deadline else { throw Unmet("\(what), within \(limit)") }
            await sleep(for: .milliseconds(2))
        }
    }
}
