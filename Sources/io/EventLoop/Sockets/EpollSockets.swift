internal import CSys
import ClusterModel
import Glibc

/// TCP through the kernel.
package final class EpollSockets: SocketSystem {
    private let loop: EpollLoop
    private let descriptorLimit: @Sendable () -> Int

    /// `descriptorLimit`: how many descriptors the process may have.
    package init(on loop: EpollLoop, descriptorLimit: @escaping @Sendable () -> Int = { DescriptorLimit.current }) {
        self.loop = loop
        self.descriptorLimit = descriptorLimit
    }

    package func listen(
        host: String, port: UInt16, options: ListenOptions, _ accept: @escaping @LoopActor (any ByteSocket) -> Void
    ) throws(SystemError) -> any SocketListener {
        var tuning = SocketTuning.options
        let descriptor = apus_tcp_listen(SocketTuning.numeric(host), port, options.backlog, options.sharesPort ? 1 : 0, &tuning)
        guard descriptor >= 0 else { throw SocketTuning.error("listen", -descriptor) }
        let port = apus_tcp_port(descriptor)
        guard port >= 0 else {
            apus_close(descriptor, 0)
            throw SystemError("getsockname", code: -port)
        }
        let reserved = options.leavesReserve ? descriptorLimit : nil
        let listener = EpollListener(descriptor, port: UInt16(port), on: loop, leavingReserveOf: reserved, accept)
        do throws(SystemError) { try loop.watch(descriptor, for: .readable, listener) } catch {
            apus_close(descriptor, 0)
            throw error
        }
        return listener
    }

    package func connect(
        host: String, port: UInt16, timeout: Duration, _ done: @escaping @LoopActor (Result<any ByteSocket, SystemError>) -> Void
    ) {
        var hosts = [SocketTuning.numeric(host)]
        // The name stands for both families; a server may listen on the other.
        if host == "localhost" { hosts.append("::1") }
        EpollConnecting(to: hosts, port: port, on: loop, done).start(timeout)
    }
}

@LoopActor
final class EpollListener: SocketListener, FileEventHandler {
    let port: UInt16
    private let loop: EpollLoop
    private let descriptor: Int32
    /// Of how many descriptors some are left to others; nil: it takes all that there are.
    private let descriptorLimit: (@Sendable () -> Int)?
    /// Dropped at the end: it may hold whoever holds this.
    private var accept: (@LoopActor (any ByteSocket) -> Void)?
    private(set) var pauses = 0
    private var isOpen = true
    private var isAccepting = true
    private var timer: TimerHandle?

    init(
        _ descriptor: Int32, port: UInt16, on loop: EpollLoop, leavingReserveOf descriptorLimit: (@Sendable () -> Int)?,
        _ accept: @escaping @LoopActor (any ByteSocket) -> Void
    ) {
        self.descriptor = descriptor
        self.descriptorLimit = descriptorLimit
        self.port = port
        self.loop = loop
        self.accept = accept
    }

    func setAccepting(_ accepting: Bool) {
        isAccepting = accepting
        updateInterest()
    }

    func close() {
        guard isOpen else { return }
        if isAccepting { while acceptOne() {} }
        isOpen = false
        accept = nil
        loop.cancel(timer)
        loop.unwatch(descriptor)
        apus_close(descriptor, 0)
    }

    func ready(_ events: FileEvents) {
        for _ in 0..<SocketTuning.acceptsPerTurn {
            guard isOpen, isAccepting, timer == nil, acceptOne() else { return }
        }
    }

    /// False when nobody waits, or nobody can be let in.
    private func acceptOne() -> Bool {
        var loopback: Int32 = 0
        let accepted = apus_tcp_accept(descriptor, &loopback)
        guard accepted < 0 else {
            let place = descriptorLimit.map { DescriptorReserve(limit: $0()).place(of: accepted) } ?? .free
            accept?(EpollSocket(accepted, peerIsLoopback: loopback != 0, usesReserve: place != .free, on: loop))
            if place == .last { pause() }
            return place != .last
        }
        switch -accepted {
        case EAGAIN: return false
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            pause()
            return false
        // The client left while it waited, or its network failed: the next one may be well.
        default: return true
        }
    }

    private func pause() {
        guard timer == nil else { return }
        pauses += 1
        timer = loop.schedule(after: SocketTuning.acceptPause) { [weak self] in
            self?.timer = nil
            self?.updateInterest()
        }
        updateInterest()
    }

    private func updateInterest() {
        guard isOpen else { return }
        loop.change(descriptor, to: isAccepting && timer == nil ? .readable : [])
    }
}

/// One attempt to connect, to each address in turn, within one deadline.
@LoopActor
private final class EpollConnecting: FileEventHandler {
    private let loop: EpollLoop
    private let port: UInt16
    private let done: @LoopActor (Result<any ByteSocket, SystemError>) -> Void
    private var hosts: [String]
    private var host = ""
    private var descriptor: Int32 = -1
    private var timer: TimerHandle?

    init(
        to hosts: [String], port: UInt16, on loop: EpollLoop, _ done: @escaping @LoopActor (Result<any ByteSocket, SystemError>) -> Void
    ) {
        self.hosts = hosts
        self.port = port
        self.loop = loop
        self.done = done
    }

    /// Held by the loop until it is done: by the timer, and by the watch.
    func start(_ timeout: Duration) {
        timer = loop.schedule(after: timeout) { self.fail(ETIMEDOUT) }
        tryNext(after: ECONNREFUSED)
    }

    private func tryNext(after code: Int32) {
        guard !hosts.isEmpty else { return failSoon(code) }
        host = hosts.removeFirst()
        var tuning = SocketTuning.options
        descriptor = apus_tcp_connect(host, port, &tuning)
        guard descriptor >= 0 else {
            let code = -descriptor
            descriptor = -1
            return tryNext(after: code)
        }
        do throws(SystemError) { try loop.watch(descriptor, for: .writable, self) } catch {
            apus_close(descriptor, 0)
            descriptor = -1
            failSoon(error.code)
        }
    }

    func ready(_ events: FileEvents) {
        let connected = descriptor, code = apus_tcp_error(connected)
        loop.unwatch(connected)
        descriptor = -1
        guard code == 0 else {
            apus_close(connected, 0)
            return tryNext(after: code)
        }
        loop.cancel(timer)
        // Asked here, while the peer is surely there.
        let isLoopback = host == "::1" || host.hasPrefix("127.")
        done(.success(EpollSocket(connected, peerIsLoopback: isLoopback, on: loop)))
    }

    /// Never within the call that began it.
    private func failSoon(_ code: Int32) {
        loop.cancel(timer)
        timer = loop.schedule(after: .zero) { self.fail(code) }
    }

    private func fail(_ code: Int32) {
        if descriptor >= 0 {
            loop.unwatch(descriptor)
            apus_close(descriptor, 0)
            descriptor = -1
        }
        done(.failure(SocketTuning.error("connect", code)))
    }
}
