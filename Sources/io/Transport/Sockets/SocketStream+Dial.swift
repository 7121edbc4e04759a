import EventLoop

extension SocketStream {
    /// Connects to a numeric address or `localhost` within `timeout`, and then calls `done` once, never before this returns.
    static func dial(
        _ address: Address, timeout: Duration, on loop: Loop, _ sockets: any SocketSystem,
        _ done: @escaping @LoopActor (Result<any ByteStream, TransportError>) -> Void
    ) {
        sockets.connect(host: address.host, port: address.port, timeout: timeout) { result in
            switch result {
            case .failure(let error): done(.failure(TransportError(errno: error.code, "dialling \(address)")))
            case .success(let socket):
                // A port of this host that nobody listens on may be the one that the kernel chose for us: then it has connected us to ourselves.
                guard socket.localEnd != socket.remoteEnd || socket.localEnd == nil else {
                    socket.reset()
                    return done(.failure(TransportError(.refused, "dialling \(address): nobody listens there")))
                }
                done(.success(SocketStream(adopting: socket, on: loop)))
            }
        }
    }
}
