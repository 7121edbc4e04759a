package import Transport
package import WireProtocol

/// All that two programs said to one another over one connection, or one to its feed, in the order in which it was sent.
package struct RecordedConversation: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        /// Since the cluster began.
        package let at: Duration
        /// What the dialer said, or the publisher.
        package let isDialers: Bool
        /// A whole message with its header.
        package var message: [UInt8]

        package init(at: Duration, isDialers: Bool, message: [UInt8]) {
            self.at = at
            self.isDialers = isDialers
            self.message = message
        }

        /// Of every message: a recording is of what programs wrote.
        package var header: MessageHeader? { try? MessageHeader(reading: message.span.bytes) }
        package var kind: MessageKind? { header?.kind }

        /// The message of type `M` in it, unpacked.
        package func read<M: WireMessage>(_ type: M.Type) -> M? {
            guard let header, header.kind == M.kind, let body = LaterSpeaker.plainBody(message, header) else { return nil }
            return try? Codec.decodeBody(type, from: body.span.bytes)
        }
    }

    /// Who dialled, or published.
    package let dialer: String
    /// Where; of a feed the host is the publisher's.
    package let address: Address
    package let isFeed: Bool
    package var entries: [Entry] = []

    package init(dialer: String, address: Address, isFeed: Bool) {
        self.dialer = dialer
        self.address = address
        self.isFeed = isFeed
    }

    /// What the dialer opened it with.
    package var hello: Hello? { entries.first { $0.isDialers && $0.kind == .hello }?.read(Hello.self) }
    package var welcome: Welcome? { entries.first { !$0.isDialers && $0.kind == .welcome }?.read(Welcome.self) }

    /// What it is, in words: `frontend-1 to worker-2, data`.
    package var name: String {
        isFeed ? "feed of \(dialer)" : "\(dialer) to \(address.host), \(hello.map { "\($0.link)" } ?? "never opened")"
    }
}
