import EventLoop

/// A port at which subscribers hear what is published, as from a PUB socket of nng's: of messages that one does not take in time the oldest are
/// dropped, for it alone. `proto-spec/decisions/0015` tells why it is not nng's.
@LoopActor
final class SocketPublisher: PublishingSocket {
    private let loop: Loop
    private let listener: any StreamListener
    private let room = Room()

    init(on address: Address, loop: Loop, sockets: any SocketSystem) throws(TransportError) {
        self.loop = loop
        listener = try SocketStreamListener(on: address, loop: loop, sockets: sockets) { [room, weak loop] stream in
            guard let loop else { return stream.close() }
            room.welcome(stream, on: loop)
        }
        room.listener = listener
    }

    var address: Address { listener.address }
    var subscriberJoined: (@LoopActor () -> Void)? {
        get { room.subscriberJoined }
        set { room.subscriberJoined = newValue }
    }

    func publish(_ message: [UInt8]) { room.publish(message) }

    func close() {
        listener.close()
        room.close()
    }

    /// Those who have come, apart from the publisher, so that the listener does not keep that alive.
    @LoopActor
    private final class Room: SubscriberStreamOwner {
        weak var listener: (any StreamListener)?
        var subscriberJoined: (@LoopActor () -> Void)?
        private var guests: [SubscriberStream] = []
        /// Of them, those who have not greeted yet.
        private var strangers = 0
        /// The message with its length, for all alike.
        private var framed: [UInt8] = []

        func welcome(_ stream: any ByteStream, on loop: Loop) {
            let guest = SubscriberStream(stream, of: self, on: loop)
            guests.append(guest)
            strangers += 1
            if strangers >= TransportLimits.pendingHandshakes { listener?.setAccepting(false) }
            guest.start()
        }

        func publish(_ message: [UInt8]) {
            guard guests.count > strangers else { return }
            framed.removeAll(keepingCapacity: true)
            let start = SPFraming.beginMessage(in: &framed)
            framed.append(contentsOf: message)
            SPFraming.endMessage(at: start, in: &framed)
            for guest in guests where guest.isGreeted { guest.send(framed) }
        }

        func subscriberGreeted(_ subscriber: SubscriberStream) {
            strangerKnown()
            subscriberJoined?()
        }

        func subscriberLeft(_ subscriber: SubscriberStream) {
            guests.removeAll { $0 === subscriber }
            if !subscriber.isGreeted { strangerKnown() }
        }

        private func strangerKnown() {
            strangers -= 1
            listener?.setAccepting(true)
        }

        func close() {
            listener = nil
            subscriberJoined = nil
            for guest in guests { guest.close() }
            guests = []
            strangers = 0
        }
    }
}
