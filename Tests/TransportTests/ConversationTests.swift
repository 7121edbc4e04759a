import EventLoop
import Testing
import Transport
import WireProtocol

extension Contract {
    @Suite("Conversation")
    struct ConversationTests {
        /// Bytes that tell where they stand.
        static func body(_ count: Int, _ salt: Int = 0) -> [UInt8] {
            [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                for index in 0..<count { buffer[index] = UInt8(truncatingIfNeeded: index &* 31 &+ index >> 8 &+ salt) }
                filled = count
            }
        }

        static let sizes = [0, 1, 7, 255, 4 << 10, (64 << 10) - 40, 64 << 10, 300_001, 4 << 20]

        @Test("messages of every size arrive whole and in order, both ways at once", arguments: Kind.all)
        func sizes(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open()
                let sizes = Self.sizes
                for (process, link) in [(pair.a, pair.link), (pair.b, pair.peerLink)] {
                    try await process.run {
                        for (number, size) in sizes.enumerated() {
                            link.post(UInt64(number), Self.body(size, number))
                            if number % 3 == 0 { await link.loop.sleep(for: .milliseconds(1)) }
                        }
                    }
                }
                for (process, recorder) in [(pair.a, pair.heard), (pair.b, pair.peerHeard)] {
                    try await process.until("all messages") { recorder.messages.count == sizes.count }
                    try await process.run {
                        for (number, message) in recorder.messages.enumerated() {
                            #expect(message.number == UInt64(number))
                            #expect(message.body == Self.body(sizes[number], number), "\(sizes[number]) bytes")
                        }
                    }
                }
            }
        }

        @Test("many small messages of many turns arrive in order, and none twice", arguments: Kind.all)
        func order(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open()
                try await pair.a.run {
                    for turn in 0..<200 {
                        for index in 0..<25 { pair.link.post(UInt64(turn * 25 + index), [UInt8(truncatingIfNeeded: index)]) }
                        if turn % 10 == 0 { await pair.link.loop.sleep(for: .milliseconds(1)) }
                    }
                }
                try await pair.b.until("5,000 messages") { pair.peerHeard.messages.count >= 5_000 }
                #expect(try await pair.b.run { pair.peerHeard.messages.map(\.number) == Array(0..<5_000) })
            }
        }

        @Test("what is sent in one turn leaves in one write, and may be large and compressed", arguments: Kind.all)
        func oneWrite(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let b = harness.b, place = harness.addressOfB
                // A listener that counts what its link writes.
                let counting = CountingNetwork(harness.b.network)
                let side = try await b.run {
                    let endpoint = LinkEndpoint(loop: b.loop, network: counting, policy: Policies.listener())
                    let bound = try endpoint.listen(on: place, accepted: { link in counting.link = link })
                    return (endpoint, bound)
                }
                let heard = Recorder()
                _ = try await harness.a.run { [a = harness.a] in try await Side(a, Policies.dialer()).dial(side.1, recorder: heard).get() }
                try await b.until("the link") { counting.link?.isOpen == true }
                let writes = try await b.run {
                    let before = counting.writes
                    for number in 0..<100 { counting.link?.post(UInt64(number), [1, 2, 3]) }
                    counting.link?.send(Ask(1, padding: [UInt8](repeating: 0, count: 1 << 20)), compressed: true)
                    await b.loop.sleep(for: .milliseconds(1))
                    return counting.writes - before
                }
                #expect(writes == 1)
                try await harness.a.until("101 messages") { heard.messages.count == 101 }
                #expect(try await harness.a.run { heard.messages[100].body.count } == 8 + 4 + 1 << 20)
            }
        }

        @Test("a message of an unknown kind is skipped and counted; one that does not belong on the link ends it", arguments: Kind.all)
        func kinds(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open()
                try await pair.a.run {
                    var header = MessageHeader(kind: .tokenBatch, number: 1)
                    header.rawKind = 0x03FE
                    pair.link.send(header) { $0.append(9) }
                    pair.link.post(2, [])
                }
                try await pair.b.until("the known one") { pair.peerHeard.messages.map(\.number) == [2] }
                #expect(try await pair.b.run { pair.peerLink.unknownMessages } == 1)
                try await pair.a.run { pair.link.send(MessageHeader(kind: .drainNotice)) { _ in } }
                try await pair.b.until("the end") { pair.peerHeard.ends == [.badMessage(WireError(.unexpectedKind, "kind"))] }
                try await pair.a.until("the end") { pair.heard.ends == [.goodbye(.protocolError, byPeer: true)] }
            }
        }

        @Test("a header that cannot be read ends the link, and the peer is told which rule it broke", arguments: Kind.all)
        func badHeader(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let (side, address) = try await harness.listen()
                let peer = try await RawPeer.dial(address, from: harness.a)
                try await harness.a.run {
                    peer.send(RawPeer.greeting + RawPeer.frame(RawPeer.hello()))
                }
                try await harness.a.until("a welcome") { peer.first(Welcome.self) != nil }
                try await harness.a.run { peer.send(RawPeer.frame([UInt8](repeating: 0x41, count: 64))) }
                try await harness.a.until("a goodbye") { peer.first(Goodbye.self)?.reason == .protocolError }
                try await harness.a.run { peer.stream.close() }
                try await harness.b.until("the end") { side.recorders.first?.ends == [.badMessage(WireError(.badMagic, "magic"))] }
            }
        }
    }
}

/// Passes everything on, and counts the writes of the streams that are accepted.
@LoopActor
final class CountingNetwork: Network {
    private let inner: any Network
    var link: Link?
    fileprivate(set) var writes = 0

    nonisolated init(_ inner: any Network) { self.inner = inner }

    func listen(on address: Address, _ accept: @escaping @LoopActor (any ByteStream) -> Void) throws(TransportError) -> any StreamListener {
        try inner.listen(on: address) { stream in accept(CountingStream(stream, self)) }
    }
    func dial(_ address: Address, timeout: Duration, _ done: @escaping @LoopActor (Result<any ByteStream, TransportError>) -> Void) {
        inner.dial(address, timeout: timeout, done)
    }
    func publisher(on address: Address) throws(TransportError) -> any PublishingSocket { try inner.publisher(on: address) }
    func subscriber(
        to address: Address, _ received: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void
    ) throws(TransportError) -> any SubscribingSocket { try inner.subscriber(to: address, received) }
}

@LoopActor
private final class CountingStream: ByteStream {
    private let inner: any ByteStream
    private let network: CountingNetwork
    init(_ inner: any ByteStream, _ network: CountingNetwork) {
        self.inner = inner
        self.network = network
    }
    var remoteAddress: Address? { inner.remoteAddress }
    var localAddress: Address? { inner.localAddress }
    var isMutuallyAuthenticated: Bool { inner.isMutuallyAuthenticated }
    var unsentBytes: Int { inner.unsentBytes }
    var sentTotal: UInt64 { inner.sentTotal }
    func notifyWhenDrained() { inner.notifyWhenDrained() }
    func start(_ owner: any ByteStreamOwner) { inner.start(owner) }
    func setReading(_ reading: Bool) { inner.setReading(reading) }
    func send(_ bytes: inout [UInt8]) {
        network.writes += 1
        inner.send(&bytes)
    }
    func send(_ bytes: inout [UInt8], then payload: [UInt8]) {
        network.writes += 1
        inner.send(&bytes, then: payload)
    }
    func close() { inner.close() }
}
