import ClusterModel
import EventLoop

/// What one rank of an engine says of its load, as long as it says anything.
@LoopActor
final class EngineLoadFollower: ZMTPSubscriber {
    let rank: Rank
    private(set) var latest: EngineLoadStat?
    var whenChanged: (@LoopActor () -> Void)?
    private var subscription: ZMTPSubscription?

    init(_ feed: EngineEventFeed, at endpoint: ZMTPEndpoint, in surroundings: EngineSurroundings) {
        rank = feed.rank
        subscription = ZMTPSubscription(
            to: endpoint, topic: feed.loadTopic, loop: surroundings.loop, sockets: surroundings.sockets, self)
    }

    func start() { subscription?.open() }

    func close() {
        whenChanged = nil
        subscription?.close()
        subscription = nil
    }

    func subscriptionOpened() {}

    func subscriptionReceived(_ message: [[UInt8]]) {
        // One that cannot be read is no news; the next one comes soon.
        guard let payload = message.last, let load = try? EngineLoadStat(reading: payload.span.bytes), load != latest else { return }
        latest = load
        whenChanged?()
    }

    func subscriptionLost(_ error: ZMTPError) { latest = nil }
    func subscriptionFailed(_ error: ZMTPError) { latest = nil }
}
