import ClusterModel
package import EventLoop
package import Transport
package import WireProtocol

/// Work for one worker, drawn from a seed: requests that share beginnings, cancels, sessions; over one data link that is dialled again.
///
/// It also answers the worker's registration, which tells it the model card.
package final class StreamLoad: LinkHandler, @unchecked Sendable {
    // Safety: lives on one virtual loop; looked at between turns.

    package struct Shape: Sendable {
        /// Between two requests, at most.
        package var pause = Duration.milliseconds(60)
        package var longestPrompt = 260
        package var longestAnswer: UInt32 = 40
        package var families = 6
        package var vocabulary: UInt64 = 200

        package init() {}
    }

    private let loop: VirtualLoop
    private let endpoint: LinkEndpoint
    private let origin: UInt64
    private let shape: Shape
    private var random: SeededRandom
    private var families: [[UInt32]] = []
    private var link: Link?
    private var card: ModelCard?
    private var next: UInt64 = 1
    private var isRunning = false
    /// Accepted and not ended, as the worker said on the data link: counter to lease.
    package private(set) var open: [UInt64: UInt64] = [:]
    package private(set) var ended = 0
    package private(set) var refused = 0
    private var sessions: [SessionKey] = []
    private var nextSession = 1

    package init(seed: UInt64, _ shape: Shape = Shape(), in world: VirtualWorld, _ fabric: SimulatedFabric) {
        let loop = world.makeLoop("frontend"), host = fabric.host("frontend", loop: loop)
        self.loop = loop
        self.shape = shape
        random = SeededRandom(seed: seed ^ 0x10AD)
        var policy = StreamWorker.policy(.frontend, id: 0xF1, generation: 0xAB)
        origin = policy.identity.generation
        endpoint = loop.perform { [policy] in LinkEndpoint(loop: loop, network: host, policy: policy) }
        policy = StreamWorker.policy(.router, id: 0x9000, generation: 0x51)
        policy.accepts = [.control: [.worker]]
        for _ in 0..<shape.families { families.append(tokens(shape.longestPrompt)) }
        loop.perform { [policy] in
            let listener = LinkEndpoint(loop: loop, network: host, policy: policy)
            do { try listener.listen(on: StreamWorker.control, accepted: { $0.handler = self }) } catch {
                preconditionFailure("\(error)")
            }
            control = listener
        }
        loop.spawn { [self] in await keepLink() }
    }

    private var control: LinkEndpoint?

    package func start() { loop.perform { isRunning = true } }
    /// What was asked for goes on to its end.
    package func stop() { loop.perform { isRunning = false } }
    package var leases: [UInt64] { loop.perform { open.values.sorted() } }

    /// Something that makes the engine take a step, and fills no block.
    package func nudge() { loop.perform { ask(tokens(3), answer: 1) } }

    // MARK: Asking

    @LoopActor private func keepLink() async {
        loop.spawn { [self] in
            while true {
                await loop.sleep(for: .nanoseconds(Int64(random.next() % UInt64(shape.pause.inNanoseconds))))
                if isRunning { act() }
            }
        }
        while true {
            if link == nil, card != nil, case .success(let opened) = await endpoint.dial(StreamWorker.links, kind: .data, handler: self) {
                link = opened
                open = [:]
                sessions = []
            }
            await loop.sleep(for: .milliseconds(50))
        }
    }

    @LoopActor private func act() {
        switch random.next() % 16 {
        case 0: cancel()
        case 1: openSession()
        case 2: endSession()
        default:
            let family = families[Int(random.next() % UInt64(families.count))]
            let shared = Int(random.next() % UInt64(family.count)), tail = 1 + Int(random.next() % 40)
            ask(family.prefix(shared) + tokens(tail), answer: 1 + UInt32(random.next() % UInt64(shape.longestAnswer)))
        }
    }

    private func tokens(_ count: Int) -> [UInt32] { (0..<count).map { _ in UInt32(random.next() % shape.vocabulary) } }

    @LoopActor private func ask(_ prompt: [UInt32], answer: UInt32) {
        guard let link, let card else { return }
        var entry = GenerateEntry()
        entry.counter = next
        entry.attempt = 1
        entry.choices = random.next() % 8 == 0 ? 2 : 1
        entry.lease = next << 8 | 1
        entry.routerID = 0x9000
        entry.rank = UInt32(random.next() % 2)
        entry.pool = card.digest
        entry.promptTokens = prompt
        entry.sampling.maxTokens = answer
        entry.sampling.seed = next
        if random.next() % 4 == 0, let key = sessions.last { entry.session = key }
        next += 1
        link.send(GenerateBatch(entries: [entry]), origin: origin)
    }

    @LoopActor private func cancel() {
        guard let counter = open.keys.sorted().first else { return }
        link?.send(
            CancelBatch(requests: [CancelEntry(counter: counter, attempt: 1, choice: 255, reason: .clientGone)]), origin: origin)
    }

    @LoopActor private func openSession() {
        guard let link, let card else { return }
        let key = SessionKey(tenant: "", id: "session-\(nextSession)"), rank = UInt32(random.next() % 2)
        nextSession += 1
        loop.spawn { [self] in
            let question = OpenSession(key: key, rank: rank, ttlSeconds: 600, pool: card.digest, loRA: "", salt: [])
            do throws(LinkFailure) {
                _ = try await link.ask(question, answeredBy: SessionOpened.self, within: .seconds(5))
                sessions.append(key)
            } catch {}
        }
    }

    @LoopActor private func endSession() {
        guard let link, !sessions.isEmpty else { return }
        let key = sessions.removeFirst(), later = random.next() % 2 == 0
        loop.spawn {
            do throws(LinkFailure) {
                _ = try await link.ask(
                    EndSession(key: key, bindCounter: 0, afterRequests: later), answeredBy: SessionEnded.self, within: .seconds(5))
            } catch {}
        }
    }

    // MARK: LinkHandler

    package func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        do throws(WireError) {
            switch header.kind {
            case .registerWorker:
                card = try Codec.decodeBody(RegisterWorker.self, from: body).card
                link.answer(header, with: WorkerRegistered(events: .exact, parityFollows: false, warnings: []))
            case .statusBatch:
                for entry in try Codec.decodeBody(StatusBatch.self, from: body).entries { took(entry) }
            default: break
            }
        } catch { preconditionFailure("the worker's words do not decode: \(error)") }
    }

    @LoopActor private func took(_ status: StatusEntry) {
        switch status {
        case .acceptedStatus(let status): open[status.counter] = status.counter << 8 | 1
        case .refusedStatus: refused += 1
        case .endedStatus(let status):
            open[status.counter] = nil
            ended += 1
        default: break
        }
    }

    package func link(_ link: Link, ended: LinkEnd) {
        guard self.link === link else { return }
        self.link = nil
        // The worker cancels what came over it.
        open = [:]
    }
}
