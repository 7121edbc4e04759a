import ClusterModel
import Engines
import EventLoop

/// What a server's cache holds, followed while the server is there: one that comes back begins anew, and meanwhile nothing is counted on.
@LoopActor
final class ServerCache {
    /// There is something to drain.
    var whenChanged: (() -> Void)?
    private let feeds: [EngineEventFeed]
    private let blockSize: UInt32
    private let ranks: [EngineRank]
    private let surroundings: EngineSurroundings
    /// Of the server over all of its lives.
    private let salts = EngineSaltBook()
    private var events: EngineEvents?
    /// All that was told is to be taken back.
    private var isForgotten = false

    init(_ feeds: [EngineEventFeed], of profile: EngineProfile, in surroundings: EngineSurroundings) {
        self.feeds = feeds
        blockSize = profile.model.blockSize
        ranks = profile.ranks
        self.surroundings = surroundings
    }

    func follow() {
        guard events == nil else { return }
        let most = ranks.map { Int($0.totalBlocks) + Int($0.hostBlocks) + Int($0.diskBlocks) }.max() ?? 0
        let events = EngineEvents(feeds, blockSize: blockSize, blocks: most, salts: salts, in: surroundings)
        self.events = events
        events.whenChanged = { [weak self] in self?.whenChanged?() }
        events.start()
    }

    /// The server is gone, and its cache with it.
    func forget() {
        guard let events else { return }
        events.close()
        self.events = nil
        isForgotten = true
        whenChanged?()
    }

    func close() {
        whenChanged = nil
        events?.close()
        events = nil
    }

    var hasChanges: Bool { isForgotten || events?.hasChanges ?? false }

    func drain(into output: inout StepOutput) {
        if isForgotten {
            isForgotten = false
            for rank in ranks.indices { output.cache.append(CacheChange(kind: .cleared, rank: Rank(UInt32(clamping: rank)))) }
        }
        events?.drain(into: &output)
    }

    func expect(_ salt: CacheSalt, sentAs text: String) { events?.expect(salt, sentAs: text) }

    /// Blocks of one rank that are followed; of several, as if each had as many.
    func blocks(perRank ranks: Int) -> UInt32 { UInt32(clamping: (events?.blockCount ?? 0) / max(1, ranks)) }

    func load(of rank: Int) -> EngineLoadStat? { events?.load(of: Rank(UInt32(clamping: rank))) }
}
