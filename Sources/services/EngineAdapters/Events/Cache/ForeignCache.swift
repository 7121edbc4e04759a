package import ClusterModel
package import Engines

/// One rank's cache of an engine elsewhere, under our hashes.
///
/// An engine's hashes are its own affair: they are names for as long as it lives. What a block is follows from its tokens and from the block before
/// it, and so a block whose predecessor is not known is not known either. Nothing is told that is not sure: what cannot be placed is counted and left
/// out, and then the router sees fewer hits than there would be.
///
/// The salt of a prompt stands among the extra keys of its first block, beside the adapter's name, which stands in every block, and media, whose
/// identity we cannot name. A first block is unsalted only if its keys say so; one whose engine leaves them out is believed to be unsalted until a
/// salt was sent to that engine, and never after.
package struct ForeignCache {
    /// Why a block was left out.
    package enum Omission: String, CaseIterable, Hashable, Sendable {
        case otherGroup = "other_group"
        case unknownMedium = "unknown_medium"
        case unknownParent = "unknown_parent"
        case unknownBlock = "unknown_block"
        case unknownAdapter = "unknown_adapter"
        case unknownSalt = "unknown_salt"
        case media
        case blockSize = "block_size"
        /// One name for two things, or two names for one.
        case conflict
        case full
        case unreadable
    }

    private let blockSize: Int
    private let limit: Int
    private var blocks: [EngineBlockHash: ForeignBlock] = [:]
    /// Those that have a name.
    private var hashes: Set<SequenceHash> = []
    private var log: ForeignChangeLog
    /// The group of blocks that counts, once one was heard of.
    private var mainGroup: Int64?
    private var computed: [SequenceHash] = []
    private var omitted: [Omission: Int] = [:]

    /// - Parameter blockLimit: how many blocks are followed at most, all tiers together.
    package init(rank: Rank, blockSize: UInt32, blockLimit: Int) {
        self.blockSize = Int(blockSize)
        limit = blockLimit
        log = ForeignChangeLog(rank: rank)
    }

    package var count: Int { blocks.count }
    package var hasChanges: Bool { !log.isEmpty }
    package var waitingChanges: Int { log.count }

    /// True if the event says that blocks may have gone which we cannot name: then the cache has to be cleared.
    package mutating func apply(_ event: EngineCacheEvent, salts: inout EngineSalts) -> Bool {
        switch event {
        case .stored(let blocks): store(blocks, &salts)
        case .removed(let blocks): remove(blocks)
        case .allCleared: clear()
        case .unknown: break
        case .unreadable(_, let mayRemove):
            omit(.unreadable)
            return mayRemove
        }
        return false
    }

    /// Nothing is there that was.
    package mutating func clear() {
        mainGroup = nil
        guard !blocks.isEmpty else { return }
        blocks.removeAll(keepingCapacity: true)
        hashes.removeAll(keepingCapacity: true)
        log.cleared()
    }

    /// What was left out since this was last asked.
    package mutating func takeOmitted() -> [Omission: Int] {
        defer { omitted.removeAll(keepingCapacity: true) }
        return omitted
    }

    package mutating func moveChanges(to output: inout StepOutput) { log.move(to: &output) }

    private mutating func omit(_ reason: Omission, _ count: Int = 1) { omitted[reason, default: 0] += count }

    // MARK: Blocks that came

    private mutating func store(_ stored: StoredBlocks, _ salts: inout EngineSalts) {
        let count = stored.hashes.count
        guard isOfMainGroup(stored) else { return omit(.otherGroup, count) }
        guard let tier = ForeignPlace.tier(of: stored.place) else { return omit(.unknownMedium, count) }
        // Lower tiers of some engines name their blocks and say nothing else of them.
        guard !stored.tokens.isEmpty else { return copy(stored.hashes, to: tier) }
        guard stored.blockSize == blockSize, stored.tokens.count == count * blockSize, stored.extraKeys.map({ $0.count == count }) ?? true
        else {
            return omit(.blockSize, count)
        }
        // Such an engine names its blocks by their tokens alone: whose they are nothing tells, wherever in a prompt they stand.
        guard stored.extraKeys != nil || !salts.isUsed else { return omit(.unknownSalt, count) }
        var before: ForeignBlock?
        if let parent = stored.parent {
            before = blocks[parent]
            guard before != nil else { return omit(.unknownParent, count) }
        }
        let hasher: BlockHasher
        if let before {
            hasher = before.hasher
        } else {
            do throws(OmissionError) { hasher = try self.hasher(of: stored, &salts) } catch { return omit(error.reason, count) }
        }
        computed.removeAll(keepingCapacity: true)
        hasher.appendSequenceHashes(of: stored.tokens.span, after: before?.hash, to: &computed)
        var parent = before?.hash
        for index in stored.hashes.indices {
            if hasMedia(stored, at: index) { return omit(.media, count - index) }
            let block = ForeignBlock(hash: computed[index], parent: parent, hasher: hasher)
            if let problem = add(block, as: stored.hashes[index], in: tier) { return omit(problem, count - index) }
            parent = computed[index]
        }
    }

    private mutating func add(_ block: ForeignBlock, as name: EngineBlockHash, in tier: EngineTier) -> Omission? {
        var known = block
        if let there = blocks[name] {
            guard there.hash == block.hash else { return .conflict }
            known = there
        } else {
            guard blocks.count < limit else { return .full }
            guard hashes.insert(block.hash).inserted else { return .conflict }
        }
        if known.addCopy(in: tier) { log.stored(block.hash, after: block.parent, in: tier) }
        blocks[name] = known
        return nil
    }

    private mutating func copy(_ names: [EngineBlockHash], to tier: EngineTier) {
        for name in names {
            guard var block = blocks[name] else {
                omit(.unknownBlock)
                continue
            }
            if block.addCopy(in: tier) { log.stored(block.hash, after: block.parent, in: tier) }
            blocks[name] = block
        }
    }

    private mutating func isOfMainGroup(_ stored: StoredBlocks) -> Bool {
        guard ForeignPlace.keepsWholePrefix(stored) else { return false }
        guard let group = stored.place.group else { return true }
        // Where an engine does not say what a group is, the first one is the main one.
        if mainGroup == nil, stored.attention != nil || group == 0 { mainGroup = group }
        return group == mainGroup
    }

    // MARK: What a chain is

    private struct OmissionError: Error {
        let reason: Omission
    }

    /// Of a prompt that begins here.
    private func hasher(of stored: StoredBlocks, _ salts: inout EngineSalts) throws(OmissionError) -> BlockHasher {
        if stored.adapterNumber != nil, stored.adapterName == nil { throw OmissionError(reason: .unknownAdapter) }
        let adapter = stored.adapterName ?? ""
        guard let keys = stored.extraKeys?.first else {
            return BlockHasher(blockSize: UInt32(blockSize), adapter: adapter)
        }
        guard keys.others == 0 else { throw OmissionError(reason: .media) }
        let texts = Self.without(adapter, keys.texts)
        guard let text = texts.first else { return BlockHasher(blockSize: UInt32(blockSize), adapter: adapter) }
        // A medium's identity is a text too, with some engines: whatever was not sent as a salt is not one of ours.
        guard texts.count == 1, let salt = salts.salt(sentAs: text) else { throw OmissionError(reason: .unknownSalt) }
        return BlockHasher(blockSize: UInt32(blockSize), adapter: adapter, salt: salt)
    }

    /// What stands in a block behind the first beside the adapter's name is a medium; of the first one `hasher(of:)` has judged.
    private func hasMedia(_ stored: StoredBlocks, at index: Int) -> Bool {
        guard let keys = stored.extraKeys?[index] else { return false }
        if index == 0, stored.parent == nil { return false }
        return keys.others > 0 || !Self.without(stored.adapterName ?? "", keys.texts).isEmpty
    }

    private static func without(_ adapter: String, _ texts: [String]) -> ArraySlice<String> {
        !adapter.isEmpty && texts.first == adapter ? texts.dropFirst() : texts[...]
    }

    // MARK: Blocks that went

    private mutating func remove(_ removed: RemovedBlocks) {
        if let group = removed.place.group, let mainGroup, group != mainGroup { return omit(.otherGroup, removed.hashes.count) }
        guard let tier = ForeignPlace.tier(of: removed.place) else { return omit(.unknownMedium, removed.hashes.count) }
        for name in removed.hashes {
            guard var block = blocks[name], let isLast = block.dropCopy(from: tier) else {
                omit(.unknownBlock)
                continue
            }
            if isLast { log.removed(block.hash, from: tier) }
            if block.isGone { hashes.remove(block.hash) }
            blocks[name] = block.isGone ? nil : block
        }
    }
}
