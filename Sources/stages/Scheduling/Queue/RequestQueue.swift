package import ClusterModel

/// The parked requests of one pool, in the order in which they are to be tried again.
///
/// Tenants take turns by their weights; within a tenant what is under way goes first, then the higher class, and within a class the policy orders;
/// past the aging bound who waited longest has a turn of its own, so that nobody starves. A try that finds all placements busy blocks the request's lane, and nothing else: the next one is of another lane. `stir` opens
/// the blocked lanes again, those first that have been blocked longest.
///
/// Parking, taking out and finding the next one cost the logarithm of what is parked, and a few operations for each tenant that has something parked.
/// Time comes in as an argument. Rules: `proto-spec/03-exchanges.md#the-queue`.
package struct RequestQueue: Sendable {
    /// A place for a parked request.
    private struct Slot: Sendable {
        var request: ParkedRequest
        var sequence: UInt64
        var rank: QueueRank
        var group: Int
        /// In the same lane, by arrival.
        var older: Int?
        var newer: Int?
        var isTaken = true
    }

    /// What one tenant has in one lane.
    private struct Group: Sendable {
        let tenant: Int
        let lane: Int
        var heap = NumberedHeap<QueueRank>()
    }

    private struct Lane: Sendable {
        let key: QueueLane
        var groups: [Int] = []
        var oldest: Int?
        var newest: Int?
        /// When it was blocked, by number; none: open.
        var blocked: UInt64?
    }

    /// What `next` found, until it is said what became of it.
    private struct Pick: Sendable {
        let slot: Int
        /// None: it was the turn of the one that waited longest.
        let turn: TenantRing.Turn?
        /// Such a one waits.
        let isAgedWaiting: Bool
    }

    package let settings: QueueSettings
    private let epoch: Instant
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var groups: [Group] = []
    private var freeGroups: [Int] = []
    private var laneTable: [Lane] = []
    private var freeLanes: [Int] = []
    private var laneIDs: [QueueLane: Int] = [:]
    private var ring = TenantRing()
    /// Where slots stand in the heap of their group, groups in that of their tenant, open lanes in `ages`, slots in `expiries`.
    private var slotPlaces: [Int] = []
    private var groupPlaces: [Int] = []
    private var agePlaces: [Int] = []
    private var expiryPlaces: [Int] = []
    /// Open lanes by their oldest request.
    private var ages = NumberedHeap<UInt64>()
    private var expiries = NumberedHeap<Instant>()
    /// Blocked lanes, longest first; with those that are gone or were opened since, told apart by their numbers.
    private var blocked = Fifo<(lane: Int, number: UInt64)>()
    private var blockings: UInt64 = 0
    /// Lanes blocked up to this number may be opened.
    private var stirredThrough: UInt64 = 0
    private var sequence: UInt64 = 0
    private var sinceAged = 0
    private var pick: Pick?
    private var meter: DrainMeter

    package private(set) var count = 0
    /// Still to be computed.
    package private(set) var tokens: UInt64 = 0
    package private(set) var promptTokens: UInt64 = 0
    /// Of those that are parked.
    private var underWay = 0
    /// Those that are not under way: of them there are never more than the settings' entries.
    package var newcomers: Int { count - underWay }
    private var hasNewcomers: Bool { newcomers > 0 }

    package init(_ settings: QueueSettings = QueueSettings(), at now: Instant) {
        self.settings = settings
        epoch = now
        meter = DrainMeter(at: now)
    }

    package var isEmpty: Bool { count == 0 }
    package var tenants: Int { ring.ring.count }
    package var lanes: Int { laneIDs.count }
    package private(set) var blockedLanes = 0
    /// Something is parked that is not known to be blocked, or that may be opened.
    package var hasWork: Bool { !ages.isEmpty || mayReopen }
    package var nextExpiry: Instant? { expiries.firstRank }

    package func isParked(_ lane: QueueLane) -> Bool { laneIDs[lane] != nil }
    package func contains(_ ticket: QueueTicket) -> Bool {
        slots.indices.contains(ticket.index) && slots[ticket.index].isTaken && slots[ticket.index].sequence == ticket.sequence
    }
    package subscript(ticket: QueueTicket) -> ParkedRequest? { contains(ticket) ? slots[ticket.index].request : nil }

    /// The one that waits longest. Looks at one request a lane.
    package var oldest: QueueTicket? {
        laneTable.lazy.compactMap(\.oldest).min { slots[$0].sequence < slots[$1].sequence }.map {
            QueueTicket(index: $0, sequence: slots[$0].sequence)
        }
    }

    /// When the one came that waits longest. Looks at one request a lane.
    package var oldestArrival: Instant? { laneTable.lazy.compactMap(\.oldest).map { slots[$0].request.arrival }.min() }

    // MARK: In

    /// Parks a request. `isBusy`: a try has just found that all its placements are. `tokenLimit` bounds what is parked in tokens, but for the first.
    /// What is under way is bounded by neither number nor time: to refuse it would throw away what was computed for it.
    package mutating func park(
        _ request: ParkedRequest, isBusy: Bool, tokenLimit: UInt64, at now: Instant
    ) throws(QueueRefusal) -> QueueTicket {
        meter.pass(to: now, isWaiting: hasNewcomers)
        if !request.isUnderWay { try admit(request, tokenLimit: tokenLimit, at: now) }
        sequence += 1
        let rank = rank(of: request, sequence), lane = lane(request.lane, isBusy: isBusy)
        let tenant = ring.enter(request.tenant, weight: request.weight, tokens: request.tokens)
        let group = group(of: tenant, in: lane)
        let slot = take(Slot(request: request, sequence: sequence, rank: rank, group: group, older: laneTable[lane].newest))
        if let newest = laneTable[lane].newest { slots[newest].newer = slot } else { laneTable[lane].oldest = slot }
        laneTable[lane].newest = slot
        groups[group].heap.insert(slot, rank, &slotPlaces)
        expiries.insert(slot, request.expiry, &expiryPlaces)
        count += 1
        tokens += UInt64(request.tokens)
        promptTokens += UInt64(request.promptTokens)
        if request.isUnderWay { underWay += 1 }
        refresh(group)
        refreshAge(of: lane)
        return QueueTicket(index: slot, sequence: sequence)
    }

    private func admit(_ request: ParkedRequest, tokenLimit: UInt64, at now: Instant) throws(QueueRefusal) {
        guard count < settings.entries, isEmpty || tokens + UInt64(request.tokens) <= tokenLimit else { throw .full }
        guard isEmpty || hasCommonRoom(for: request, tokenLimit) || isBelowItsShare(request, tokenLimit) else { throw .full }
        if let wait = wait(for: request), wait > now.duration(to: request.expiry) {
            throw .unreachable(by: wait - now.duration(to: request.expiry))
        }
    }

    /// Without names all are one, and the whole queue is theirs.
    private func hasCommonRoom(for request: ParkedRequest, _ tokenLimit: UInt64) -> Bool {
        guard !request.tenant.isEmpty else { return true }
        return Double(count) < Double(settings.entries) * QueueLimits.commonPart
            && Double(tokens) + Double(request.tokens) <= Double(tokenLimit) * QueueLimits.commonPart
    }

    /// Counted without the request itself: one that alone is more than a share would be turned away for ever.
    private func isBelowItsShare(_ request: ParkedRequest, _ tokenLimit: UInt64) -> Bool {
        let share = ring.share(of: request.tenant, weight: request.weight) * QueueLimits.commonPart
        let held = ring.id(of: request.tenant).map { ring.tenants[$0] }
        return Double(held?.entries ?? 0) < Double(settings.entries) * share
            && Double(held?.tokens ?? 0) < Double(tokenLimit) * share
    }

    // MARK: Out

    /// Load may have fallen: blocked lanes may be tried again.
    package mutating func stir() { stirredThrough = blockings }

    /// Opens up to so many of the lanes that were blocked when it was last stirred, the longest blocked first. The rest waits for the next call.
    package mutating func reopen(atMost limit: Int) {
        var opened = 0
        while opened < limit, let first = blocked.first, first.number <= stirredThrough {
            blocked.removeFirst()
            laneTable[first.lane].blocked = nil
            blockedLanes -= 1
            opened += 1
            pruneBlocked()
            for group in laneTable[first.lane].groups { refresh(group) }
            refreshAge(of: first.lane)
        }
    }

    private var mayReopen: Bool { blocked.first.map { $0.number <= stirredThrough } ?? false }

    /// The request that is to be tried now; nil if nothing is parked but in blocked lanes. Has to be followed by `placed`, `busy` or `remove`.
    package mutating func next(at now: Instant) -> QueueTicket? {
        let aged = ages.first.flatMap { laneTable[$0].oldest }.flatMap { slots[$0].request.arrival + settings.aging <= now ? $0 : nil }
        if let aged, sinceAged >= QueueLimits.agedTurn - 1 {
            pick = Pick(slot: aged, turn: nil, isAgedWaiting: true)
        } else if let turn = ring.turn(), let group = ring.tenants[turn.tenant].open.first, let slot = groups[group].heap.first {
            pick = Pick(slot: slot, turn: turn, isAgedWaiting: aged != nil && aged != slot)
        } else {
            pick = nil
        }
        return pick.map { QueueTicket(index: $0.slot, sequence: slots[$0.slot].sequence) }
    }

    /// What `next` gave has its place: its tenant pays.
    package mutating func placed(_ ticket: QueueTicket, at now: Instant) {
        guard let pick, pick.slot == ticket.index else { preconditionFailure("it was not its turn") }
        let slot = slots[pick.slot]
        meter.pass(to: now, isWaiting: hasNewcomers)
        // How long newcomers wait follows from how fast newcomers leave: a decode leg has but one token to count.
        if !slot.request.isUnderWay { meter.placed(slot.request.tokens) }
        if let turn = pick.turn {
            ring.take(turn)
            sinceAged = pick.isAgedWaiting ? sinceAged + 1 : sinceAged
        } else {
            ring.charge(groups[slot.group].tenant, Double(max(1, slot.request.tokens)))
            sinceAged = 0
        }
        take(out: pick.slot)
    }

    /// What `next` gave found all its placements busy: its lane waits until it is stirred.
    package mutating func busy(_ ticket: QueueTicket) {
        guard let pick, pick.slot == ticket.index else { preconditionFailure("it was not its turn") }
        self.pick = nil
        let lane = groups[slots[ticket.index].group].lane
        block(lane)
        for group in laneTable[lane].groups { refresh(group) }
        refreshAge(of: lane)
    }

    /// It leaves without a place: cancelled, failed, too late. False if it was not there.
    @discardableResult
    package mutating func remove(_ ticket: QueueTicket, at now: Instant) -> Bool {
        guard contains(ticket) else { return false }
        meter.pass(to: now, isWaiting: hasNewcomers)
        take(out: ticket.index)
        return true
    }

    /// One whose time is over; nil if there is none. It is still parked.
    package func expired(at now: Instant) -> QueueTicket? {
        guard let slot = expiries.first, let expiry = expiries.firstRank, expiry <= now else { return nil }
        return QueueTicket(index: slot, sequence: slots[slot].sequence)
    }

    // MARK: Estimates

    /// Tokens of newcomers placed a second of late, while any were parked; nil if that is not known.
    package mutating func rate(at now: Instant) -> Double? {
        meter.pass(to: now, isWaiting: hasNewcomers)
        return meter.rate
    }

    /// When a client that is refused now may come back: once what is parked now will be gone. Without a rate it is told to wait as long as the
    /// longest parked has.
    package mutating func retryAfter(at now: Instant) -> Duration {
        if let rate = rate(at: now) { return Self.retry(Double(tokens) / rate) }
        return Self.retry(Double((oldestArrival?.duration(to: now) ?? .zero).inNanoseconds) / 1e9)
    }

    package static func retry(_ seconds: Double) -> Duration {
        let bounds = QueueLimits.retry
        guard seconds.isFinite, seconds < 1e6 else { return bounds.upperBound }
        return min(max(.nanoseconds(Int64(seconds * 1e9)), bounds.lowerBound), bounds.upperBound)
    }

    /// How long it would wait for its turn: what its tenant has before it, at the tenant's share, but no longer than all that is parked takes.
    private func wait(for request: ParkedRequest) -> Duration? {
        guard !isEmpty, let rate = meter.rate else { return nil }
        let room = Double(request.expiry.nanoseconds - request.arrival.nanoseconds) / 1e9
        let all = Double(tokens) / rate
        // Looking at what is before it costs more than a sum, and is done where it may make a difference.
        guard all > room else { return .nanoseconds(Int64(all * 1e9)) }
        let own = Double(tokensBefore(request)) / (rate * ring.share(of: request.tenant, weight: request.weight))
        return .nanoseconds(Int64(min(all, own, 1e9) * 1e9))
    }

    private func tokensBefore(_ request: ParkedRequest) -> UInt64 {
        guard let tenant = ring.id(of: request.tenant) else { return 0 }
        let rank = rank(of: request, sequence + 1)
        var before: UInt64 = 0
        for group in groups.indices where groups[group].tenant == tenant {
            groups[group].heap.forEach(before: rank) { before += UInt64(slots[$0].request.tokens) }
        }
        return before
    }

    // MARK: Helpers

    private func rank(of request: ParkedRequest, _ sequence: UInt64) -> QueueRank {
        QueueRank(
            isUnderWay: request.isUnderWay, priorityClass: request.priorityClass, score: settings.policy.score(request, since: epoch),
            order: settings.policy == .lcfs ? .max - sequence : sequence)
    }

    private mutating func take(_ slot: Slot) -> Int {
        if let reused = freeSlots.popLast() {
            slots[reused] = slot
            return reused
        }
        slots.append(slot)
        return slots.count - 1
    }

    private mutating func lane(_ key: QueueLane, isBusy: Bool) -> Int {
        let lane: Int
        if let known = laneIDs[key] {
            lane = known
        } else {
            if let reused = freeLanes.popLast() {
                lane = reused
                laneTable[reused] = Lane(key: key)
            } else {
                lane = laneTable.count
                laneTable.append(Lane(key: key))
            }
            laneIDs[key] = lane
        }
        if isBusy, laneTable[lane].blocked == nil {
            block(lane)
            for group in laneTable[lane].groups { refresh(group) }
            refreshAge(of: lane)
        }
        return lane
    }

    private mutating func block(_ lane: Int) {
        blockings += 1
        laneTable[lane].blocked = blockings
        blocked.append((lane, blockings))
        blockedLanes += 1
        // Lanes that went while they were blocked leave their marks behind.
        if blocked.count > 2 * max(blockedLanes, 64) {
            let lanes = laneTable
            blocked.removeAll { lanes[$0.lane].blocked != $0.number }
        }
    }

    private mutating func group(of tenant: Int, in lane: Int) -> Int {
        if let known = laneTable[lane].groups.first(where: { groups[$0].tenant == tenant }) { return known }
        let group: Int
        if let reused = freeGroups.popLast() {
            group = reused
            groups[reused] = Group(tenant: tenant, lane: lane)
        } else {
            group = groups.count
            groups.append(Group(tenant: tenant, lane: lane))
        }
        laneTable[lane].groups.append(group)
        return group
    }

    private mutating func take(out slot: Int) {
        let gone = slots[slot], group = gone.group, lane = groups[group].lane, tenant = groups[group].tenant
        pick = nil
        groups[group].heap.remove(slot, &slotPlaces)
        expiries.remove(slot, &expiryPlaces)
        if let older = gone.older { slots[older].newer = gone.newer } else { laneTable[lane].oldest = gone.newer }
        if let newer = gone.newer { slots[newer].older = gone.older } else { laneTable[lane].newest = gone.older }
        slots[slot].isTaken = false
        freeSlots.append(slot)
        count -= 1
        tokens -= UInt64(gone.request.tokens)
        promptTokens -= UInt64(gone.request.promptTokens)
        if gone.request.isUnderWay { underWay -= 1 }
        refresh(group)
        refreshAge(of: lane)
        if groups[group].heap.isEmpty { forget(group) }
        if laneTable[lane].oldest == nil { forget(lane: lane) }
        ring.leave(tenant, tokens: gone.request.tokens)
    }

    private mutating func forget(_ group: Int) {
        let lane = groups[group].lane
        laneTable[lane].groups.removeAll { $0 == group }
        groups[group] = Group(tenant: -1, lane: -1)
        freeGroups.append(group)
    }

    private mutating func forget(lane: Int) {
        let wasBlocked = laneTable[lane].blocked != nil
        laneIDs[laneTable[lane].key] = nil
        laneTable[lane] = Lane(key: QueueLane())
        freeLanes.append(lane)
        guard wasBlocked else { return }
        blockedLanes -= 1
        pruneBlocked()
    }

    /// What stands first in the list of the blocked is blocked.
    private mutating func pruneBlocked() {
        while let first = blocked.first, laneTable[first.lane].blocked != first.number { blocked.removeFirst() }
    }

    /// After its best request, or whether its lane is blocked, may have changed.
    private mutating func refresh(_ group: Int) {
        let tenant = groups[group].tenant, isOpen = laneTable[groups[group].lane].blocked == nil
        let best = isOpen ? groups[group].heap.firstRank : nil
        if ring.tenants[tenant].open.contains(group, groupPlaces) { ring.tenants[tenant].open.remove(group, &groupPlaces) }
        if let best { ring.tenants[tenant].open.insert(group, best, &groupPlaces) }
        let next = ring.tenants[tenant].open.first.flatMap { groups[$0].heap.first }
        ring.tenants[tenant].price = next.map { Double(max(1, slots[$0].request.tokens)) }
    }

    private mutating func refreshAge(of lane: Int) {
        let oldest = laneTable[lane].blocked == nil ? laneTable[lane].oldest : nil
        if ages.contains(lane, agePlaces) { ages.remove(lane, &agePlaces) }
        if let oldest { ages.insert(lane, slots[oldest].sequence, &agePlaces) }
    }
}
