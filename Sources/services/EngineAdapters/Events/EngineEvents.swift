package import ClusterModel
package import Engines
package import EventLoop

/// The cache of an engine elsewhere, followed by its events (vLLM's and SGLang's: MessagePack over ZeroMQ) and told as `CacheChange`s.
///
/// An adapter makes one when it knows the engine's endpoints and block size, and says `start`. From then on `whenChanged` is called when there is
/// something to tell (more calls do no harm), and `drain` appends it to the output of a step. Before a request with a salt goes out the adapter
/// says `expect`, or its blocks are left out. At the end it says `close`.
///
/// Nothing of it throws: endpoints that cannot be reached are tried again for ever, and what is not known is not told. `isFollowing` says whether
/// all ranks are in step with the engine. Use only from the loop that it was made on.
///
/// ```
/// let events = EngineEvents(
///     [EngineEventFeed(rank: Rank(0), events: endpoint, replay: replayEndpoint, topic: topic)], blockSize: 16, blocks: 4_096, in: surroundings)
/// events.whenChanged = { [weak self] in self?.listener?.engineHasNews() }
/// events.start()
/// … events.hasChanges …
/// events.drain(into: &output)
/// ```
@LoopActor
package final class EngineEvents {
    /// Something may be drained, or a load is another.
    package var whenChanged: (@LoopActor () -> Void)? {
        didSet { for follower in followers { follower.whenChanged = whenChanged } }
    }

    private let followers: [EngineEventFollower]
    private let loads: [EngineLoadFollower]
    private let salts: EngineSaltBook

    /// - Parameter blocks: how many a rank of the engine has, all tiers together. A margin is added, see `EngineEventLimits.followedBlocks`.
    /// - Parameter blockSize: the engine's, which is the card's. Blocks of another size are left out.
    /// - Parameter salts: one for all that is ever made for one engine: what a salt was must not be forgotten while the engine may have blocks of it.
    package init(
        _ feeds: [EngineEventFeed], blockSize: UInt32, blocks: Int, salts: EngineSaltBook = EngineSaltBook(),
        in surroundings: EngineSurroundings
    ) {
        self.salts = salts
        followers = feeds.map { EngineEventFollower($0, blockSize: blockSize, blocks: blocks, salts: salts, in: surroundings) }
        loads = feeds.compactMap { feed in feed.load.map { EngineLoadFollower(feed, at: $0, in: surroundings) } }
    }

    package func start() {
        for follower in followers { follower.start() }
        for load in loads {
            load.whenChanged = { [weak self] in self?.whenChanged?() }
            load.start()
        }
    }

    /// `drain` would append something.
    package var hasChanges: Bool { followers.contains { $0.hasChanges } }

    /// Every rank is in step with the engine; false while one is not connected, or makes up for what it missed.
    package var isFollowing: Bool { followers.allSatisfy { $0.isFollowing } }

    /// Blocks that are followed now, over all ranks.
    package var blockCount: Int { followers.reduce(0) { $0 + $1.blockCount } }

    /// Appends all changes since the last call, and goes on reading where it had stopped for want of room.
    package func drain(into output: inout StepOutput) {
        for follower in followers { follower.drain(into: &output) }
    }

    /// A request with this salt is about to be sent, and the engine will be told it as `text`.
    package func expect(_ salt: CacheSalt, sentAs text: String) { salts.remember(salt, sentAs: text) }

    /// What the engine said last of a rank's load; nil: nothing, or not for a while.
    package func load(of rank: Rank) -> EngineLoadStat? { loads.first { $0.rank == rank }?.load }

    /// Nothing is called and nothing changes after this.
    package func close() {
        whenChanged = nil
        for follower in followers { follower.close() }
        for load in loads { load.close() }
    }
}
