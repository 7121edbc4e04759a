/// Connections to clients and servers outside the cluster, as one process sees them: the kernel's through epoll, or a simulation's.
///
/// For HTTP and whatever else speaks plain TCP, the links of `Transport` among it. One contract, one test suite.
package protocol SocketSystem: AnyObject, Sendable {
    /// Listens on a numeric address or `localhost`, and tells `accept` of each new connection. Port 0 asks the system for one.
    @LoopActor func listen(
        host: String, port: UInt16, options: ListenOptions, _ accept: @escaping @LoopActor (any ByteSocket) -> Void
    ) throws(SystemError) -> any SocketListener

    /// Connects to a numeric address or `localhost` within `timeout`, and then calls `done` once, never before this returns.
    ///
    /// Other names are refused: a question to a name server would block the loop, and every connection on it.
    @LoopActor func connect(
        host: String, port: UInt16, timeout: Duration, _ done: @escaping @LoopActor (Result<any ByteSocket, SystemError>) -> Void)
}

extension SocketSystem {
    @LoopActor package func listen(
        host: String, port: UInt16, _ accept: @escaping @LoopActor (any ByteSocket) -> Void
    ) throws(SystemError) -> any SocketListener {
        try listen(host: host, port: port, options: ListenOptions(), accept)
    }
}

package struct ListenOptions: Hashable, Sendable {
    /// Connections that the kernel may have ready for us. A burst of clients arrives within one turn of the loop; the kernel cuts it to its
    /// own limit (4,096 as a rule).
    package var backlog: Int32
    /// Several loops listen on the same port, and the kernel spreads the clients.
    package var sharesPort: Bool
    /// The process's last descriptors are for others than these clients: see `ByteSocket.usesReserve`.
    package var leavesReserve: Bool

    package init(backlog: Int32 = 4096, sharesPort: Bool = false, leavesReserve: Bool = false) {
        self.backlog = backlog
        self.sharesPort = sharesPort
        self.leavesReserve = leavesReserve
    }
}

package protocol SocketListener: AnyObject, Sendable {
    /// The one that the system chose, where it was asked to.
    @LoopActor var port: UInt16 { get }
    /// A listener that is not accepting leaves clients in the kernel's backlog.
    @LoopActor func setAccepting(_ accepting: Bool)
    /// How often it paused because the process had no descriptor or memory left for a client.
    @LoopActor var pauses: Int { get }
    /// Accepts those that the kernel has let in already, so that nobody is turned away without an answer, and stops listening.
    @LoopActor func close()
}

/// One end of a connection, numeric.
package struct SocketEnd: Hashable, Sendable {
    package let host: String
    package let port: UInt16
}

/// A TCP connection that never blocks: it tells its owner when it is ready, and the owner reads and writes.
///
/// It holds no bytes of its own, so that an idle one costs next to nothing.
package protocol ByteSocket: AnyObject, Sendable {
    @LoopActor var peerIsLoopback: Bool { get }
    /// Its descriptor is one of those that a listener was to leave to others: its client is told to come back, and must soon be gone.
    @LoopActor var usesReserve: Bool { get }
    /// The numeric address of the peer, for logs; empty when it is gone.
    @LoopActor var peer: String { get }
    /// Both ends; nil when the connection is gone, or a simulation's, which has no ports.
    @LoopActor var remoteEnd: SocketEnd? { get }
    @LoopActor var localEnd: SocketEnd? { get }
    /// Begins to tell `owner`, and keeps it alive until the socket is closed. Reading is on, writing is off.
    @LoopActor func start(_ owner: any ByteSocketOwner)
    /// Whether `readable` is told. A socket that is not read makes its peer wait.
    @LoopActor func setReading(_ reading: Bool)
    /// Whether `writable` is told.
    @LoopActor func setWriting(_ writing: Bool)
    /// How much the kernel takes without having sent it. A server of strangers' clients keeps it small and so feels a slow one early; where both
    /// ends are ours, more spares a wake-up for each piece of what is long.
    @LoopActor func keepUnsent(_ byteCount: Int)
    @LoopActor func receive(into buffer: UnsafeMutableRawBufferPointer) -> SocketRead
    /// Takes as many bytes as there is room for, perhaps none.
    @LoopActor func send(_ bytes: UnsafeRawBufferPointer) -> SocketWrite
    /// Nothing more will be sent: the peer reads what was taken and then the end. Reading goes on.
    @LoopActor func finishSending()
    /// Ends both directions. What was taken still travels, unless bytes of the peer were not read: then it hears of a reset instead.
    @LoopActor func close()
    /// Ends both directions at once, and the peer hears of a reset.
    @LoopActor func reset()
}

extension ByteSocket {
    /// Only the kernel's run out.
    @LoopActor package var usesReserve: Bool { false }
}

package enum SocketRead: Hashable, Sendable {
    case bytes(Int)
    case nothing
    /// The peer sends no more. Told for ever after.
    case ended
    /// The `errno` of what broke it.
    case failed(Int32)
}

package enum SocketWrite: Hashable, Sendable {
    case taken(Int)
    case failed(Int32)
}

package protocol ByteSocketOwner: AnyObject, Sendable {
    /// `readable` and `writable` are told again each turn while they hold and are asked for. `hangup` is told once, whether or not the socket
    /// is being read: the peer sends no more, and bytes that it sent before may still wait. `broken` means that it takes no more either.
    @LoopActor func socketReady(_ events: FileEvents)
}
