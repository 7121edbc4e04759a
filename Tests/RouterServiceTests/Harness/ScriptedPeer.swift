import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// Another router, as a test wants it: it registers or is registered with, publishes what it is told to, and answers for its stream.
@LoopActor
final class ScriptedPeer: LinkHandler {
    let identity: Identity
    let loop: VirtualLoop
    let host: SimulatedHost
    /// Open ones, the newest last.
    private(set) var links: [Link] = []
    private(set) var ends: [LinkEnd] = []
    private(set) var registrations: [RegisterRouter] = []
    private(set) var answer: RouterRegistered?
    private(set) var failure: Failure?
    private(set) var snapshots = 0
    private(set) var replays = 0
    /// In snapshots; kept by `made` and `released`.
    private(set) var leases: [LeaseMade] = []
    var feedAddress: String
    private var told: [RouterChange] = []
    private(set) var feed: FeedPublisher?
    private var endpoint: LinkEndpoint?

    init(_ identity: Identity, loop: VirtualLoop, host: SimulatedHost) {
        self.identity = identity
        self.loop = loop
        self.host = host
        feedAddress = "tcp://\(host.name):8101"
    }

    var link: Link? { links.last }

    func start(dials: Bool) {
        var policy = LinkPolicy(identity: identity, cluster: ClusterValues(clusterID: "test"))
        policy.accepts = [.peer: [.router]]
        let endpoint = LinkEndpoint(loop: loop, network: host, policy: policy)
        self.endpoint = endpoint
        _ = try? endpoint.listen(
            on: Address(host: host.name, port: 8_100),
            accepted: { [weak self] link in
                link.handler = self
                self?.links.append(link)
            })
        feed = try? FeedPublisher(
            on: Address(host: host.name, port: 8_101), kind: .routerState, publisher: identity.id, generation: identity.generation,
            loop: loop, network: host)
        if dials { dial() }
    }

    func dial(registers: Bool = true) {
        endpoint?.dial(RouterWorld.routerAddress, kind: .peer, handler: self) { [weak self] result in
            guard let self else { return }
            switch result {
            case .failure(let end): ends.append(end)
            case .success(let link):
                links.append(link)
                if registers { register(on: link) }
            }
        }
    }

    func register(on link: Link) {
        loop.spawn { [self] in
            do throws(LinkFailure) {
                answer = try await link.ask(registration, answeredBy: RouterRegistered.self, within: .seconds(5))
            } catch { if case .failed(let failure) = error { self.failure = failure } }
        }
    }

    private var registration: RegisterRouter {
        RegisterRouter(endpoints: Endpoints(linkAddress: "", feedAddress: feedAddress), state: .ready, streamPosition: position)
    }

    private var position: UInt64 { (feed?.nextSequence ?? 1) - 1 }

    // MARK: Stream

    func publish(_ changes: [RouterChange]) {
        told += changes
        feed?.publish(count: changes.count) { Codec.appendBody(RouterState(changes: changes), to: &$0) }
    }

    /// Bytes in the place of one change; a replay has a change there that nobody knows.
    func publishRaw(_ body: [UInt8]) {
        told.append(.unknown(tag: 99, bytes: []))
        feed?.publish(count: 1) { $0.append(contentsOf: body) }
    }

    func made(_ lease: LeaseMade) {
        leases.append(lease)
        publish([.leaseMade(lease)])
    }

    func released(_ lease: LeaseMade, _ reason: LeaseEnd = .cancelled) {
        leases.removeAll { $0.lease == lease.lease }
        publish([
            .leaseReleased(
                LeaseReleased(
                    lease: lease.lease, workerID: lease.workerID, generation: lease.generation, rank: lease.rank, reason: reason))
        ])
    }

    /// A booking of 64 tokens.
    static func lease(_ number: UInt64, on worker: ScriptedWorker, _ change: (inout LeaseMade) -> Void = { _ in }) -> LeaseMade {
        var lease = LeaseMade()
        lease.lease = number
        lease.workerID = worker.script.id
        lease.generation = worker.script.generation
        lease.request = RequestKey(origin: 0xF00D, counter: number, attempt: 1)
        lease.promptTokens = 64
        lease.prefillTokens = 64
        lease.promptBlocks = 4
        lease.hashes = [1, 2, 3, 4]
        change(&lease)
        return lease
    }

    // MARK: Asking

    func ask<Answer: WireMessage>(
        _ question: some WireMessage, _ type: Answer.Type, _ take: @escaping @LoopActor (Result<Answer, LinkFailure>) -> Void
    ) {
        guard let link else { return }
        loop.spawn {
            do throws(LinkFailure) { take(.success(try await link.ask(question, answeredBy: type, within: .seconds(5)))) } catch {
                take(.failure(error))
            }
        }
    }

    // MARK: LinkHandler

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        do throws(WireError) {
            switch header.kind {
            case .registerRouter:
                registrations.append(try Codec.decodeBody(RegisterRouter.self, from: body))
                link.answer(
                    header,
                    with: RouterRegistered(
                        endpoints: Endpoints(linkAddress: "", feedAddress: feedAddress), state: .ready, streamPosition: position))
            case .snapshotQuestion:
                snapshots += 1
                var page = SnapshotPage()
                page.generation = identity.generation
                page.sequence = position
                page.throughHash = .max
                page.entries = leases.map { .leaseMade($0) }
                link.answer(header, with: page)
            case .replayQuestion:
                replays += 1
                let question = try Codec.decodeBody(ReplayQuestion.self, from: body)
                var answer = ReplayAnswer()
                (answer.generation, answer.newestSequence, answer.outcome) = (identity.generation, position, .events)
                (answer.firstSequence, answer.lastSequence) = (question.firstSequence, question.lastSequence)
                var bytes: [UInt8] = []
                let changes = told[(Int(question.firstSequence) - 1)..<Int(question.lastSequence)]
                Codec.appendBody(RouterState(changes: Array(changes)), to: &bytes)
                answer.batch = bytes
                link.answer(header, with: answer)
            default: throw WireError(.unexpectedKind, "kind")
            }
        } catch { link.malformed(header, error) }
    }

    func link(_ link: Link, ended: LinkEnd) {
        links.removeAll { $0 === link }
        ends.append(ended)
    }
}

extension RouterWorld {
    /// As `ScriptedPeer.lease`, from outside of every process.
    func lease(_ number: UInt64, on worker: ScriptedWorker) -> LeaseMade { worker.loop.perform { ScriptedPeer.lease(number, on: worker) } }
    func on<Result>(_ peer: ScriptedPeer, _ body: @LoopActor (ScriptedPeer) -> Result) -> Result { peer.loop.perform { body(peer) } }
}
