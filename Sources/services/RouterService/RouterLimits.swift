import EventLoop
import Transport

/// Bounds of a router and the reasons for them; those that peers can notice stand in `proto-spec/07-limits.md` too.
enum RouterLimits {
    /// As many as a request may name.
    static let workers = 4_096
    /// Each costs a link, and a row in every directory.
    static let frontends = 1_024
    /// Lives of one worker that are never adopted again.
    static let retiredLives = 16
    /// Workers whose past lives are remembered; whoever has no lasting id would otherwise make the table grow for ever.
    static let rememberedWorkers = 8_192

    /// A new router counts as starting for this long: workers that lost their router look for it at least this often.
    static let settling = TransportLimits.redialLongest
    /// Less if workers came and no other followed for this long.
    static let settlingQuiet = Duration.milliseconds(750)

    /// Pace of what is looked at now and then: silence of peers, expiry of leases, load of placements (4 Hz).
    static let tick = Duration.milliseconds(250)
    /// Between two batches of the router's stream: a subscriber for which 128 messages are kept may then be late by a quarter second.
    static let publishingPace = Duration.milliseconds(2)
    /// Body of one message of a feed: what is left beside the header and the count.
    static let feedBodyBytes = (64 << 10) - 64
    /// One page of a snapshot, unless one entry alone is longer.
    static let snapshotPageBytes = 64 << 10

    /// Hashing some lists takes a worker less than a millisecond; it may be loading a model.
    static let parityAnswer = Duration.seconds(10)
    static let parityAttempts = 3
    static let parityPause = Duration.milliseconds(250)
    /// Beside the golden ones.
    static let randomParityLists = 4

    /// A model whose last worker left is answered "no worker" for this long, not "unknown model": a restart is no 404.
    static let emptyPool = Duration.seconds(60)
    /// So many of them at most, the longest empty going first: a worker may register with card after card.
    static let emptyPools = 64
    /// A refusal for load is believed for so long: a worker tells of a changed load within 10 ms.
    static let refusalBelieved = Duration.seconds(1)
    /// A router that has just begun does not say that a model or a worker does not exist: those who lost it dial again within 2 s, but may be cut off or load a model.
    static let acquaintance = Duration.seconds(10)
    /// What a client is told when no worker is eligible.
    static let retryAfter = Duration.seconds(1)
    /// Between the news that this router leaves and its goodbyes.
    static let drainNotice = Duration.milliseconds(250)
    /// For the goodbyes.
    static let drain = Duration.seconds(2)
    /// Log lines a peer and cause, and a minute.
    static let rejectionLines = 5
}
