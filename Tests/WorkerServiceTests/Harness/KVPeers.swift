import ClusterModel
import EventLoop
import Transport
import WireProtocol
import WorkerService

/// A worker that opens kv links and says on them what a test wants, right or wrong.
final class KVSource: LinkHandler, @unchecked Sendable {
    // Safety: lives on one virtual loop; the test looks between turns.
    let identity: Identity
    private let bed: SplitBed
    private let loop: VirtualLoop
    private let endpoint: LinkEndpoint
    private(set) var link: Link?
    private(set) var acks: [KVAck] = []
    private(set) var aborts: [(abort: RoomAbort, at: Instant)] = []
    private(set) var ends: [LinkEnd] = []
    private(set) var answers: [UInt32: Result<RoomReady, LinkFailure>] = [:]
    private(set) var dones: [UInt32: Result<RoomDone, LinkFailure>] = [:]

    init(_ bed: SplitBed, name: String = "source", id: UInt64 = 0xE, role: PeerRole = .worker) throws {
        self.bed = bed
        let loop = bed.world.makeLoop(name)
        self.loop = loop
        let host = bed.fabric.host(name, loop: loop)
        let policy = Policies.policy(role, id: id, generation: 0x7000 + id)
        identity = policy.identity
        endpoint = loop.perform { LinkEndpoint(loop: loop, network: host, policy: policy) }
        try dial()
    }

    func dial() throws {
        let address = bed.decode.address
        link = try bed.world.run(on: loop, within: .seconds(30)) { [endpoint, self] in
            try await endpoint.dial(address, kind: .kv, handler: self).get()
        }
    }

    var plan: RoomPlan {
        RoomPlan(
            direction: .receive, peerWorkerID: identity.id, peerGeneration: identity.generation, peerAddress: "",
            rendezvousMilliseconds: 10_000)
    }

    func on(_ body: @LoopActor (Link) -> Void) { loop.perform { if let link { body(link) } } }
    func end() { on { $0.abort() } }

    /// As the prefill worker would offer a request of so many tokens.
    func open(_ counter: UInt64, attempt: UInt8 = 1, tokens: Int = 100, number: UInt32 = 1) -> RoomOpen {
        var open = RoomOpen()
        open.room = RequestKey(origin: SplitFrontend.origin, counter: counter, attempt: attempt)
        open.roomNumber = number
        open.model = bed.decode.on { $0.pool } ?? Digest()
        open.engineBuild = "mock-1"
        open.shape = KVShape(
            layers: 2, heads: 1, headDimension: 16, blockTokens: 16, blockBytes: 1_024, elementType: .int8,
            layout: "mock: layer, token, keys and values")
        open.tokens = UInt32(tokens)
        open.blocks = UInt32((tokens + 15) / 16)
        open.totalBytes = UInt64(open.blocks) * 1_024
        return open
    }

    func offer(_ open: RoomOpen) {
        on { link in
            loop.spawn { [self] in
                do throws(LinkFailure) {
                    answers[open.roomNumber] = .success(
                        try await link.ask(open, answeredBy: RoomReady.self, within: .seconds(30)))
                } catch { answers[open.roomNumber] = .failure(error) }
            }
        }
    }

    func end(_ end: RoomEnd) {
        on { link in
            loop.spawn { [self] in
                do throws(LinkFailure) {
                    dones[end.roomNumber] = .success(try await link.ask(end, answeredBy: RoomDone.self, within: .seconds(30)))
                } catch { dones[end.roomNumber] = .failure(error) }
            }
        }
    }

    func failure(_ number: UInt32 = 1) -> Failure? {
        if case .failure(.failed(let failure)) = answers[number] { return failure }
        return nil
    }

    /// Some pages in one chunk, with bytes that are no state of any request.
    func chunk(_ chunk: UInt32, page: UInt32, pages: UInt32 = 1, number: UInt32 = 1) -> KVChunk {
        var message = KVChunk()
        message.roomNumber = number
        message.chunk = chunk
        message.firstBlock = page
        message.blockCount = pages
        message.layerCount = 2
        message.plainBytes = pages * 1_024
        message.data = Array(repeating: UInt8(truncatingIfNeeded: chunk), count: Int(pages) * 1_024)
        message.checksum = KVChunkCoder.checksum(message.data)
        return message
    }

    func send(_ chunk: KVChunk) { on { $0.send(chunk) } }

    // MARK: LinkHandler

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        switch header.kind {
        case .kvAck: if let ack = try? Codec.decodeBody(KVAck.self, from: body) { acks.append(ack) }
        case .roomAbort: if let abort = try? Codec.decodeBody(RoomAbort.self, from: body) { aborts.append((abort, loop.now)) }
        default: break
        }
    }

    func link(_ link: Link, ended: LinkEnd) { ends.append(ended) }
}

/// A worker that accepts kv links, counts what comes, and answers as a test wants.
final class KVSink: LinkHandler, @unchecked Sendable {
    // Safety: lives on one virtual loop; the test looks between turns.
    let identity: Identity
    let loop: VirtualLoop
    let host: SimulatedHost
    private let endpoint: LinkEndpoint
    private(set) var address = Address(host: "sink", port: 0)
    private(set) var links: [Link] = []
    private(set) var offers: [(open: RoomOpen, at: Instant)] = []
    private(set) var chunks: [KVChunk] = []
    private(set) var aborts: [(abort: RoomAbort, at: Instant)] = []
    private(set) var roomEnds: [RoomEnd] = []
    private var unanswered: [(open: RoomOpen, header: MessageHeader)] = []
    private(set) var ends: [LinkEnd] = []
    /// What offers are answered with; nil: nothing.
    var ready: ((RoomOpen) -> Answer)? = { open in
        .ready(RoomReady(roomNumber: open.roomNumber, credits: 0, heldBlocks: 0, nextChunk: 0))
    }

    enum Answer {
        case ready(RoomReady)
        case refused(Failure)
    }

    /// Each chunk is acknowledged so much later, with as many credits as it took.
    var acknowledgesAfter: Duration?
    /// In all; more than that is a breach.
    private(set) var granted: Int
    private(set) var breaches: [String] = []
    /// Called for each chunk.
    var whenChunk: (@LoopActor (KVChunk, Link) -> Void)?
    var answersEnd = true
    var answersEndAfter = Duration.zero

    init(_ bed: SplitBed, credits: UInt32 = 32 << 20, id: UInt64 = 0xE) throws {
        let loop = bed.world.makeLoop("sink")
        self.loop = loop
        let host = bed.fabric.host("sink", loop: loop)
        self.host = host
        granted = Int(credits)
        var policy = Policies.policy(.worker, id: id, generation: 0x7000 + id)
        policy.accepts = [.kv: [.worker]]
        policy.credits = credits
        identity = policy.identity
        endpoint = loop.perform { LinkEndpoint(loop: loop, network: host, policy: policy) }
        address = try loop.perform {
            Result {
                try endpoint.listen(
                    on: Address(host: "sink", port: 0),
                    accepted: { [weak self] link in
                        guard let self else { return link.abort() }
                        link.handler = self
                        links.append(link)
                    })
            }
        }.get()
        bed.peers.append(self)
    }

    var plan: RoomPlan {
        RoomPlan(
            direction: .push, peerWorkerID: identity.id, peerGeneration: identity.generation, peerAddress: address.description,
            rendezvousMilliseconds: 10_000)
    }

    /// Bytes of all chunks.
    var bytes: Int { chunks.reduce(0) { $0 + $1.data.count } }
    func on(_ body: @LoopActor (Link) -> Void) { loop.perform { if let link = links.last { body(link) } } }

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        switch header.kind {
        case .roomOpen:
            guard let open = try? Codec.decodeBody(RoomOpen.self, from: body) else { return }
            offers.append((open, loop.now))
            switch ready?(open) {
            case .ready(let ready): link.answer(header, with: ready)
            case .refused(let failure): link.answer(header, with: failure)
            case nil: unanswered.append((open, header))
            }
        case .kvChunk:
            guard let chunk = try? Codec.decodeBody(KVChunk.self, from: body) else { return }
            if chunk.chunk != UInt32(chunks.count) { breaches.append("chunk \(chunk.chunk) is not the next one") }
            chunks.append(chunk)
            if bytes > granted { breaches.append("\(bytes) sent, \(granted) granted") }
            if let acknowledgesAfter { acknowledge(chunk, on: link, after: acknowledgesAfter) }
            whenChunk?(chunk, link)
        case .roomEnd:
            guard let end = try? Codec.decodeBody(RoomEnd.self, from: body) else { return }
            roomEnds.append(end)
            guard answersEnd else { return }
            loop.schedule(after: answersEndAfter) { link.answer(header, with: RoomDone(roomNumber: end.roomNumber, storedBlocks: 0)) }
        case .roomAbort: if let abort = try? Codec.decodeBody(RoomAbort.self, from: body) { aborts.append((abort, loop.now)) }
        default: break
        }
    }

    /// What was not answered when it came, is ready now.
    func answerOffers() {
        on { link in
            for (open, header) in unanswered {
                link.answer(header, with: RoomReady(roomNumber: open.roomNumber, credits: 0, heldBlocks: 0, nextChunk: 0))
            }
            unanswered.removeAll()
        }
    }

    @LoopActor
    private func acknowledge(_ chunk: KVChunk, on link: Link, after span: Duration) {
        loop.schedule(after: span) { [self] in
            granted += chunk.data.count
            link.send(KVAck(roomNumber: chunk.roomNumber, nextChunk: chunk.chunk + 1, credits: UInt32(chunk.data.count)))
        }
    }

    func link(_ link: Link, ended: LinkEnd) { ends.append(ended) }
}

extension Duration {
    func isBetween(_ least: Duration, and most: Duration) -> Bool { (least...most).contains(self) }
}
