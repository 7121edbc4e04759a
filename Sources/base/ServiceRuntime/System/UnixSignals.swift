import Glibc
import Synchronization

/// What the outside asks of the process.
package enum ProcessSignal: Hashable, Sendable {
    /// The first SIGTERM or SIGINT: end well.
    case drain(by: String)
    /// Any later one: leave now.
    case leaveNow(by: String)
    /// SIGHUP: read again what can be read again.
    case hangup
}

package enum UnixSignalsError: Error, Hashable, Sendable {
    /// Handlers belong to the process; one owner at a time.
    case alreadyInstalled
    case system(call: String, errno: Int32)
}

/// SIGTERM, SIGINT and SIGHUP as bytes in a pipe that the event loop watches; SIGPIPE is ignored.
///
/// The handler only writes one byte to a pipe that never blocks. The pipe holds 65,536 bytes; signals beyond that are lost until it is drained.
/// The value ends with `close()` or with its scope, on the thread that made it: then the former handlers and mask are back.
package struct UnixSignals: ~Copyable {
    /// Readable when a signal waits. Non-blocking; read by `drain()` only.
    package let fileDescriptor: Int32
    private let writeEnd: Int32
    private let former: [(number: Int32, action: sigaction)]
    private let formerMask: sigset_t
    private var stopsSeen = 0

    package init() throws(UnixSignalsError) {
        guard Self.installed.compareExchange(expected: false, desired: true, ordering: .sequentiallyConsistent).exchanged else {
            throw .alreadyInstalled
        }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            let code = errno
            Self.installed.store(false, ordering: .sequentiallyConsistent)
            throw .system(call: "pipe", errno: code)
        }
        for end in ends {
            // Cannot fail on descriptors that were just made.
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        fileDescriptor = ends[0]
        writeEnd = ends[1]
        // Before the first handler can run: this also makes the once-only initialization of the globals happen here and not in a handler.
        signalPipe.store(ends[1], ordering: .sequentiallyConsistent)
        _ = handlersRunning.load(ordering: .sequentiallyConsistent)

        var former: [(number: Int32, action: sigaction)] = []
        for number in [SIGTERM, SIGINT, SIGHUP] { former.append((number, Self.install(number, writeSignalByte))) }
        former.append((SIGPIPE, Self.install(SIGPIPE, SIG_IGN)))
        self.former = former

        // A process inherits the mask of the thread that started it, and thread pools block everything: without this, no signal would arrive.
        var ours = sigset_t()
        sigemptyset(&ours)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&ours, number) }
        var formerMask = sigset_t()
        pthread_sigmask(SIG_UNBLOCK, &ours, &formerMask)
        self.formerMask = formerMask
    }

    deinit {
        var formerMask = formerMask
        pthread_sigmask(SIG_SETMASK, &formerMask, nil)
        for (number, action) in former.reversed() {
            var action = action
            sigaction(number, &action, nil)
        }
        signalPipe.store(-1, ordering: .sequentiallyConsistent)
        // A handler on another thread may hold the descriptor; closing it under its hands would let the byte go to whoever opens next.
        while handlersRunning.load(ordering: .sequentiallyConsistent) != 0 { sched_yield() }
        Glibc.close(fileDescriptor)
        Glibc.close(writeEnd)
        Self.installed.store(false, ordering: .sequentiallyConsistent)
    }

    /// Gives the former handlers back.
    package consuming func close() {}

    /// All signals that came since the last call, oldest first. Never blocks.
    package mutating func drain() -> [ProcessSignal] {
        var signals: [ProcessSignal] = []
        var bytes = [UInt8](repeating: 0, count: 64)
        while true {
            let count = bytes.withUnsafeMutableBytes { read(fileDescriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            // The end of the pipe cannot come while we hold the other end: what is left is "nothing more".
            guard count > 0 else { return signals }
            for byte in bytes[..<count] { signals.append(signal(Int32(byte))) }
        }
    }

    private mutating func signal(_ number: Int32) -> ProcessSignal {
        guard number != SIGHUP else { return .hangup }
        let name = number == SIGTERM ? "SIGTERM" : "SIGINT"
        stopsSeen += 1
        return stopsSeen == 1 ? .drain(by: name) : .leaveNow(by: name)
    }

    /// Returns what was installed before. Valid signal numbers and actions cannot fail.
    private static func install(_ number: Int32, _ handler: __sighandler_t?) -> sigaction {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = handler
        action.sa_flags = SA_RESTART | SA_ONSTACK
        sigfillset(&action.sa_mask)
        var former = sigaction()
        let status = sigaction(number, &action, &former)
        precondition(status == 0, "sigaction of signal \(number)")
        return former
    }

    private static let installed = Atomic<Bool>(false)
}

// What the handler touches. It may interrupt any instruction of any thread, so it may only load lock-free atomics that are initialized
// already, and call write(2). Constants of an atomic type need no exclusivity check and no unsafe annotation.

/// The pipe's writing end, or -1.
private let signalPipe = Atomic<Int32>(-1)
/// Handlers between their first and last instruction, on all threads.
private let handlersRunning = Atomic<Int>(0)

private func writeSignalByte(_ number: Int32) {
    // The interrupted code may be between a failed call and its look at errno.
    let interrupted = errno
    handlersRunning.add(1, ordering: .sequentiallyConsistent)
    let descriptor = signalPipe.load(ordering: .sequentiallyConsistent)
    if descriptor >= 0 {
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(descriptor, &byte, 1)
    }
    handlersRunning.subtract(1, ordering: .sequentiallyConsistent)
    errno = interrupted
}
