import ClusterHarness
import ClusterModel
import EventLoop
import Testing

/// A server, a proxy before it and clients of that on one loop, in virtual time unless told.
@LoopActor
final class ProxyGround {
    static let host = "127.0.0.1"

    let loop: Loop
    let proxy: ProxyCore
    let listener: any SocketListener
    private let sockets: any SocketSystem
    private let port: UInt16
    private let arrivals: Arrivals

    init(on loop: Loop, _ sockets: any SocketSystem, port: UInt16 = 0) throws {
        self.loop = loop
        self.sockets = sockets
        proxy = ProxyCore(on: loop, sockets, host: Self.host)
        let arrivals = Arrivals()
        listener = try sockets.listen(host: Self.host, port: port) { socket in
            let end = ProxyEnd(on: loop)
            end.start(socket)
            arrivals.all.append(end)
        }
        self.arrivals = arrivals
        self.port = try proxy.open(0, to: listener.port)
    }

    /// At the server, in the order of their coming.
    var accepted: [ProxyEnd] { arrivals.all }

    func connect(at host: String = ProxyGround.host, _ port: UInt16? = nil) -> ProxyEnd {
        let end = ProxyEnd(on: loop)
        sockets.connect(host: host, port: port ?? self.port, timeout: .seconds(5)) { result in
            switch result {
            case .success(let socket): end.start(socket)
            case .failure: end.isBroken = true
            }
        }
        return end
    }

    /// Both ends of a new connection.
    func pair() async throws -> (client: ProxyEnd, server: ProxyEnd) {
        let before = accepted.count, client = connect()
        _ = await eventually { self.accepted.count > before }
        return (client, try #require(accepted.last))
    }

    func eventually(_ condition: @LoopActor () -> Bool) async -> Bool {
        for _ in 0..<10_000 {
            if condition() { return true }
            await loop.sleep(for: .milliseconds(1))
        }
        return condition()
    }

    private final class Outcome: @unchecked Sendable {
        // Safety: written in a turn of the world, read between turns.
        var error: (any Error)?
        var isDone = false
    }

    @LoopActor
    private final class Arrivals { var all: [ProxyEnd] = [] }

    /// In virtual time, under some seeds: pieces are cut and delayed otherwise in each.
    nonisolated static func run(_ body: @escaping @LoopActor @Sendable (ProxyGround) async throws -> Void) async throws {
        for seed in 0..<5 as Range<UInt64> {
            let world = VirtualWorld(seed: seed), loop = world.makeLoop("host"), outcome = Outcome()
            let sockets = VirtualSockets("host", loop: loop, on: VirtualSocketFabric(world))
            loop.spawn {
                do { try await body(try ProxyGround(on: loop, sockets)) } catch { outcome.error = error }
                outcome.isDone = true
            }
            let isDone = world.run(for: .seconds(3_600)) { outcome.isDone }
            if let error = outcome.error { throw error }
            try #require(isDone, "within a virtual hour, seed \(seed)")
        }
    }
}

/// One end of a connection: sends all it is given as fast as it can, and keeps what comes.
@LoopActor
final class ProxyEnd: ByteSocketOwner {
    private let loop: Loop
    private var socket: (any ByteSocket)?
    private var outgoing: [UInt8] = []
    private var isFinished = false
    private(set) var received: [UInt8] = []
    /// When each piece came.
    private(set) var times: [Instant] = []
    private(set) var hasEnded = false
    var isBroken = false

    init(on loop: Loop) { self.loop = loop }

    var unsent: Int { outgoing.count }

    func start(_ socket: any ByteSocket) {
        self.socket = socket
        socket.start(self)
        push()
    }

    func send(_ bytes: [UInt8]) {
        outgoing += bytes
        push()
    }

    func finish() {
        isFinished = true
        push()
    }

    private func push() {
        guard let socket else { return }
        if !outgoing.isEmpty {
            switch outgoing.withUnsafeBytes({ socket.send($0) }) {
            case .taken(let count): outgoing.removeFirst(count)
            case .failed: isBroken = true
            }
        }
        socket.setWriting(!outgoing.isEmpty && !isBroken)
        if outgoing.isEmpty, isFinished {
            isFinished = false
            socket.finishSending()
        }
    }

    func socketReady(_ events: FileEvents) {
        if events.contains(.writable) { push() }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while let socket {
            switch buffer.withUnsafeMutableBytes({ socket.receive(into: $0) }) {
            case .bytes(let count):
                received += buffer[..<count]
                times.append(loop.now)
                continue
            case .nothing: break
            case .ended: hasEnded = true
            case .failed: isBroken = true
            }
            return
        }
    }
}
