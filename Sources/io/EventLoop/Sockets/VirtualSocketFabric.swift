import ClusterModel

/// What a simulated network does to connections. The defaults are a quiet local network.
package struct VirtualSocketPlan: Hashable, Sendable {
    /// Before anything arrives.
    package var delay = Duration.microseconds(100)
    /// Up to this is added to `delay`, drawn anew for each piece. Bytes never overtake each other for it.
    package var jitter = Duration.microseconds(100)
    /// What the kernels of both ends hold for one direction, unread bytes included; a sender past it is told that there is no room.
    package var bufferBytes = 256 << 10
    /// Bytes travel in pieces of random sizes up to this.
    package var pieceBytes = 64 << 10

    package init() {}
}

/// How a process with connections ends.
package enum SocketDeath: Sendable {
    /// Its kernel lives and resets them.
    case reset
    /// Its host is gone: peers hear nothing.
    case silent
}

/// The network between the clients and servers of a `VirtualWorld`. One for a world; each process has its `VirtualSockets` on it.
///
/// Connections never lose, repeat or reorder bytes; they delay, fill up, half-close and break. What happens follows from the world's seed.
package final class VirtualSocketFabric: @unchecked Sendable {
    // Safety: a fabric and all on it belong to the one thread that runs their world.

    package let world: VirtualWorld
    /// May be changed at any time; what is under way arrives as it would have.
    package var plan: VirtualSocketPlan
    private var generator: SeededRandom
    private(set) var hosts: [VirtualSockets] = []

    package init(_ world: VirtualWorld, plan: VirtualSocketPlan = VirtualSocketPlan()) {
        self.world = world
        self.plan = plan
        generator = world.random.split()
    }

    /// Ends of connections that are open; 0 at rest.
    package var openSockets: Int { hosts.reduce(0) { $0 + $1.sockets.count } }

    /// Resets every connection between two processes.
    package func breakConnections(between a: String, and b: String) {
        for host in hosts where host.name == a || host.name == b {
            for socket in host.sockets where socket.peer == (host.name == a ? b : a) { socket.breakNow() }
        }
    }

    func add(_ host: VirtualSockets) {
        if let index = hosts.firstIndex(where: { $0.name == host.name }) {
            precondition(hosts[index].isDead, "one process lives on a simulated host")
            hosts[index] = host
        } else {
            hosts.append(host)
        }
    }

    func latency() -> Duration {
        let jitter = plan.jitter.inNanoseconds
        return plan.delay + (jitter > 0 ? .nanoseconds(Int64(generator.next() % UInt64(jitter))) : .zero)
    }

    /// From 1 to `limit`.
    func random(upTo limit: Int) -> Int { 1 + Int(generator.next() % UInt64(limit)) }
}

/// The sockets of one simulated process. Its name is its host name.
package final class VirtualSockets: SocketSystem, @unchecked Sendable {
    // Safety: belongs to the thread of its world, like its loop.

    package let name: String
    let loop: VirtualLoop
    let fabric: VirtualSocketFabric
    private var listeners: [VirtualListener] = []
    private(set) var sockets: [VirtualSocket] = []
    private var nextPort: UInt16 = VirtualSockets.firstPort
    private var death: SocketDeath?

    /// Where the ports begin that the system chooses.
    private static let firstPort: UInt16 = 50_000
    /// A client whose server's backlog is full asks again.
    private static let retry = Duration.seconds(1)

    /// A second process of the same name replaces the first, which must be dead: a restart.
    package init(_ name: String, loop: VirtualLoop, on fabric: VirtualSocketFabric) {
        self.name = name
        self.loop = loop
        self.fabric = fabric
        fabric.add(self)
    }

    /// Ends of connections that are open here.
    package var openCount: Int { sockets.count }
    package var isDead: Bool { death != nil || loop.isDead }
    /// Nobody answers, not even a kernel.
    var isUnreachable: Bool { death == .silent }

    /// Ends the process: its loop never runs again. What peers notice depends on how it died. A loop that was killed by itself counts as
    /// a reset, noticed by whoever sends next.
    package func kill(_ how: SocketDeath) {
        guard death == nil else { return }
        death = how
        loop.kill()
        let ended = sockets
        sockets = []
        for socket in ended { socket.processDied(how) }
        for listener in listeners { listener.died() }
        listeners = []
    }

    // MARK: SocketSystem

    package func listen(
        host: String, port: UInt16, options: ListenOptions, _ accept: @escaping @LoopActor (any ByteSocket) -> Void
    ) throws(SystemError) -> any SocketListener {
        guard isHere(host) || host == "0.0.0.0" || host == "::" else { throw SocketTuning.unknownHost }
        let port = port == 0 ? freePort() : port
        guard listener(at: port) == nil else { throw SocketTuning.addressInUse }
        let listener = VirtualListener(port: port, backlog: Int(options.backlog), on: self, accept)
        listeners.append(listener)
        return listener
    }

    package func connect(
        host: String, port: UInt16, timeout: Duration, _ done: @escaping @LoopActor (Result<any ByteSocket, SystemError>) -> Void
    ) {
        let attempt = VirtualConnecting(on: self, done)
        fabric.world.schedule(after: timeout) { attempt.complete(.failure(SocketTuning.timedOut)) }
        guard let target = isHere(host) ? self : fabric.hosts.first(where: { $0.name == host }) else {
            return attempt.complete(.failure(SocketTuning.unknownHost))
        }
        request(target.name, port, attempt)
    }

    /// Travels to whoever lives at that name when it arrives.
    private func request(_ name: String, _ port: UInt16, _ attempt: VirtualConnecting) {
        let fabric = fabric
        fabric.world.schedule(after: fabric.latency()) { [self] in
            guard !attempt.isComplete, let target = fabric.hosts.first(where: { $0.name == name }), !target.isUnreachable else { return }
            guard !target.isDead, let listener = target.listener(at: port) else {
                return fabric.world.schedule(after: fabric.latency()) { attempt.complete(.failure(SocketTuning.refused)) }
            }
            guard listener.hasRoom else { return fabric.world.schedule(after: Self.retry) { self.request(name, port, attempt) } }
            let here = VirtualSocket(on: self, peer: target), there = VirtualSocket(on: target, peer: self)
            VirtualSocket.join(here, there)
            listener.offer(there)
            fabric.world.schedule(after: fabric.latency()) { attempt.complete(.success(here)) }
        }
    }

    private func isHere(_ host: String) -> Bool { host == name || host == "localhost" || host == "::1" || host.hasPrefix("127.") }

    private func listener(at port: UInt16) -> VirtualListener? { listeners.first { $0.port == port } }

    private func freePort() -> UInt16 {
        repeat { nextPort = nextPort == .max ? Self.firstPort : nextPort + 1 } while listener(at: nextPort) != nil
        return nextPort
    }

    func closed(_ listener: VirtualListener) { listeners.removeAll { $0 === listener } }

    func opened(_ socket: VirtualSocket) {
        socket.place = sockets.count
        sockets.append(socket)
    }

    func closed(_ socket: VirtualSocket) {
        guard socket.place >= 0, socket.place < sockets.count, sockets[socket.place] === socket else { return }
        let last = sockets.removeLast()
        guard last !== socket else { return }
        last.place = socket.place
        sockets[last.place] = last
    }
}
