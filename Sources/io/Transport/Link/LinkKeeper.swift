import ClusterModel
package import EventLoop
package import WireProtocol

/// Whom a kept link tells what happens. Everything about one life of the link comes between its `opened` and its `ended`.
package protocol LinkKeeperHandler: AnyObject, Sendable {
    @LoopActor func keeper(_ keeper: LinkKeeper, opened link: Link)
    @LoopActor func keeper(_ keeper: LinkKeeper, received header: MessageHeader, body: RawSpan, on link: Link)
    /// The link ended, or could not be opened (`wasOpen` false); it is dialled again after `retryAfter`.
    @LoopActor func keeper(_ keeper: LinkKeeper, ended: LinkEnd, wasOpen: Bool, retryAfter: Duration)
    @LoopActor func keeperDrained(_ keeper: LinkKeeper)
}

extension LinkKeeperHandler {
    @LoopActor package func keeperDrained(_ keeper: LinkKeeper) {}
}

/// Keeps one link to a peer: dials, and after each end dials again, later each time, with jitter, so that a restarted peer is not met by all
/// at once. Its owner stops it before letting it go.
@LoopActor
package final class LinkKeeper {
    package let address: Address
    package let kind: LinkKind
    /// Open, or nil.
    package private(set) var link: Link?
    private let endpoint: LinkEndpoint
    private let loop: Loop
    private weak var handler: (any LinkKeeperHandler)?
    private var failures = 0
    private var openedAt: Instant?
    private var timer: TimerHandle?
    private var isStopped = false

    package init(_ address: Address, kind: LinkKind, endpoint: LinkEndpoint, loop: Loop, handler: any LinkKeeperHandler) {
        self.address = address
        self.kind = kind
        self.endpoint = endpoint
        self.loop = loop
        self.handler = handler
    }

    package func start() { dial() }

    /// No more dials; an open link says goodbye. The handler hears nothing more.
    package func stop(_ reason: GoodbyeReason) {
        isStopped = true
        loop.cancel(timer)
        timer = nil
        let link = link
        self.link = nil
        link?.goodbye(reason)
    }

    private func dial() {
        let relay = Relay(self)
        endpoint.dial(address, kind: kind, handler: relay) { [weak self] result in
            guard let self, !isStopped else {
                if case .success(let link) = result { link.goodbye(.leaving) }
                return
            }
            switch result {
            case .success(let link):
                self.link = link
                openedAt = loop.now
                handler?.keeper(self, opened: link)
            case .failure(let end): retry(end, wasOpen: false)
            }
        }
    }

    private func retry(_ end: LinkEnd, wasOpen: Bool) {
        // A link that held for a while was well: the peer restarted, and is looked for at once.
        if let openedAt, openedAt.duration(to: loop.now) > TransportLimits.redialSteady { failures = 0 }
        openedAt = nil
        let step = min(TransportLimits.redialFirst * (1 << min(failures, 16)), TransportLimits.redialLongest)
        failures += 1
        // From half the step to all of it; much later where only another listener would help.
        let isHopeless = if case .refused(let refusal) = end { !refusal.retryable } else { false }
        let spread = Duration.nanoseconds(Int64(loop.random.next() % UInt64((step / 2).inNanoseconds + 1)))
        let delay = (isHopeless ? TransportLimits.redialRefused : step / 2) + spread
        handler?.keeper(self, ended: end, wasOpen: wasOpen, retryAfter: delay)
        guard !isStopped else { return }
        timer = loop.schedule(after: delay) { [weak self] in
            guard let self else { return }
            timer = nil
            dial()
        }
    }

    /// The handler of one life of the link. It holds the keeper weakly, since the link holds it until its end.
    @LoopActor
    private final class Relay: LinkHandler {
        private weak var keeper: LinkKeeper?

        init(_ keeper: LinkKeeper) { self.keeper = keeper }

        func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
            guard let keeper, !keeper.isStopped else { return }
            keeper.handler?.keeper(keeper, received: header, body: body, on: link)
        }

        func link(_ link: Link, ended: LinkEnd) {
            guard let keeper, !keeper.isStopped, keeper.link === link else { return }
            keeper.link = nil
            keeper.retry(ended, wasOpen: true)
        }

        func linkDrained(_ link: Link) {
            guard let keeper, !keeper.isStopped, keeper.link === link else { return }
            keeper.handler?.keeperDrained(keeper)
        }
    }
}
