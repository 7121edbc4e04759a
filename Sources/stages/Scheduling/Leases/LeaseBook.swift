package import ClusterModel

/// The lease table together with what leases hold in the index.
///
/// Each change of a lease and of its blocks is one step: a lease holds in the index exactly the hashes that the table keeps of it, on the slot of
/// its placement. The index is the caller's, and always the same one.
package struct LeaseBook: Sendable {
    /// What a change did; the placements are those whose leases it changed.
    package struct Change: Sendable {
        package let verdict: LeaseTable.Verdict
        package var before: Placement?
        package var after: Placement?
    }

    package private(set) var table: LeaseTable
    private var slots: [Placement: PlacementSlot] = [:]
    /// Ended, and still to be taken by `nextReleased`.
    private var released: [ReleasedLease] = []

    package init(limits: LeaseLimits = LeaseLimits()) { table = LeaseTable(limits: limits) }

    // MARK: Slots

    package func hasSlot(_ placement: Placement) -> Bool { slots[placement] != nil }

    /// The placement's blocks are found there from now on.
    package mutating func assign(_ slot: PlacementSlot, to placement: Placement) { slots[placement] = slot }

    /// Nothing of that slot is used any more: leases that still stand on the placement share no blocks.
    package mutating func unassign(_ placement: Placement, of life: WorkerLife, in index: inout BlockIndex) {
        guard let slot = slots.removeValue(forKey: placement) else { return }
        for lease in table.leases(of: life) where lease.rank == placement.rank {
            index.release(lease.sharedHashes.span, on: slot, isPredicted: lease.isPredicted)
            table.forgetBlocks(of: lease.number)
        }
    }

    /// What requests hold on a placement, with blocks that they share counted once.
    package func load(of placement: Placement, in index: borrowing BlockIndex) -> (count: LeaseCount, blocks: UInt64) {
        let count = table.count(on: placement)
        return (count, count.blocks(shared: slots[placement].map { UInt64(index.activeBlocks(on: $0)) } ?? 0))
    }

    /// Blocks of a lease that nobody else holds, with so many of its output. Looked at only where an end of the output is expected: then they weigh.
    package func exclusiveBlocks(of number: UInt64, outputBlocks: UInt32, in index: borrowing BlockIndex) -> UInt32 {
        guard let lease = table[number], lease.expectedOutputTokens != nil else { return 0 }
        let hashes = lease.sharedHashes
        let shared = slots[lease.placement].map { index.exclusiveBlocks(hashes.span, on: $0) } ?? 0
        let tail = UInt64(lease.promptBlocks) - min(UInt64(lease.promptBlocks), UInt64(hashes.count))
        return UInt32(clamping: UInt64(shared) + tail + UInt64(outputBlocks))
    }

    // MARK: Changes

    /// False: the table is full, or the number is known.
    package mutating func book(_ lease: Lease, at now: Instant, in index: inout BlockIndex) -> Bool {
        guard let slot = slots[lease.placement] else {
            var plain = lease
            plain.hashes = []
            return table.book(plain, at: now)
        }
        guard table.book(lease, at: now), let booked = table.hold(of: lease.number) else { return false }
        hold(lease.number, booked, on: slot, in: &index)
        return true
    }

    /// Changes one lease, and with it what it holds.
    package mutating func change(
        _ number: UInt64, in index: inout BlockIndex, _ change: (inout LeaseTable) -> LeaseTable.Verdict
    ) -> Change {
        let before = table.hold(of: number)
        let verdict = change(&table)
        guard verdict == .applied || verdict == .made else { return Change(verdict: verdict) }
        let after = table.hold(of: number)
        if let after { hold(number, after, insteadOf: before, in: &index) }
        return Change(verdict: verdict, before: before?.placement, after: after?.placement)
    }

    /// Ends what the call says ends; `nextReleased` hands it out.
    package mutating func end<Answer>(_ end: (inout LeaseTable, inout [ReleasedLease]) -> Answer) -> Answer { end(&table, &released) }

    /// The next lease that has ended; it holds nothing any more.
    package mutating func nextReleased(in index: inout BlockIndex) -> ReleasedLease? {
        guard let next = released.popLast() else { return nil }
        letGo(LeaseHold(next.lease), in: &index)
        return next
    }

    /// In the order in which they ended.
    package mutating func orderReleased() { if released.count > 1 { released.reverse() } }

    /// Time and promises: what changes nothing that is held.
    package mutating func with<Answer>(_ body: (inout LeaseTable) -> Answer) -> Answer { body(&table) }

    // MARK: What is held

    private mutating func hold(
        _ number: UInt64, _ lease: LeaseHold, from first: Int = 0, on slot: PlacementSlot, in index: inout BlockIndex
    ) {
        let wanted = lease.hashes
        guard first < wanted.count else { return }
        let held = index.hold(wanted.span.extracting(first...), on: slot)
        // What the index has no room for is the lease's own: given back it would be taken from others.
        if first + held < wanted.count { table.forgetBlocks(of: number, from: first + held) }
        if !lease.isPredicted, held > 0 { index.settle(wanted.span.extracting(first..<first + held), on: slot) }
    }

    private mutating func hold(_ number: UInt64, _ after: LeaseHold, insteadOf before: LeaseHold?, in index: inout BlockIndex) {
        // Mostly the list is the same or goes on where it ended; a worker may also name another one.
        let held = before?.hashes ?? [], wanted = after.hashes
        let goesOn = wanted.count == held.count || wanted.count > held.count && wanted.starts(with: held)
        guard let before, before.placement == after.placement, goesOn else {
            if let before { letGo(before, in: &index) }
            if let slot = slots[after.placement] { hold(number, after, on: slot, in: &index) }
            return
        }
        let isSettled = before.isPredicted && !after.isPredicted
        guard isSettled || wanted.count > held.count, let slot = slots[after.placement] else { return }
        if isSettled { index.settle(held.span, on: slot) }
        if wanted.count > held.count { hold(number, after, from: held.count, on: slot, in: &index) }
    }

    private func letGo(_ lease: LeaseHold, in index: inout BlockIndex) {
        guard let slot = slots[lease.placement] else { return }
        index.release(lease.hashes.span, on: slot, isPredicted: lease.isPredicted)
    }
}
