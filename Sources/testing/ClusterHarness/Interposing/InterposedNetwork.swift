import EventLoop
package import Transport

/// The network of a program, with somebody between it and each of its connections.
package final class InterposedNetwork: Network, @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    private let network: any Network
    private let interpose: (ConnectionOrigin) -> any Interposer

    package init(_ network: any Network, _ interpose: @escaping (ConnectionOrigin) -> any Interposer) {
        self.network = network
        self.interpose = interpose
    }

    package func listen(
        on address: Address, _ accept: @escaping @LoopActor (any ByteStream) -> Void
    ) throws(TransportError) -> any StreamListener {
        let interpose = Unchecked(interpose)
        return try network.listen(on: address) { stream in
            accept(InterposedStream(stream, interpose.value(.accepted(stream.localAddress ?? address))))
        }
    }

    package func dial(
        _ address: Address, timeout: Duration, _ done: @escaping @LoopActor (Result<any ByteStream, TransportError>) -> Void
    ) {
        let interpose = Unchecked(interpose)
        network.dial(address, timeout: timeout) { result in
            switch result {
            case .success(let stream): done(.success(InterposedStream(stream, interpose.value(.dialled(address)))))
            case .failure(let error): done(.failure(error))
            }
        }
    }

    package func publisher(on address: Address) throws(TransportError) -> any PublishingSocket {
        let socket = try network.publisher(on: address)
        return InterposedPublisher(socket, interpose(.published(socket.address)))
    }

    package func subscriber(
        to address: Address, _ received: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void
    ) throws(TransportError) -> any SubscribingSocket {
        let interposer = Unchecked(interpose(.subscribed(address)))
        return try network.subscriber(to: address) { bytes in
            interposer.value.arriving(Array(bytes))
            received(bytes)
        }
    }
}

/// For closures of one virtual loop.
private struct Unchecked<Value>: @unchecked Sendable {
    // Safety: made and used on the one thread that runs its world.
    let value: Value
    init(_ value: Value) { self.value = value }
}

/// A feed's socket with somebody before it.
private final class InterposedPublisher: PublishingSocket, @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    private let socket: any PublishingSocket
    private let interposer: any Interposer

    init(_ socket: any PublishingSocket, _ interposer: any Interposer) {
        self.socket = socket
        self.interposer = interposer
    }

    var address: Address { socket.address }
    func publish(_ message: [UInt8]) { for changed in interposer.leaving(message) { socket.publish(changed) } }

    var subscriberJoined: (@LoopActor () -> Void)? {
        get { socket.subscriberJoined }
        set { socket.subscriberJoined = newValue }
    }

    func close() { socket.close() }
}
