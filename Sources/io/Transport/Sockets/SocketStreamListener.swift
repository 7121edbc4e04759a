import EventLoop

/// A port on which the loop itself takes streams.
@LoopActor
final class SocketStreamListener: StreamListener {
    let address: Address
    private let listener: any SocketListener

    init(
        on address: Address, loop: Loop, sockets: any SocketSystem, _ accept: @escaping @LoopActor (any ByteStream) -> Void
    ) throws(TransportError) {
        let taker = Taker(accept)
        do throws(SystemError) {
            listener = try sockets.listen(host: address.host, port: address.port) { [weak loop] socket in
                guard let accept = taker.accept, let loop else { return socket.close() }
                accept(SocketStream(adopting: socket, on: loop))
            }
        } catch { throw TransportError(errno: error.code, "listening on \(address)") }
        self.address = Address(.tcp, host: address.host, port: listener.port)
        self.taker = taker
    }

    func setAccepting(_ accepting: Bool) { listener.setAccepting(accepting) }

    func close() {
        taker.accept = nil
        listener.close()
    }

    /// Dropped at the end: it may hold whoever holds this.
    private let taker: Taker

    @LoopActor
    private final class Taker {
        var accept: (@LoopActor (any ByteStream) -> Void)?
        init(_ accept: @escaping @LoopActor (any ByteStream) -> Void) { self.accept = accept }
    }
}
