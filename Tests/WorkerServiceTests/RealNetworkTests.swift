import ClusterModel
import Engines
import EventLoop
import TestSupport
import Testing
import Transport
import WireProtocol
import WorkerService

@Suite("A worker over real sockets")
struct RealNetworkTests {
    @Test("registers, streams what it streams in virtual time, drains, and leaves no thread behind", arguments: [StepPlace.loop, .thread])
    func smoke(place: StepPlace) async throws {
        let workerThread = try LoopThread("worker"), peerThread = try LoopThread("peer")
        let peer = try await peerThread.run { loop in try Peer(loop) }
        let routerAddress = try await peerThread.run { _ in try peer.listen() }
        let (service, network, log) = try await workerThread.run { loop in
            let network = try NngNetwork(on: loop), log = LogLines()
            var config = WorkerConfig()
            config.routers = [routerAddress]
            var engine = MockConfiguration.worker(step: .zero)
            engine.latency.speedup = 0
            config.engine = place == .loop ? .mock(engine) : .made { [engine] in MockEngine(engine) }
            #expect(config.engine.place == place)
            let context = Policies.context(
                loop: loop, network: network, log: log, policy: Policies.policy(.worker, id: 0x3033, generation: 0x77))
            let service = WorkerService(config, context)
            try await service.start()
            return (service, network, log)
        }
        try await peerThread.run { loop in
            try await peer.until("registered") { peer.registration != nil }
            let address = try #require(peer.address(of: \.linkAddress))
            peer.data = try await peer.endpoint.dial(address, kind: .data, handler: peer).get()
            peer.generate([(1, 300), (2, 300), (3, 300)])
            try await peer.until("all ended") { peer.ended.count == 3 }
            #expect(peer.ended.allSatisfy { $0.reason == .finished && $0.outputTokens == 300 })
            #expect(peer.tokens.count == 900)
            // A thousand times the time of this test, if the engine did not hear of the cancel.
            peer.generate([(4, 4_000)])
            peer.cancel(4)
            try await peer.until("cancelled") { peer.ended.count == 4 }
        }
        let simulated = try Self.simulatedText()
        let real = await peerThread.run { _ in peer.text(1) }
        #expect(real == simulated)
        let drained = await workerThread.run { _ in await service.drain() }
        #expect(drained)
        try await peerThread.run { _ in try await peer.until("goodbye") { peer.ends.count == 2 } }
        await workerThread.run { _ in
            service.stop()
            #expect(service.isIdle)
            network.close()
        }
        #expect(!log.contains("did not stop"))
        await peerThread.run { _ in peer.close() }
        workerThread.stop()
        peerThread.stop()
    }

    /// The same request in virtual time.
    private static func simulatedText() throws -> [TokenID] {
        let bed = try WorkerBed()
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 300))
        try front.finish(1)
        return front.tokens(1)
    }
}

/// A router and a frontend in one, on a real loop.
@LoopActor
private final class Peer: LinkHandler {
    let endpoint: LinkEndpoint
    private let loop: Loop
    private let network: NngNetwork
    var registration: RegisterWorker?
    var data: Link?
    var ended: [EndedStatus] = []
    var tokens: [(counter: UInt64, position: UInt32, token: TokenID)] = []
    var ends: [LinkEnd] = []
    private let origin: UInt64 = 0xAB

    init(_ loop: EpollLoop) throws {
        self.loop = loop
        network = try NngNetwork(on: loop)
        var policy = Policies.policy(.frontend, id: 1, generation: origin)
        policy.accepts = [.control: [.worker]]
        endpoint = LinkEndpoint(loop: loop, network: network, policy: policy)
    }

    func listen() throws -> Address {
        try endpoint.listen(on: Address(host: "127.0.0.1", port: 0), accepted: { [weak self] in $0.handler = self })
    }

    func close() {
        endpoint.stopListening()
        network.close()
    }

    func address(of path: KeyPath<Endpoints, String>) -> Address? {
        guard let text = registration?.endpoints[keyPath: path] else { return nil }
        return try? Address(parsing: text.replacing("://:", with: "://127.0.0.1:"))
    }

    func until(_ what: String, _ condition: () -> Bool) async throws {
        let deadline = loop.now + .seconds(60)
        while !condition() {
            guard loop.now < deadline else { throw NotInTime(what) }
            await loop.sleep(for: .milliseconds(1))
        }
    }

    func generate(_ requests: [(counter: UInt64, tokens: UInt32)]) {
        let entries = requests.map { request in
            var entry = GenerateEntry()
            entry.counter = request.counter
            entry.attempt = 1
            entry.choices = 1
            entry.lease = request.counter
            entry.pool = registration?.card.digest ?? Digest()
            entry.promptTokens = Array(0..<20)
            entry.sampling.maxTokens = request.tokens
            entry.sampling.seed = request.counter
            return entry
        }
        data?.send(GenerateBatch(entries: entries), origin: origin)
    }

    func cancel(_ counter: UInt64) {
        data?.send(
            CancelBatch(requests: [CancelEntry(counter: counter, attempt: 1, choice: 255, reason: .clientGone)]), origin: origin)
    }

    func text(_ counter: UInt64) -> [TokenID] { tokens.filter { $0.counter == counter }.map(\.token) }

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        switch header.kind {
        case .registerWorker:
            registration = try? Codec.decodeBody(RegisterWorker.self, from: body)
            link.answer(header, with: WorkerRegistered(events: .loadOnly, parityFollows: false, warnings: []))
        case .statusBatch:
            for case .endedStatus(let status) in (try? Codec.decodeBody(StatusBatch.self, from: body))?.entries ?? [] {
                ended.append(status)
            }
        case .tokenBatch:
            for frame in (try? Codec.decodeBody(TokenBatch.self, from: body))?.frames ?? [] {
                for (index, token) in frame.tokens.enumerated() {
                    tokens.append((frame.counter, frame.firstPosition + UInt32(index), token))
                }
            }
        default: break
        }
    }

    func link(_ link: Link, ended end: LinkEnd) { ends.append(end) }
}
