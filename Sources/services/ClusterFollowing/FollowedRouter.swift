import ClusterModel
package import EventLoop
import ProcessKit
package import StreamFollowing
package import Transport
package import WireProtocol

/// One router as it is followed: a route link, on which it registers as a frontend that asks for nothing, and the router's stream.
@LoopActor
package final class FollowedRouter: LinkKeeperHandler, StreamMirror {
    package let ordinal: Int
    package let address: Address
    private let registration: RegisterFrontend
    private let endpoint: LinkEndpoint
    private let loop: Loop
    private let network: any Network
    private weak var cluster: ClusterFollower?
    private var keeper: LinkKeeper?
    private var follower: StreamFollower?
    private let gate = RecoveryGate()
    package private(set) var isInStep = false
    /// Whether what it says is the state of things: not of an earlier life, whose word only counts until this one knows its workers.
    package var isCurrent: Bool { isInStep && joining == nil }
    /// Why it was not reached; the peer's words are in it as they came.
    package private(set) var problem: String?

    /// What it says of the cluster. It outlives the link: workers go on without a router.
    package private(set) var directory = RouterDirectory()
    /// What a router says that has just begun, and may not know its workers yet.
    private var joining: RouterDirectory?
    /// Gathered until the last page of a snapshot is there.
    private var found = RouterDirectory()
    private var hasJoined = false

    private static let registrationLimit = Duration.seconds(2)

    init(
        _ ordinal: Int, _ address: Address, _ registration: RegisterFrontend, endpoint: LinkEndpoint, loop: Loop, network: any Network,
        cluster: ClusterFollower
    ) {
        self.ordinal = ordinal
        self.address = address
        self.registration = registration
        self.endpoint = endpoint
        self.loop = loop
        self.network = network
        self.cluster = cluster
        keeper = LinkKeeper(address, kind: .route, endpoint: endpoint, loop: loop, handler: self)
    }

    func start() { keeper?.start() }

    func stop() {
        unfollow()
        keeper?.stop(.done)
        keeper = nil
    }

    /// Open, or nil.
    package var link: Link? { keeper?.link.flatMap { $0.isOpen ? $0 : nil } }

    private func unfollow() {
        follower?.close()
        follower = nil
        found = RouterDirectory()
        joining = nil
        isInStep = false
    }

    // MARK: The link

    package func keeper(_ keeper: LinkKeeper, opened link: Link) {
        loop.spawn { [weak self] in await self?.register(on: link) }
    }

    private func register(on link: Link) async {
        do {
            let answer = try await link.ask(registration, answeredBy: FrontendRegistered.self, within: Self.registrationLimit)
            guard link === keeper?.link, let feed = Address(advertised: answer.endpoints.feedAddress, peer: link.remoteAddress) else {
                return link.goodbye(.leaving, detail: "no feed")
            }
            unfollow()
            // A router's stream has no blocks.
            var options = FollowingOptions()
            options.wantsBlocks = false
            follower = try StreamFollower(
                StreamSource(.routerState, publisher: link.peer.id, generation: link.peer.generation, feed: feed), mirror: self,
                line: RecoveryLine(over: { [weak self, weak link] in self?.keeper?.link === link ? link : nil }, loop: loop), gate: gate,
                options: options, loop: loop, network: network)
            problem = nil
        } catch {
            problem = "\(address): \(error)"
            link.goodbye(.leaving, detail: "not registered")
        }
    }

    package func keeper(_ keeper: LinkKeeper, received header: MessageHeader, body: RawSpan, on link: Link) {
        switch header.kind {
        case .replayQuestion, .snapshotQuestion:
            link.answer(header, with: Failure(.notFound, reason: "nothing is ever said on this stream"))
        default: link.malformed(header, WireError(.unexpectedKind, "kind"))
        }
    }

    package func keeper(_ keeper: LinkKeeper, ended: LinkEnd, wasOpen: Bool, retryAfter: Duration) {
        problem = "\(address): \(ended)"
        unfollow()
    }

    // MARK: Its stream

    package func restarted(_ follower: StreamFollower) { found = RouterDirectory() }

    package func apply(_ page: SnapshotPage, from follower: StreamFollower) { for entry in page.entries { found.take(entry) } }

    package func completed(through number: UInt64, _ follower: StreamFollower) {
        joining = found
        found = RouterDirectory()
        adoptIfSettled()
    }

    /// A router that has just begun does not know yet who is there: until it does, what was known counts.
    private func adoptIfSettled() {
        guard let said = joining, said.state != .starting || directory.workers.isEmpty else { return }
        directory = said
        joining = nil
        cluster?.directoryChanged()
    }

    package func apply(_ batch: borrowing StreamBatch, from follower: StreamFollower) {
        do throws(WireError) {
            for change in try Codec.decodeBody(RouterState.self, from: batch.body).changes.dropFirst(batch.skip) {
                if joining != nil {
                    _ = joining?.take(change)
                    adoptIfSettled()
                } else if directory.take(change) {
                    // What comes behind may be about a worker that has just come.
                    cluster?.directoryChanged()
                }
                cluster?.observer?.told(change, by: self)
            }
        } catch { preconditionFailure("the batch was checked: \(error)") }
    }

    package func apply(_ event: WorkerEvent, number: UInt64, from follower: StreamFollower) {}

    package func follower(_ follower: StreamFollower, became state: StreamState) { isInStep = state == .inStep }

    package func follower(_ follower: StreamFollower, noted notice: StreamNotice) {
        if case .recovered(by: .snapshot) = notice, !hasJoined {
            hasJoined = true
        } else {
            cluster?.observer?.noted(notice)
        }
    }
}
