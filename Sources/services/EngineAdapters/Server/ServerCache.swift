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
    /// What was told of each rank and not taken back: tiers by hash.
    private var held: [HeldBlocks]

    init(_ feeds: [EngineEventFeed], of profile: EngineProfile, in surroundings: EngineSurroundings) {
        self.feeds = feeds
        blockSize = profile.model.blockSize
        ranks = profile.ranks
        self.surroundings = surroundings
        held = profile.ranks.map { _ in HeldBlocks() }
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
        let first = output.cache.count
        if isForgotten {
            isForgotten = false
            for rank in ranks.indices { output.cache.append(CacheChange(kind: .cleared, rank: Rank(UInt32(clamping: rank)))) }
        }
        events?.drain(into: &output)
        for change in output.cache[first...] { held[Int(change.rank.rawValue)].apply(change, output.hashes) }
    }

    /// Leading tokens of a request that its rank has, as far as its events tell: whole blocks, and never all, since one has to be computed.
    func cachedTokens(of request: EngineRequest) -> UInt32 {
        guard let choice = request.choices.first, !isForgotten else { return 0 }
        var hashes = request.promptHashes
        if hashes.isEmpty || !choice.shown.isEmpty {
            let tokens = request.prompt + choice.shown
            hashes.removeAll()
            BlockHasher(blockSize: blockSize, adapter: request.adapter, salt: request.salt)
                .appendSequenceHashes(of: tokens.span, after: nil, to: &hashes)
        }
        let most = (request.prompt.count + choice.shown.count - 1) / Int(blockSize)
        let blocks = held[Int(request.rank.rawValue)]
        return UInt32(clamping: hashes.prefix(most).prefix { blocks.contains($0) }.count) * blockSize
    }

    /// A request goes out for an adapter: what engines tell without a name of it is no more everybody's.
    func expectAdapters() { salts.distinguish() }

    func expect(_ salt: CacheSalt, sentAs text: String) { salts.remember(salt, sentAs: text) }

    /// Blocks of one rank that are known to be there.
    func blocks(ofRank rank: Int) -> UInt32 { UInt32(clamping: held[rank].count) }

    func load(of rank: Int) -> EngineLoadStat? { events?.load(of: Rank(UInt32(clamping: rank))) }
}

/// The blocks of one rank, as changes told them.
private struct HeldBlocks {
    /// A bit for each tier that has a copy.
    private var tiers: [SequenceHash: UInt8] = [:]

    var count: Int { tiers.count }
    func contains(_ hash: SequenceHash) -> Bool { tiers[hash] != nil }

    mutating func apply(_ change: CacheChange, _ hashes: [SequenceHash]) {
        let bit = UInt8(1) << change.tier.rawValue, run = Int(change.first)..<Int(change.first + change.count)
        switch change.kind {
        case .cleared: tiers.removeAll(keepingCapacity: true)
        case .stored: for hash in hashes[run] { tiers[hash, default: 0] |= bit }
        case .removed:
            for hash in hashes[run] {
                let rest = (tiers[hash] ?? 0) & ~bit
                tiers[hash] = rest == 0 ? nil : rest
            }
        }
    }
}
