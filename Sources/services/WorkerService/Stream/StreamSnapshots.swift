import ClusterModel
import Engines
import EventLoop
import WireProtocol

/// What the stream has led to, page by page. Rules: `proto-spec/03-exchanges.md#snapshots`.
///
/// Nothing is frozen: a page of blocks is what the mirror holds when it is asked for. Only the first section has to be of one moment; where
/// it takes several pages it is kept for who asked, for a while, and for a few askers at once. Whoever comes back later gets a page of
/// another moment, sees that by its number, and starts over.
@LoopActor
final class StreamSnapshots {
    private struct Kept {
        let asker: ObjectIdentifier
        let section: StateSection
        var until: Instant
    }

    /// The one that was asked for last is the last.
    private var kept: [Kept] = []
    private var expiry: TimerHandle?
    private let loop: Loop

    init(loop: Loop) { self.loop = loop }

    /// Sections that wait for their next question.
    var keptSections: Int { kept.count }

    /// Nil: there is no such section.
    func page(_ cursor: SnapshotCursor, for asker: AnyObject, of core: WorkerCore) -> SnapshotPage? {
        // What waits for its batch leaves first, so that the number says what the page contains.
        core.events.publish()
        core.metrics.stream.paged()
        var page = SnapshotPage()
        page.generation = core.identity.generation
        page.section = cursor.section
        page.sequence = core.events.lastSequence
        page.fromHash = cursor.fromHash
        let isExact = core.profile.cacheReport == .exact
        guard cursor.section > 0 else {
            let section = section(for: asker, from: cursor.fromHash, of: core), next: UInt64?
            (page.entries, page.throughHash, next) = section.page(from: cursor.fromHash)
            page.sequence = section.sequence
            // A cache that names no blocks has none to show.
            page.next = next.map { SnapshotCursor(section: 0, fromHash: $0) } ?? (isExact ? SnapshotCursor(section: 1, fromHash: 0) : nil)
            keep(next == nil ? nil : section, for: asker)
            return page
        }
        guard let tier = Tier(rawValue: cursor.section - 1) else { return nil }
        let blocks = core.cache.mirror.page(tier, from: cursor.fromHash)
        page.entries = blocks.blocks.map { .heldBlocks($0) }
        page.throughHash = blocks.through
        if let next = blocks.next {
            page.next = SnapshotCursor(section: cursor.section, fromHash: next)
        } else if isExact, Tier(rawValue: tier.rawValue + 1) != nil {
            page.next = SnapshotCursor(section: cursor.section + 1, fromHash: 0)
        }
        return page
    }

    /// Its link is gone.
    func forget(_ asker: AnyObject) { keep(nil, for: asker) }

    func stop() {
        loop.cancel(expiry)
        kept = []
    }

    // MARK: The first section

    private func section(for asker: AnyObject, from place: UInt64, of core: WorkerCore) -> StateSection {
        if place > 0, let kept = kept.first(where: { $0.asker == ObjectIdentifier(asker) }) { return kept.section }
        var first: [SnapshotEntry] = [.stateChanged(StateChanged(state: core.state, reason: core.stateReason))]
        first += core.table.ranks.map { .rankLoad($0.load) }
        first += core.sessions.all.map { .sessionBound($0.bound) }
        // Events name leases; a request without one is nobody's booking.
        let requests = core.table.open.filter { $0.lease != 0 }
        return StateSection(
            sequence: core.events.lastSequence, first: first,
            requests: requests.map { (HeldRequest($0), $0.hashes) })
    }

    private func keep(_ section: StateSection?, for asker: AnyObject) {
        kept.removeAll { $0.asker == ObjectIdentifier(asker) }
        guard let section else { return }
        if kept.count == WorkerLimits.snapshotsKept { kept.removeFirst() }
        kept.append(Kept(asker: ObjectIdentifier(asker), section: section, until: loop.now + WorkerLimits.snapshotKept))
        forgetLater()
    }

    /// One timer, for the oldest.
    private func forgetLater() {
        guard expiry == nil, let next = kept.first?.until else { return }
        expiry = loop.schedule(at: next) { [weak self] in
            guard let self else { return }
            expiry = nil
            let now = loop.now
            kept.removeAll { $0.until <= now }
            forgetLater()
        }
    }
}
