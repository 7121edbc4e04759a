import ClusterModel

@testable import Scheduling

/// The same queue, written down as its rules read: everything is looked for from the beginning.
struct NaiveQueue {
    struct Entry {
        let request: ParkedRequest
        let sequence: UInt64
    }

    let settings: QueueSettings
    let epoch: Instant
    var entries: [Entry] = []
    /// In the order in which they were blocked, and whether it was stirred since.
    private var blocked: [(lane: QueueLane, isStirred: Bool)] = []
    private var ring: [String] = []
    private var cursor = 0
    private var deficits: [String: Double] = [:]
    private var weights: [String: Double] = [:]
    private var sinceAged = 0
    private var sequence: UInt64 = 0

    init(_ settings: QueueSettings, at now: Instant) {
        self.settings = settings
        epoch = now
    }

    private func isOpen(_ entry: Entry) -> Bool { !blocked.contains { $0.lane == entry.request.lane } }

    private func goesBefore(_ one: Entry, _ other: Entry) -> Bool {
        if one.request.isUnderWay != other.request.isUnderWay { return one.request.isUnderWay }
        let left = settings.policy.score(one.request, since: epoch), right = settings.policy.score(other.request, since: epoch)
        if left != right { return left > right }
        return settings.policy == .lcfs ? one.sequence > other.sequence : one.sequence < other.sequence
    }

    private func best(of tenant: String) -> Entry? {
        entries.filter { $0.request.tenant == tenant && isOpen($0) }.min(by: goesBefore)
    }

    mutating func park(_ request: ParkedRequest, isBusy: Bool) {
        sequence += 1
        if !ring.contains(request.tenant) {
            ring.append(request.tenant)
            deficits[request.tenant] = 0
        }
        weights[request.tenant] = request.weight
        if isBusy, !blocked.contains(where: { $0.lane == request.lane }) { blocked.append((request.lane, false)) }
        entries.append(Entry(request: request, sequence: sequence))
    }

    mutating func stir() { for index in blocked.indices { blocked[index].isStirred = true } }

    mutating func reopen(atMost limit: Int) {
        for _ in 0..<limit {
            guard let index = blocked.firstIndex(where: \.isStirred) else { return }
            blocked.remove(at: index)
        }
    }

    mutating func block(_ lane: QueueLane) { blocked.append((lane, false)) }

    /// Who is next, and the deficits and the cursor if it gets its place.
    func next(at now: Instant) -> (entry: Entry, isAged: Bool, isAgedWaiting: Bool, deficits: [String: Double], cursor: Int)? {
        let oldest = entries.filter(isOpen).min { $0.sequence < $1.sequence }
        let aged = oldest.flatMap { $0.request.arrival + settings.aging <= now ? $0 : nil }
        if let aged, sinceAged >= QueueLimits.agedTurn - 1 {
            var deficits = deficits
            if ring.count > 1 { deficits[aged.request.tenant, default: 0] -= Double(aged.request.tokens) }
            return (aged, true, true, deficits, cursor)
        }
        guard entries.contains(where: isOpen) else { return nil }
        var deficits = deficits, cursor = cursor
        if ring.count == 1, let entry = best(of: ring[0]) {
            return (entry, false, aged.map { $0.sequence != entry.sequence } ?? false, [ring[0]: 0], 0)
        }
        if let entry = best(of: ring[cursor]), deficits[ring[cursor], default: 0] >= Double(entry.request.tokens) {
            deficits[ring[cursor], default: 0] -= Double(entry.request.tokens)
            return (entry, false, aged.map { $0.sequence != entry.sequence } ?? false, deficits, cursor)
        }
        while true {
            cursor = (cursor + 1) % ring.count
            let tenant = ring[cursor]
            guard let entry = best(of: tenant) else { continue }
            deficits[tenant, default: 0] += QueueLimits.quantum * (weights[tenant] ?? 1)
            guard deficits[tenant, default: 0] >= Double(entry.request.tokens) else { continue }
            deficits[tenant, default: 0] -= Double(entry.request.tokens)
            return (entry, false, aged.map { $0.sequence != entry.sequence } ?? false, deficits, cursor)
        }
    }

    mutating func placed(at now: Instant) {
        guard let next = next(at: now) else { return }
        (deficits, cursor) = (next.deficits, next.cursor)
        if next.isAged { sinceAged = 0 } else if next.isAgedWaiting { sinceAged += 1 }
        remove(next.entry.sequence)
    }

    mutating func remove(_ sequence: UInt64) {
        guard let index = entries.firstIndex(where: { $0.sequence == sequence }) else { return }
        let gone = entries.remove(at: index).request
        if !entries.contains(where: { $0.request.lane == gone.lane }) { blocked.removeAll { $0.lane == gone.lane } }
        if !entries.contains(where: { $0.request.tenant == gone.tenant }), let place = ring.firstIndex(of: gone.tenant) {
            ring.remove(at: place)
            deficits[gone.tenant] = nil
            if place < cursor { cursor -= 1 }
            if cursor >= ring.count { cursor = 0 }
        }
    }

    func expired(at now: Instant) -> Set<UInt64> { Set(entries.filter { $0.request.expiry <= now }.map(\.sequence)) }
    var hasWork: Bool { entries.contains(where: isOpen) || blocked.contains(where: \.isStirred) }
}
