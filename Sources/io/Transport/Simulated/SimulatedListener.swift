import ClusterModel
import EventLoop

/// A port that takes connections. The kernel completes them, and they wait there until the process accepts.
final class SimulatedListener: StreamListener, InboxReceiver, @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    let address: Address
    private let host: SimulatedHost
    private let fabric: SimulatedFabric
    private var accept: (@LoopActor (any ByteStream) -> Void)?
    private var isAccepting = true
    private var isPosted = false
    private var backlog = Queue<SimulatedStream>()

    /// As in nng: beyond it a kernel drops requests, and the dialer's tries again.
    static let backlogLimit = 128

    init(on address: Address, host: SimulatedHost, fabric: SimulatedFabric, _ accept: @escaping @LoopActor (any ByteStream) -> Void) {
        self.address = address
        self.host = host
        self.fabric = fabric
        self.accept = accept
    }

    var hasRoom: Bool { backlog.count < Self.backlogLimit }

    func offer(_ stream: SimulatedStream) {
        backlog.append(stream)
        post()
    }

    func setAccepting(_ accepting: Bool) {
        isAccepting = accepting
        post()
    }

    func close() {
        guard accept != nil else { return }
        accept = nil
        host.closed(self)
        while let stream = backlog.popFirst() { stream.close() }
    }

    func died() {
        accept = nil
        backlog.removeAll()
    }

    private func post() {
        guard isAccepting, !isPosted, accept != nil, !backlog.isEmpty else { return }
        isPosted = true
        _ = host.loop.inbox.put(InboxItem(self, event: 0))
    }

    func receive(_ item: InboxItem) {
        isPosted = false
        guard let accept, let stream = backlog.popFirst() else { return }
        accept(stream)
        post()
    }
}

/// One attempt to connect.
final class SimulatedDial: InboxReceiver, @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    private let address: Address
    private let host: SimulatedHost
    private let fabric: SimulatedFabric
    private let done: @LoopActor (Result<any ByteStream, TransportError>) -> Void
    private var outcome: Result<SimulatedStream, TransportError>?

    /// When a kernel repeats a request that was not answered.
    private static let retry = Duration.seconds(1)

    init(
        to address: Address, from host: SimulatedHost, fabric: SimulatedFabric,
        _ done: @escaping @LoopActor (Result<any ByteStream, TransportError>) -> Void
    ) {
        self.address = address
        self.host = host
        self.fabric = fabric
        self.done = done
    }

    func start(_ timeout: Duration) {
        fabric.world.schedule(after: timeout) { [self] in complete(.failure(error(.timedOut, "timed out"))) }
        request()
    }

    private func request() {
        guard let target = fabric.host(for: address, from: host) else {
            return fabric.world.schedule(after: fabric.plan.standard.delay) { [self] in
                complete(.failure(error(.refused, "no such host")))
            }
        }
        fabric.route(host.name, target.name).carry { [self] in requested(of: target.name) }
    }

    /// At the other host, whoever lives there now.
    private func requested(of name: String) {
        guard outcome == nil, let target = fabric.hosts.first(where: { $0.name == name }), !target.isUnreachable else { return }
        let back = fabric.route(target.name, host.name)
        guard let listener = target.listener(at: address.port) else {
            return back.carry { [self] in complete(.failure(error(.refused, "connection refused"))) }
        }
        guard listener.address.scheme == address.scheme else {
            return back.carry { [self] in complete(.failure(error(.tlsFailed, "one side speaks TLS and the other does not"))) }
        }
        guard listener.hasRoom else { return fabric.world.schedule(after: Self.retry) { [self] in if outcome == nil { request() } } }
        let here = Address(address.scheme, host: host.name, port: host.freePort())
        let there = Address(address.scheme, host: target.name, port: address.port)
        let dialled = SimulatedStream(host: host, fabric: fabric, local: here, remote: there)
        let accepted = SimulatedStream(host: target, fabric: fabric, local: there, remote: here)
        let connection = fabric.connect(dialled, accepted)
        if host.isDead { connection.processDied(host, .reset) }
        listener.offer(accepted)
        back.carry { [self] in complete(.success(dialled)) }
    }

    private func complete(_ result: Result<SimulatedStream, TransportError>) {
        guard outcome == nil else {
            if case .success(let late) = result { late.shut() }
            return
        }
        outcome = result
        _ = host.loop.inbox.put(InboxItem(self, event: 0))
    }

    func receive(_ item: InboxItem) {
        switch outcome {
        case .success(let stream): done(.success(stream))
        case .failure(let error): done(.failure(error))
        case nil: preconditionFailure("put when there is an outcome")
        }
    }

    private func error(_ code: TransportError.Code, _ what: String) -> TransportError {
        TransportError(code, "dialling \(address): \(what)")
    }
}
