import WireProtocol

/// Bounds of links and feeds that are behaviour, not layout; `proto-spec/07-limits.md` has the same table with reasons.
package enum TransportLimits {
    /// A dialled address that does not answer is a named error on both sides.
    package static let dial = Duration.seconds(5)
    /// A lost link is dialled again after this at first, doubling up to the longest: a restarted peer is found soon, an absent one costs
    /// little. Who was cut off for long is back within three seconds of the healing.
    package static let redialFirst = Duration.milliseconds(100)
    package static let redialLongest = Duration.seconds(2)
    /// After a refusal that trying again does not heal: it ends when another process listens there, after an upgrade say.
    package static let redialRefused = Duration.seconds(60)
    /// A link that held for this long was well: the next wait is the first one again.
    package static let redialSteady = Duration.seconds(5)
    /// For each step of the handshake: a stranger that is silent holds a descriptor no longer than this.
    package static let handshake = Duration.seconds(1)
    /// Accepted streams whose handshake is not done; more wait in the kernel's backlog.
    package static let pendingHandshakes = 256
    package static let heartbeat = Duration.milliseconds(250)
    package static let suspectedAfter = Duration.seconds(1)
    package static let deadAfter = Duration.seconds(2)
    /// No byte taken by the kernel for this long though some wait: the peer reads no more.
    package static let writeStall = Duration.seconds(30)
    /// What may wait in memory for one link: two of the largest messages. Beyond it the peer is not keeping up, and the link ends.
    package static let outboxBytes = 32 << 20
    /// Above this a polite sender waits for `linkDrained`.
    package static let outboxHighBytes = 1 << 20
    /// What the kernel may take of a link's bytes without having sent them, so that a busy link is written in long pieces and both ends work at
    /// once. Behind it the outbox is what waits, and is bounded.
    package static let kernelUnsentBytes = 1 << 20
    /// A Goodbye that is not acknowledged by then was not heard.
    package static let goodbye = Duration.seconds(2)
    /// Questions that one side may have open on a link.
    package static let openQuestions = 32
    /// On a route link, where each waiting request is one.
    package static let openRouteQuestions = 4096
    /// On a kv link, where each room that is offered or about to end is one.
    package static let openKVQuestions = 4096
    /// Beats of a feed that is silent.
    package static let beat = Duration.milliseconds(250)
    /// A beat beside those, so long after a subscriber came: the many that come back to a publisher that restarted hear one together.
    package static let feedGreeting = Duration.milliseconds(4)
    /// From one of them to the next: strangers who come and go do not set the pace for all subscribers.
    static let feedGreetingPause = Duration.milliseconds(50)
    /// Past events of a stream that are kept for who missed some: a second of a busy worker's, or a minute of an ordinary one's.
    package static let ringEvents = 65_536
    package static let ringBytes = 32 << 20
    /// Messages that PUB keeps for a slow subscriber, and SUB for a slow loop.
    package static let feedBuffer = 128
    /// A feed that stays silent is dialled anew at this pace: as long as a silence takes to be a death.
    static let feedRedial = Duration.seconds(2)
    /// A publisher whose connection ended is dialled again after this, doubling up to the longest: back within some milliseconds when it restarts,
    /// and no storm while it is away.
    static let feedReconnectFirst = Duration.milliseconds(10)
    static let feedReconnectLongest = Duration.seconds(1)
    /// The first receive buffer of a link; it grows where the traffic fills it.
    package static let receiveBytes = 4 << 10
    /// What a busy link's buffer grows to when messages are small: a read takes this much at once.
    package static let receiveGrowthBytes = 256 << 10
}

extension LinkKind {
    /// Open questions that each side of such a link may have.
    var questionLimit: Int {
        switch self {
        case .route: TransportLimits.openRouteQuestions
        case .kv: TransportLimits.openKVQuestions
        default: TransportLimits.openQuestions
        }
    }
}
