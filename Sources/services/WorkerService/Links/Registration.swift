import ClusterModel
import EventLoop
import Telemetry
import Transport
import WireProtocol

/// This worker towards one router: a control link that is kept, a registration on it, and the answers to its probes.
@LoopActor
final class Registration: LinkKeeperHandler {
    enum State: Hashable {
        case dialling
        case registering
        case registered(EventsMode)
        case refused(String)

        /// For people.
        var words: String {
            switch self {
            case .dialling: "dialling"
            case .registering: "registering"
            case .registered: "registered"
            case .refused(let why): "refused: \(why)"
            }
        }
    }

    private let core: WorkerCore
    private let describe: @LoopActor () -> RegisterWorker
    private let drainReason: @LoopActor () -> DrainReason
    private var keeper: LinkKeeper?
    private(set) var state = State.dialling
    private var limit = RateLimit(lines: WorkerLimits.logLines, perMilliseconds: WorkerLimits.logMilliseconds)
    let address: Address

    init(
        _ address: Address, endpoint: LinkEndpoint, core: WorkerCore, describe: @escaping @LoopActor () -> RegisterWorker,
        drainReason: @escaping @LoopActor () -> DrainReason
    ) {
        self.address = address
        self.core = core
        self.describe = describe
        self.drainReason = drainReason
        keeper = LinkKeeper(address, kind: .control, endpoint: endpoint, loop: core.loop, handler: self)
    }

    var isRegistered: Bool { if case .registered = state { true } else { false } }
    var isConnected: Bool { keeper?.link != nil }

    func start() { keeper?.start() }

    /// Says again what this worker is, on the link that is open; where none is, the next one begins with it.
    func renew() {
        guard isRegistered, let link = keeper?.link else { return }
        core.loop.spawn { [weak self] in await self?.register(on: link) }
    }

    /// Earlier than the stream says it, on the link that plans depend on.
    func announceDrain(_ reason: DrainReason, remaining: Duration) {
        guard isRegistered, let link = keeper?.link else { return }
        let ranks = core.table.ranks
        link.send(
            DrainNotice(
                reason: reason, remainingMilliseconds: UInt32(clamping: remaining.inMilliseconds),
                runningRequests: ranks.reduce(0) { $0 &+ $1.runningRequests }, waitingRequests: ranks.reduce(0) { $0 &+ $1.waitingRequests }
            ))
    }

    /// Says goodbye, and dials no more.
    func stop() {
        keeper?.stop(.leaving)
        keeper = nil
        core.metrics.registered(address, false)
    }

    // MARK: LinkKeeperHandler

    func keeper(_ keeper: LinkKeeper, opened link: Link) {
        state = .registering
        core.loop.spawn { [weak self] in await self?.register(on: link) }
    }

    func keeper(_ keeper: LinkKeeper, received header: MessageHeader, body: RawSpan, on link: Link) {
        do throws(WireError) {
            switch header.kind {
            case .parityProbe where header.flags.contains(.question) && isRegistered:
                switch HashParity.answer(try Codec.decodeBody(ParityProbe.self, from: body)) {
                case .success(let answer): link.answer(header, with: answer)
                case .failure(let problem):
                    link.answer(header, with: Failure(.invalidArgument, field: problem.field, reason: problem.reason))
                }
            case .closeSession where !header.flags.contains(.question):
                core.sessions.close(try Codec.decodeBody(CloseSession.self, from: body))
            default: link.misplaced(header)
            }
        } catch {
            link.malformed(header, error)
        }
    }

    func keeper(_ keeper: LinkKeeper, ended end: LinkEnd, wasOpen: Bool, retryAfter: Duration) {
        state = .dialling
        if case .refused = end { state = .refused("\(end)") }
        core.metrics.registered(address, false)
        let verdict = limit.admit(wasOpen ? "lost" : "dial", atMilliseconds: core.loop.now.nanoseconds / 1_000_000)
        core.log.limited(verdict)?.warning(
            "router not connected",
            [
                "router": .text(address.description), "end": .text("\(end)"), "was_open": .flag(wasOpen),
                "retry_after": .duration(retryAfter),
            ])
    }

    // MARK: Registering

    private func register(on link: Link) async {
        let answer: WorkerRegistered
        do throws(LinkFailure) {
            answer = try await link.ask(describe(), answeredBy: WorkerRegistered.self, within: WorkerLimits.registration)
        } catch {
            guard error != .ended, link.isOpen else { return }
            let verdict = limit.admit("register", atMilliseconds: core.loop.now.nanoseconds / 1_000_000)
            core.log.limited(verdict)?.error(
                "not registered", ["router": .text(address.description), "reason": .text(Self.words(error))])
            // The keeper dials again, later each time.
            return link.goodbye(.done, detail: "not registered")
        }
        guard link.isOpen, keeper?.link === link else { return }
        core.loop.reaches("worker registered, and does not know")
        state = .registered(answer.events)
        core.metrics.registered(address, true)
        core.log.info(
            "registered",
            ["router": .text(address.description), "id": .hex(link.peer.id), "events": .text("\(answer.events)")])
        for warning in answer.warnings {
            core.log.warning(
                "router warns",
                [
                    "router": .text(address.description), "code": .unsigned(UInt64(warning.code.rawValue)), "detail": .text(warning.detail),
                ])
        }
        if core.state == .draining { announceDrain(drainReason(), remaining: .zero) }
    }

    private static func words(_ failure: LinkFailure) -> String {
        switch failure {
        case .ended: "the link ended"
        case .timedOut: "no answer"
        case .failed(let failure): "code \(failure.code.rawValue), field \(failure.field)"
        case .malformed(let error): error.description
        }
    }
}
