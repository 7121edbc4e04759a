import ClusterModel
import EventLoop

/// What one rank of an engine says of its load, as long as it says anything.
@LoopActor
final class EngineLoadFollower: ZMTPSubscriber {
    let rank: Rank
    private var latest: EngineLoadStat?
    private var heardAt = Instant.zero
    private let loop: Loop
    var whenChanged: (@LoopActor () -> Void)?
    private var subscription: ZMTPSubscription?

    init(_ feed: EngineEventFeed, at endpoint: ZMTPEndpoint, in surroundings: EngineSurroundings) {
        rank = feed.rank
        loop = surroundings.loop
        subscription = ZMTPSubscription(
            to: endpoint, topic: feed.loadTopic, loop: surroundings.loop, sockets: surroundings.sockets, self)
    }

    /// What it said last, unless that is too long ago.
    var load: EngineLoadStat? { loop.now < heardAt + EngineEventLimits.loadAge ? latest : nil }

    func start() { subscription?.open() }

    func close() {
        whenChanged = nil
        subscription?.close()
        subscription = nil
    }

    func subscriptionOpened() {}

    func subscriptionReceived(_ message: [[UInt8]]) {
        // One that cannot be read is no news; the next one comes soon.
        guard let payload = message.last, let load = try? EngineLoadStat(reading: payload.span.bytes) else { return }
        heardAt = loop.now
        guard load != latest else { return }
        latest = load
        whenChanged?()
    }

    func subscriptionLost(_ error: ZMTPError) { latest = nil }
    func subscriptionFailed(_ error: ZMTPError) { latest = nil }
}
