import Glibc
import ServiceRuntime
import Testing

/// One after the other: handlers belong to the whole process.
@Suite(.serialized) struct UnixSignalsTests {
    private func isReadable(_ descriptor: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 0) == 1
    }

    @Test("a signal makes the descriptor readable and is told once")
    func told() throws {
        var signals = try UnixSignals()
        #expect(signals.drain() == [])
        #expect(!isReadable(signals.fileDescriptor))
        raise(SIGHUP)
        #expect(isReadable(signals.fileDescriptor))
        #expect(signals.drain() == [.hangup])
        #expect(!isReadable(signals.fileDescriptor))
        #expect(signals.drain() == [])
    }

    @Test(
        "the first stop asks to drain, every later one to leave now",
        arguments: [(SIGTERM, SIGTERM), (SIGINT, SIGINT), (SIGTERM, SIGINT), (SIGINT, SIGTERM)])
    func stops(first: Int32, second: Int32) throws {
        func name(_ number: Int32) -> String { number == SIGTERM ? "SIGTERM" : "SIGINT" }
        var signals = try UnixSignals()
        raise(first)
        raise(SIGHUP)
        #expect(signals.drain() == [.drain(by: name(first)), .hangup])
        raise(second)
        raise(second)
        #expect(signals.drain() == [.leaveNow(by: name(second)), .leaveNow(by: name(second))])
    }

    @Test("a signal that the starting thread had blocked arrives all the same, and is blocked again afterwards")
    func unblocks() throws {
        func isBlocked() -> Bool {
            var mask = sigset_t()
            pthread_sigmask(SIG_BLOCK, nil, &mask)
            return sigismember(&mask, SIGTERM) == 1
        }
        var only = sigset_t(), before = sigset_t()
        sigemptyset(&only)
        sigaddset(&only, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &only, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var signals = try UnixSignals()
        #expect(!isBlocked())
        raise(SIGTERM)
        #expect(signals.drain() == [.drain(by: "SIGTERM")])
        signals.close()
        #expect(isBlocked())
    }

    @Test("more signals than one read takes keep their order")
    func many() throws {
        var signals = try UnixSignals()
        for _ in 0..<200 { raise(SIGHUP) }
        raise(SIGTERM)
        let told = signals.drain()
        #expect(told.count == 201 && told.dropLast().allSatisfy { $0 == .hangup })
        #expect(told.last == .drain(by: "SIGTERM"))
    }

    @Test("a full pipe blocks nobody and is usable again when drained")
    func full() throws {
        var signals = try UnixSignals()
        for _ in 0..<70_000 { raise(SIGHUP) }
        #expect(signals.drain().count == 65_536)
        raise(SIGTERM)
        #expect(signals.drain() == [.drain(by: "SIGTERM")])
    }

    @Test("the interrupted code finds its errno unchanged, even when the handler's write fails")
    func errnoKept() throws {
        let signals = try UnixSignals()
        errno = ENOTSUP
        for _ in 0..<70_000 { raise(SIGHUP) }
        let after = errno
        #expect(after == ENOTSUP)
        signals.close()
    }

    @Test("a write to a closed pipe is an error and not the end of the process")
    func brokenPipe() throws {
        let signals = try UnixSignals()
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        close(ends[0])
        #expect(write(ends[1], "x", 1) == -1 && errno == EPIPE)
        close(ends[1])
        signals.close()
    }

    @Test("one owner at a time; the end gives descriptors and former handlers back")
    func restores() throws {
        func current(_ number: Int32) -> UInt {
            var action = sigaction()
            sigaction(number, nil, &action)
            return UInt(bitPattern: unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self))
        }
        let numbers = [SIGTERM, SIGINT, SIGHUP, SIGPIPE]
        let ours = signal(SIGHUP, SIG_IGN)
        let before = numbers.map(current)
        var descriptor: Int32
        do {
            let signals = try UnixSignals()
            descriptor = signals.fileDescriptor
            #expect(throws: UnixSignalsError.alreadyInstalled) { _ = try UnixSignals() }
            #expect(Array(zip(numbers.map(current), before)).allSatisfy { $0.0 != $0.1 })
            #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0)
            #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
            signals.close()
        }
        #expect(numbers.map(current) == before)
        signal(SIGHUP, ours)
        // A new owner counts from the start.
        var again = try UnixSignals()
        raise(SIGTERM)
        #expect(again.drain() == [.drain(by: "SIGTERM")])
        descriptor = again.fileDescriptor
        #expect(fcntl(descriptor, F_GETFD) >= 0)
    }
}
