import Concurrency
import EventLoop

/// Ports for who listens, goes, and comes back to the same address. They lie below those that the system gives to whoever connects: one of
/// those may belong to a connection by the time that a process is started again.
@LoopActor
final class FixedPorts {
    static let range: Range<UInt16> = 20_000..<32_000
    private static let tries = 32

    private let loop: Loop
    private let sockets: any SocketSystem
    /// By any cluster of this process: one that is away for a moment has its ports still.
    private static let given = Lock<Set<UInt16>>([])

    init(on loop: Loop, _ sockets: any SocketSystem) {
        self.loop = loop
        self.sockets = sockets
    }

    /// One that nobody listens on now; 0, which lets the system choose, if none was found.
    func next(at host: String = "127.0.0.1") -> UInt16 {
        for _ in 0..<Self.tries {
            let port = UInt16.random(in: Self.range, using: &loop.random)
            guard Self.given.with({ $0.insert(port).inserted }) else { continue }
            // One that is taken by somebody else is not tried again.
            guard let probe = try? sockets.listen(host: host, port: port, { _ in }) else { continue }
            probe.close()
            return port
        }
        return 0
    }
}
