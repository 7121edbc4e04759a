import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

/// A short conversation that is broken off at every byte of either direction.
@Suite("Links that break")
struct BreakTests {
    @LoopActor
    private final class Notes {
        var dials = 0
        var isOpen = false
        var answers = 0
        nonisolated init() {}
    }

    /// Dials, asks, sends both ways, says goodbye, and checks what must hold however it ends.
    private func converse(_ seed: UInt64, _ name: String, _ fault: (SimulatedFabric) -> Void) async throws -> (a: Int, b: Int) {
        let harness = SimulatedHarness(seed: seed)
        let secret = Array("secret".utf8)
        let a = harness.a, b = harness.b
        let there = try await b.run {
            let side = Side(b, Policies.listener { $0.secret = secret })
            side.prepare = { _, recorder in
                recorder.react = { link, header, body in
                    if header.flags.contains(.question) { link.answer(header, with: Reply(2)) } else { link.post(header.number, [2, 2]) }
                }
            }
            try side.listen(on: Address(host: harness.hostB.name, port: 8100))
            return side
        }
        fault(harness.fabric)
        let notes = Notes(), heard = Recorder(), spy = StreamSpy(a.network)
        let endpoint = try await a.run {
            LinkEndpoint(loop: a.loop, network: spy, policy: Policies.dialer { $0.secret = secret })
        }
        try await a.run {
            _ = a.loop.spawn {
                let result = await endpoint.dial(Address(host: harness.hostB.name, port: 8100), kind: .data, handler: heard)
                notes.dials += 1
                guard case .success(let link) = result else { return }
                notes.isOpen = true
                for number in 1...3 { link.post(UInt64(number), [1, 1, 1]) }
                for _ in 0..<2 {
                    a.loop.spawn {
                        _ = try? await link.ask(Ask(1), answeredBy: Reply.self, within: .seconds(3))
                        notes.answers += 1
                    }
                }
                await a.loop.sleep(for: .milliseconds(5))
                link.goodbye(.done)
            }
        }
        try await harness.pass(.seconds(12))
        try await a.run {
            #expect(notes.dials == 1, "\(name): the dial ends once")
            #expect(heard.ends.count == (notes.isOpen ? 1 : 0), "\(name): \(heard.ends)")
            #expect(notes.answers == (notes.isOpen ? 2 : 0), "\(name): every question ends once")
            #expect(heard.messages.map(\.number) == Array([1, 2, 3].prefix(heard.messages.count)), "\(name): in order, none twice")
            #expect(a.loop.timersWaiting == 0, "\(name): no timer is left")
        }
        try await b.run {
            let ended = there.recorders.reduce(0) { $0 + $1.ends.count }
            #expect(ended == there.links.count && there.links.count + there.rejections.count <= 1, "\(name): \(there.rejections)")
            let numbers = there.recorders.flatMap(\.messages).filter { $0.kind == MessageKind.tokenBatch.rawValue }.map(\.number)
            #expect(numbers == Array([1, 2, 3].prefix(numbers.count)), "\(name): in order, none twice")
            #expect(b.loop.timersWaiting == 0, "\(name): no timer is left")
            there.endpoint.stopListening()
        }
        #expect(harness.fabric.openConnections == 0, "\(name): no connection is left")
        return try await a.run { (Int(spy.streams.first?.sentTotal ?? 0), spy.received) }
    }

    @Test(
        "broken at any byte of either direction, a link ends once on both sides, and nothing is left",
        arguments: [StreamBreak.closed, .reset])
    func everyByte(_ style: StreamBreak) async throws {
        let whole = try await converse(1, "unbroken") { _ in }
        #expect(whole.a > 300 && whole.b > 300, "\(whole)")
        for position in 0...whole.a {
            _ = try await converse(UInt64(position), "\(style) after \(position) bytes to B") {
                $0.breakStream(from: "127.0.0.1", to: "127.0.0.2", afterBytes: position, style)
            }
        }
        for position in 0...whole.b {
            _ = try await converse(UInt64(position), "\(style) after \(position) bytes to A") {
                $0.breakStream(from: "127.0.0.2", to: "127.0.0.1", afterBytes: position, style)
            }
        }
    }

    @Test("cut for a while at any moment, a link lives on or ends once on both sides")
    func everyMoment() async throws {
        for moment in stride(from: 0, to: 7_000, by: 100) as StrideTo<Int64> {
            for length in [50, 1_200, 4_000] as [Int64] {
                _ = try await converse(UInt64(moment), "cut at \(moment) µs for \(length) ms") { fabric in
                    fabric.world.schedule(after: .microseconds(moment)) { fabric.partition("127.0.0.1", "127.0.0.2") }
                    fabric.world.schedule(after: .microseconds(moment) + .milliseconds(length)) { fabric.heal("127.0.0.1", "127.0.0.2") }
                }
            }
        }
    }

    @Test("over real sockets: closed by a stranger in the middle of the opening, and of a message", arguments: [0, 5, 8, 12, 60, 200])
    func realPositions(_ position: Int) async throws {
        try await with(.nng) { harness in
            let (side, address) = try await harness.listen()
            let bytes =
                RawPeer.greeting + RawPeer.frame(RawPeer.hello()) + RawPeer.frame(Ask(1, padding: [UInt8](repeating: 0, count: 200)))
            let peer = try await RawPeer.dial(address, from: harness.a)
            try await harness.a.run { peer.send(Array(bytes.prefix(position))) }
            try await harness.pass(.milliseconds(20))
            try await harness.a.run { peer.stream.close() }
            try await harness.b.until("one end") { side.rejections.count + side.recorders.reduce(0) { $0 + $1.ends.count } == 1 }
            try await harness.pass(.milliseconds(50))
            #expect(try await harness.b.run { side.rejections.count + side.recorders.reduce(0) { $0 + $1.ends.count } } == 1)
        }
    }
}

/// Remembers the streams that are dialled, and counts what they receive.
@LoopActor
private final class StreamSpy: Network {
    private let inner: any Network
    private(set) var streams: [any ByteStream] = []
    fileprivate(set) var received = 0

    nonisolated init(_ inner: any Network) { self.inner = inner }

    func listen(on address: Address, _ accept: @escaping @LoopActor (any ByteStream) -> Void) throws(TransportError) -> any StreamListener {
        try inner.listen(on: address, accept)
    }

    func dial(_ address: Address, timeout: Duration, _ done: @escaping @LoopActor (Result<any ByteStream, TransportError>) -> Void) {
        inner.dial(address, timeout: timeout) { [weak self] result in
            guard let self, case .success(let stream) = result else { return done(result) }
            streams.append(stream)
            done(.success(SpiedStream(stream, self)))
        }
    }

    func publisher(on address: Address) throws(TransportError) -> any PublishingSocket { try inner.publisher(on: address) }
    func subscriber(
        to address: Address, _ received: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void
    ) throws(TransportError) -> any SubscribingSocket { try inner.subscriber(to: address, received) }
}

@LoopActor
private final class SpiedStream: ByteStream, ByteStreamOwner {
    private let inner: any ByteStream
    private let spy: StreamSpy
    private var owner: (any ByteStreamOwner)?
    init(_ inner: any ByteStream, _ spy: StreamSpy) {
        self.inner = inner
        self.spy = spy
    }
    var remoteAddress: Address? { inner.remoteAddress }
    var localAddress: Address? { inner.localAddress }
    var isMutuallyAuthenticated: Bool { inner.isMutuallyAuthenticated }
    var unsentBytes: Int { inner.unsentBytes }
    var sentTotal: UInt64 { inner.sentTotal }
    func notifyWhenDrained() { inner.notifyWhenDrained() }
    func start(_ owner: any ByteStreamOwner) {
        self.owner = owner
        inner.start(self)
    }
    func setReading(_ reading: Bool) { inner.setReading(reading) }
    func send(_ bytes: inout [UInt8]) { inner.send(&bytes) }
    func send(_ bytes: inout [UInt8], then payload: [UInt8]) { inner.send(&bytes, then: payload) }
    func close() {
        owner = nil
        inner.close()
    }
    var wantedBytes: Int { owner?.wantedBytes ?? 0 }
    func streamReceived(_ bytes: UnsafeRawBufferPointer) -> Int {
        let used = owner?.streamReceived(bytes) ?? bytes.count
        spy.received += used
        return used
    }
    func streamDrained() { owner?.streamDrained() }
    func streamClosed(_ error: TransportError) { owner?.streamClosed(error) }
}
