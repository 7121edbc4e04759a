import ClusterModel
import Engines
import EventLoop
import Telemetry

/// Follows the events of one rank: a subscription for what comes, a replay for what was missed, and the cache that follows from both.
@LoopActor
final class EngineEventFollower: ZMTPSubscriber {
    private let feed: EngineEventFeed
    private let loop: Loop
    private let sockets: any SocketSystem
    private let log: Logger
    private let metrics: EngineEventMetrics
    private let salts: EngineSaltBook
    var whenChanged: (@LoopActor () -> Void)?

    private var cache: ForeignCache
    private var sequence: EventSequence
    private var subscription: ZMTPSubscription?
    private var replay: ReplayConversation?
    /// Before the next replay, after one that failed.
    private var pause = Duration.zero
    private var replayTimer: TimerHandle?
    private var patienceTimer: TimerHandle?
    private var quietTimer: TimerHandle?
    private var heardSinceCheck = false
    private var isClosed = false
    private var lines = RateLimit(lines: EngineEventLimits.logLines, perMilliseconds: EngineEventLimits.logMilliseconds)

    init(_ feed: EngineEventFeed, blockSize: UInt32, blocks: Int, salts: EngineSaltBook, in surroundings: EngineSurroundings) {
        self.feed = feed
        self.salts = salts
        loop = surroundings.loop
        sockets = surroundings.sockets
        log = surroundings.log.with(["rank": .unsigned(UInt64(feed.rank.rawValue)), "endpoint": .text(feed.events.description)])
        metrics = EngineEventMetrics(registry: surroundings.metrics, rank: feed.rank.description)
        cache = ForeignCache(rank: feed.rank, blockSize: blockSize, blockLimit: EngineEventLimits.followedBlocks(of: blocks))
        sequence = EventSequence(canReplay: feed.replay != nil)
        subscription = ZMTPSubscription(to: feed.events, topic: feed.topic, loop: loop, sockets: sockets, self)
    }

    var hasChanges: Bool { cache.hasChanges }
    var isFollowing: Bool { sequence.isFollowing }
    var blockCount: Int { cache.count }

    func start() {
        subscription?.open()
        if feed.replay != nil { checkWhenQuiet() }
    }

    func drain(into output: inout StepOutput) {
        cache.moveChanges(to: &output)
        setReading(true)
    }

    func close() {
        isClosed = true
        whenChanged = nil
        subscription?.close()
        subscription = nil
        dropReplay()
        loop.cancel(patienceTimer)
        loop.cancel(quietTimer)
    }

    // MARK: The subscription

    func subscriptionOpened() {
        limited("open")?.info("following the engine's events")
        loop.cancel(patienceTimer)
        patienceTimer = nil
        pause = .zero
        run(sequence.subscribed())
    }

    func subscriptionReceived(_ message: [[UInt8]]) {
        heardSinceCheck = true
        guard let (number, payload) = EventFraming.live(message) else {
            return log.debug("a message of the engine that is no batch of events", ["frames": .count(message.count)])
        }
        run(sequence.live(number, payload))
    }

    func subscriptionLost(_ error: ZMTPError) {
        metrics.failed()
        limited("lost")?.warning("the engine's events cannot be had", ["error": .text(error.description)])
        dropReplay()
        sequence.lost()
        metrics.follows(false)
        guard patienceTimer == nil else { return }
        patienceTimer = loop.schedule(after: EngineEventLimits.awayPatience) { [weak self] in
            guard let self else { return }
            self.patienceTimer = nil
            self.run(self.sequence.giveUp(.away))
        }
    }

    func subscriptionFailed(_ error: ZMTPError) {
        metrics.failed()
        limited("unreachable")?.warning("the engine's events cannot be had yet", ["error": .text(error.description)])
    }

    /// A last batch that was lost on its way shows by nothing that comes after it.
    private func checkWhenQuiet() {
        quietTimer = loop.schedule(after: EngineEventLimits.quietCheck) { [weak self] in
            guard let self, !self.isClosed else { return }
            if !self.heardSinceCheck { self.run(self.sequence.check()) }
            self.heardSinceCheck = false
            self.checkWhenQuiet()
        }
    }

    // MARK: The replay

    private func ask(from first: UInt64) {
        dropReplay()
        guard let endpoint = feed.replay else { return }
        metrics.replays(from: first)
        let conversation = ReplayConversation(
            from: first, at: endpoint, loop: loop, sockets: sockets,
            received: { [weak self] number, payload in
                guard let self else { return }
                self.run(self.sequence.replayed(number, payload))
            },
            ended: { [weak self] error in self?.replayEnded(error) })
        replay = conversation
        conversation.isReading = subscription?.isReading ?? true
        guard pause > .zero else { return conversation.open() }
        replayTimer = loop.schedule(after: pause) { [weak conversation] in conversation?.open() }
    }

    private func replayEnded(_ error: ZMTPError?) {
        replay = nil
        if let error {
            metrics.failed()
            limited("replay")?.warning("past events of the engine cannot be had", ["error": .text(error.description)])
            pause = min(max(pause * 2, EngineEventLimits.firstPause), EngineEventLimits.longestPause)
            run(sequence.replayFailed())
        } else {
            pause = .zero
            run(sequence.replayEnded())
        }
    }

    private func dropReplay() {
        loop.cancel(replayTimer)
        replayTimer = nil
        replay?.close()
        replay = nil
    }

    // MARK: Batches

    private func run(_ actions: [EventSequence.Action]) {
        for action in actions {
            switch action {
            case .apply(let payload): apply(payload)
            case .clear(let reason): clear(reason)
            case .replay(let first): ask(from: first)
            }
        }
        metrics.follows(isFollowing)
        metrics.duplicated(sequence.takeDuplicates())
        if cache.waitingChanges >= EngineEventLimits.waitingChanges { setReading(false) }
        if cache.hasChanges { whenChanged?() }
    }

    private func apply(_ payload: [UInt8]) {
        metrics.took()
        var mayHaveLost = false
        do throws(EngineEventError) {
            _ = try EngineEventReader.read(payload.span.bytes) { event in
                if case .unreadable(let error, _) = event {
                    log.debug("an event of the engine cannot be read", ["error": .text(error.description)])
                }
                if cache.apply(event, salts: &salts.table) { mayHaveLost = true }
            }
        } catch {
            limited("unreadable")?.warning("a batch of the engine's events cannot be read", ["error": .text(error.description)])
            mayHaveLost = true
        }
        if mayHaveLost { clear(.unreadable) }
        metrics.omitted(cache.takeOmitted())
        metrics.holds(cache.count)
    }

    private func clear(_ reason: EventSequence.ClearReason) {
        limited("clear")?.warning(
            "the engine's cache is taken for empty", ["cause": .text(reason.rawValue), "blocks": .count(cache.count)])
        metrics.cleared(reason)
        cache.clear()
        metrics.holds(0)
    }

    /// Whatever a server sends, it writes no more than a few lines a minute into our log.
    private func limited(_ kind: String) -> Logger? { log.limited(lines.admit(kind, atMilliseconds: loop.now.nanoseconds / 1_000_000)) }

    private func setReading(_ reading: Bool) {
        subscription?.isReading = reading
        replay?.isReading = reading
    }
}
