import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// A router that registers whoever asks, and reads the stream.
final class ScriptedRouter: LinkHandler, FeedReader, @unchecked Sendable {
    // Safety: lives on one virtual loop; the test looks between turns.
    let host: SimulatedHost
    let loop: VirtualLoop
    private(set) var registrations: [RegisterWorker] = []
    private(set) var notices: [DrainNotice] = []
    private(set) var links: [Link] = []
    private(set) var ends: [LinkEnd] = []
    private(set) var rejections: [LinkEnd] = []
    /// Events in order, without gaps from the first batch that was heard.
    private(set) var events: [WorkerEvent] = []
    private(set) var lastSequence: UInt64 = 0
    private(set) var batches: [(count: Int, at: Instant)] = []
    private(set) var beats = 0
    private(set) var faults: [String] = []
    private let endpoint: LinkEndpoint
    private var feed: FeedSubscriber?
    /// What is said instead of WorkerRegistered.
    var refusal: Failure?
    static let routerID: UInt64 = 0x9000

    init(_ world: VirtualWorld, _ fabric: SimulatedFabric, generation: UInt64) throws {
        let loop = world.makeLoop("router")
        self.loop = loop
        let host = fabric.host("router", loop: loop)
        self.host = host
        var policy = Policies.policy(.router, id: Self.routerID, generation: generation)
        policy.accepts = [.control: [.worker]]
        endpoint = loop.perform { LinkEndpoint(loop: loop, network: host, policy: policy) }
        _ = try loop.perform {
            Result {
                try endpoint.listen(
                    on: WorkerBed.routerAddress,
                    accepted: { [weak self] link in
                        guard let self else { return link.abort() }
                        link.handler = self
                        links.append(link)
                    }, rejected: { [weak self] end, _ in self?.rejections.append(end) })
            }
        }.get()
    }

    func on<Result>(_ body: @LoopActor () -> Result) -> Result { loop.perform(body) }

    /// Opens a link to the worker, as a router does for questions.
    func dial(_ kind: LinkKind, _ address: Address, _ world: VirtualWorld) throws -> Link {
        try world.run(on: loop, within: .seconds(30)) { [endpoint] in try await endpoint.dial(address, kind: kind).get() }
    }

    // MARK: LinkHandler

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        do throws(WireError) {
            switch header.kind {
            case .registerWorker:
                let registration = try Codec.decodeBody(RegisterWorker.self, from: body)
                registrations.append(registration)
                if let refusal { return link.answer(header, with: refusal) }
                link.answer(header, with: WorkerRegistered(events: registration.events, parityFollows: true, warnings: []))
                subscribe(registration)
            case .drainNotice: notices.append(try Codec.decodeBody(DrainNotice.self, from: body))
            default: faults.append("unexpected \(header.rawKind)")
            }
        } catch { faults.append("\(error)") }
    }

    func link(_ link: Link, ended: LinkEnd) { ends.append(ended) }

    @LoopActor private func subscribe(_ registration: RegisterWorker) {
        guard feed == nil, let address = try? Address(parsing: registration.endpoints.feedAddress.replacing("://:", with: "://worker:"))
        else { return }
        feed = try? FeedSubscriber(to: address, kind: .workerEvents, loop: loop, network: host, reader: self)
    }

    // MARK: FeedReader

    func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {
        guard let batch = try? Codec.decodeBody(WorkerEvents.self, from: body) else { return faults.append("a batch does not decode") }
        if lastSequence > 0, header.number != lastSequence + 1 { faults.append("a gap before \(header.number)") }
        lastSequence = header.number + UInt64(batch.events.count) - 1
        events += batch.events
        batches.append((batch.events.count, loop.now))
    }

    func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) { beats += 1 }
    func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {}

    // MARK: Looking

    /// What the stream said of one lease, in order, by name.
    func story(of lease: UInt64) -> [String] {
        events.compactMap { event in
            switch event {
            case .requestAccepted(let record) where record.lease == lease: "accepted"
            case .requestStarted(let record) where record.lease == lease: "started"
            case .prefillProgress(let record) where record.lease == lease: "progress"
            case .prefillDone(let record) where record.lease == lease: "prefilled"
            case .blocksGrown(let record) where record.lease == lease: "grown \(record.outputBlocks)"
            case .requestEnded(let record) where record.lease == lease: "ended \(record.reason.rawValue)"
            default: nil
            }
        }
    }

    var states: [ProcessState] { events.compactMap { if case .stateChanged(let change) = $0 { change.state } else { nil } } }
    var lastLoad: RankLoad? { events.compactMap { if case .rankLoad(let load) = $0 { load } else { nil } }.last }
}

extension String {
    /// Without Foundation: the first place only.
    func replacing(_ text: String, with other: String) -> String {
        guard let range = ranges(of: text).first else { return self }
        return self[..<range.lowerBound] + other + self[range.upperBound...]
    }
}
