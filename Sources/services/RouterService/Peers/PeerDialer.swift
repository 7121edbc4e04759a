import ClusterModel
import EventLoop
import ProcessKit
import Scheduling
import Telemetry
import Transport
import WireProtocol

/// Looks after one configured address of another router: dials it until there is a link to whoever lives there, whichever side opened it.
@LoopActor
final class PeerDialer {
    private enum State {
        case idle
        case dialling
        /// Until the pause is over.
        case waiting
        /// A link to that router is open.
        case resting(RouterID)
        case stopped
    }

    let address: Address
    private unowned let core: RouterCore
    private var state = State.idle
    private var failures = 0
    private var openedAt: Instant?
    private var timer: TimerHandle?
    /// Of a row of failures only the first is worth a line.
    private var isQuiet = false

    init(_ address: Address, _ core: RouterCore) {
        self.address = address
        self.core = core
    }

    func start() { dial() }

    func stop() {
        state = .stopped
        core.loop.cancel(timer)
    }

    /// The link to that router has ended.
    func lost(_ router: RouterID) {
        guard case .resting(router) = state else { return }
        // A link that held for a while was well.
        if let openedAt, openedAt.duration(to: core.loop.now) > TransportLimits.redialSteady { failures = 0 }
        let pause = Self.pause(after: failures, &core.loop.random)
        failures += 1
        wait(pause)
    }

    private func dial() {
        state = .dialling
        core.endpoint.dial(address, kind: .peer) { [weak self] result in
            guard let self, case .dialling = state else {
                if case .success(let link) = result { link.goodbye(.leaving) }
                return
            }
            switch result {
            case .success(let link): opened(link)
            case .failure(let end): failed(end)
            }
        }
    }

    private func opened(_ link: Link) {
        isQuiet = false
        let own = core.context.identity
        if link.peer.id == own.id || link.peer.role != .router {
            link.goodbye(.done)
            if !core.peers.isOwn(link.peer) {
                core.log.warning("no other router", ["at": .text(address.description), "peer": .text(link.peer.name)])
            }
            return wait(PeerLimits.anotherLook)
        }
        openedAt = core.loop.now
        // Before the directory looks at it: the end of the link comes back here.
        state = .resting(RouterID(link.peer.id))
        core.peers.opened(link)
    }

    private func failed(_ end: LinkEnd) {
        let isHopeless = if case .refused(let refusal) = end { !refusal.retryable } else { false }
        let pause = isHopeless ? PeerLimits.anotherLook : Self.pause(after: failures, &core.loop.random)
        failures += 1
        core.log.log(
            isQuiet ? .debug : .warning, "router not reached",
            ["at": .text(address.description), "reason": .text(end.description), "retry": .duration(pause)])
        isQuiet = true
        wait(pause)
    }

    private func wait(_ pause: Duration) {
        state = .waiting
        core.loop.cancel(timer)
        timer = core.loop.schedule(after: pause) { [weak self] in
            guard let self, case .waiting = state else { return }
            dial()
        }
    }

    /// As any lost link is dialled again: later each time, from half of the pause to all of it, so that routers that lost one another do not all
    /// dial in one moment.
    static func pause(after failures: Int, _ random: inout SeededRandom) -> Duration {
        let step = min(TransportLimits.redialFirst * (1 << min(failures, 16)), TransportLimits.redialLongest)
        return step / 2 + .nanoseconds(Int64(random.next() % UInt64((step / 2).inNanoseconds + 1)))
    }
}
