import WireProtocol

/// Which numbers the pages of a snapshot contain, key by key. Rules: `proto-spec/03-exchanges.md#snapshots`.
///
/// Pages are read at different moments: of what happened between the first and the last of them, each event counts only for the keys whose
/// page is older than it.
struct PageMap {
    private struct Stretch {
        let section: UInt8
        let fromHash: UInt64
        let sequence: UInt64
    }

    /// What became of one event.
    enum Rest {
        /// Every page concerned is older: it counts as it is.
        case whole
        case parts([WorkerEvent])
        /// Every page concerned contains it.
        case nothing
        /// It empties a rank of which some pages are older and some newer: nothing but new pages tells what is left.
        case spoilt
    }

    private let generation: UInt64
    private var ranges: [Stretch] = []
    /// Where the next page begins; nil behind the last one.
    private(set) var next: SnapshotCursor? = SnapshotCursor()
    private(set) var count = 0
    private(set) var oldest = UInt64.max
    private(set) var newest: UInt64 = 0

    init(generation: UInt64) { self.generation = generation }

    // MARK: Reading

    /// Takes the page that was asked for at `next`, after the number `heard` had been heard.
    mutating func add(_ page: SnapshotPage, heard: UInt64, wantsBlocks: Bool) throws(RecoveryProblem) {
        guard let asked = next else { preconditionFailure("the last page was there") }
        try check(page, asked: asked, heard: heard)
        count += 1
        // Pages of one section and moment are one range; the first of a section begins at its beginning.
        if let last = ranges.last, last.section == page.section {
            if last.sequence != page.sequence { append(page.section, page.fromHash, page.sequence) }
        } else {
            append(page.section, 0, page.sequence)
        }
        // Sections that are passed over are empty, and were so when this page was read.
        let following = page.next?.section ?? Self.sections
        if wantsBlocks, following > page.section {
            for section in (page.section + 1)..<max(following, page.section + 1) { append(section, 0, page.sequence) }
        }
        oldest = min(oldest, page.sequence)
        newest = max(newest, page.sequence)
        next = page.next
        if !wantsBlocks, let following = next, following.section > 0 { next = nil }
        guard next == nil || count < FollowingLimits.snapshotPages else { throw .inconsistent("pages without an end") }
    }

    private mutating func append(_ section: UInt8, _ fromHash: UInt64, _ sequence: UInt64) {
        ranges.append(Stretch(section: section, fromHash: fromHash, sequence: sequence))
    }

    /// State, and one a tier.
    private static let sections = UInt8(Tier.allCases.count) + 1

    private func check(_ page: SnapshotPage, asked: SnapshotCursor, heard: UInt64) throws(RecoveryProblem) {
        guard page.generation == generation else { throw .inconsistent("another generation") }
        guard page.section == asked.section, page.fromHash == asked.fromHash, page.throughHash >= page.fromHash else {
            throw .inconsistent("another range than was asked for")
        }
        guard page.sequence < .max else { throw .inconsistent("a number past every stream") }
        guard page.sequence >= heard else { throw .olderThanHeard }
        if let last = ranges.last {
            guard page.sequence >= last.sequence else { throw .inconsistent("a page older than the one before it") }
            guard page.section > 0 || page.sequence == last.sequence else {
                throw .inconsistent("what has no hash was read at several moments")
            }
        }
        if let following = page.next {
            guard following.section < Self.sections else { throw .inconsistent("a section that does not exist") }
            let ascends =
                following.section == page.section
                ? following.fromHash > (page.section == 0 ? page.fromHash : page.throughHash) : following.section > page.section
            guard ascends else { throw .inconsistent("a next page that does not ascend") }
        }
        for entry in page.entries {
            guard case .heldBlocks(let blocks) = entry else { continue }
            try check(blocks, of: page)
        }
    }

    private func check(_ blocks: HeldBlocks, of page: SnapshotPage) throws(RecoveryProblem) {
        guard page.section == blocks.tier.section else { throw .inconsistent("blocks of another tier") }
        guard blocks.hashes.count == blocks.parents.count else { throw .inconsistent("not one parent a hash") }
        guard let first = blocks.hashes.first, let last = blocks.hashes.last else { return }
        guard first >= page.fromHash, last <= page.throughHash else { throw .inconsistent("a hash outside of its page") }
        for index in 1..<max(blocks.hashes.count, 1) where blocks.hashes[index] <= blocks.hashes[index - 1] {
            throw .inconsistent("hashes that do not ascend")
        }
    }

    // MARK: The rule of keys

    /// The number of the last event that the page of a key contains.
    private func sequence(_ section: UInt8, _ hash: UInt64) -> UInt64 {
        var low = 0, high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if (ranges[middle].section, ranges[middle].fromHash) <= (section, hash) { low = middle + 1 } else { high = middle }
        }
        guard low > 0, ranges[low - 1].section == section else { return oldest }
        return ranges[low - 1].sequence
    }

    func rest(of event: WorkerEvent, number: UInt64) -> Rest {
        guard number <= newest else { return .whole }
        guard number > oldest else { return .nothing }
        switch event {
        case .blocksStored(let stored):
            return rest(stored.hashes, stored.tier, number) { run in
                var part = stored
                part.hashes = Array(stored.hashes[run])
                // Within the event each hash is the parent of the next.
                if run.lowerBound > 0 { part.parent = stored.hashes[run.lowerBound - 1] }
                return .blocksStored(part)
            }
        case .blocksRemoved(let removed):
            return rest(removed.hashes, removed.tier, number) { run in
                var part = removed
                part.hashes = Array(removed.hashes[run])
                return .blocksRemoved(part)
            }
        case .rankCleared:
            let blocks = ranges.filter { $0.section > 0 }
            if blocks.allSatisfy({ number > $0.sequence }) { return .whole }
            return blocks.allSatisfy { number <= $0.sequence } ? .nothing : .spoilt
        // What has no hash is in the section that is read first: no page is older.
        default: return .whole
        }
    }

    /// The runs of hashes that count, each made into an event.
    private func rest(_ hashes: [UInt64], _ tier: Tier, _ number: UInt64, _ make: (Range<Int>) -> WorkerEvent) -> Rest {
        var parts: [WorkerEvent] = [], start: Int?
        for (index, hash) in hashes.enumerated() {
            if number > sequence(tier.section, hash) {
                if start == nil { start = index }
            } else if let begun = start {
                parts.append(make(begun..<index))
                start = nil
            }
        }
        guard let start else { return parts.isEmpty ? .nothing : .parts(parts) }
        if start == 0 { return .whole }
        return .parts(parts + [make(start..<hashes.count)])
    }
}

extension Tier {
    /// Of a worker's snapshot.
    var section: UInt8 { rawValue + 1 }
}
