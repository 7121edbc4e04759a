/// Blocks that sessions of one rank keep after their requests, up to a bound; the session that was least recently used gives way first.
package struct SessionBlocks {
    private struct Session {
        var number: UInt64
        var blocks: [BlockNumber] = []
        /// As the last event said.
        var toldCount = 0
        var isMarked = false
    }

    /// Distinct blocks, of all sessions together.
    private let most: Int
    private var sessions: [Session?] = []
    private var vacant: [UInt32] = []
    private var slots: [UInt64: UInt32] = [:]
    /// Those that keep something.
    private var recency = RecencyList()
    /// Whose counts may differ from what was told.
    private var marked: [UInt32] = []
    /// That ended while they kept something.
    private var ended: [UInt64] = []

    package init(most: Int) { self.most = most }

    package var hasChanges: Bool { !marked.isEmpty || !ended.isEmpty }
    /// Each session's, for tests.
    package var pins: [BlockNumber] { sessions.flatMap { $0?.blocks ?? [] } }

    package mutating func open(_ number: UInt64) {
        guard slots[number] == nil else { return }
        let slot = vacant.popLast() ?? UInt32(sessions.count)
        if slot == sessions.count { sessions.append(nil) }
        sessions[Int(slot)] = Session(number: number)
        slots[number] = slot
    }

    package mutating func end(_ number: UInt64, _ pool: inout BlockPool) {
        guard let slot = slots.removeValue(forKey: number), let session = sessions[Int(slot)] else { return }
        if recency.contains(slot) { recency.remove(slot) }
        for block in session.blocks.reversed() { pool.unpin(block) }
        if session.toldCount > 0 { ended.append(number) }
        if session.isMarked { marked.removeAll { $0 == slot } }
        sessions[Int(slot)] = nil
        vacant.append(slot)
    }

    /// A request of it begins.
    package mutating func use(_ number: UInt64) {
        guard let slot = slots[number], recency.contains(slot) else { return }
        recency.remove(slot)
        recency.append(slot)
    }

    /// A request of it ended with these blocks, which it still holds: they stay, in place of those before.
    package mutating func keep(_ blocks: [BlockNumber], for number: UInt64, _ pool: inout BlockPool) {
        guard let slot = slots[number], let before = sessions[Int(slot)]?.blocks else { return }
        for block in blocks { pool.pin(block) }
        for block in before.reversed() { pool.unpin(block) }
        if recency.contains(slot) { recency.remove(slot) }
        if !blocks.isEmpty { recency.append(slot) }
        sessions[Int(slot)]?.blocks = blocks
        mark(slot)
        while pool.pinnedCount > most, giveOne(&pool) {}
    }

    /// Lets go of blocks until so many are free, or none is kept that would become free.
    package mutating func giveWay(until wanted: Int, _ pool: inout BlockPool) {
        while pool.freeCount < wanted, pool.onlyPinnedCount > 0, giveOne(&pool) {}
    }

    package mutating func clear(_ pool: inout BlockPool) { while giveOne(&pool) {} }

    /// The last block of the session that was least recently used.
    private mutating func giveOne(_ pool: inout BlockPool) -> Bool {
        guard let slot = recency.first, let block = sessions[Int(slot)]?.blocks.popLast() else { return false }
        pool.unpin(block)
        if sessions[Int(slot)]?.blocks.isEmpty ?? true { recency.remove(slot) }
        mark(slot)
        return true
    }

    private mutating func mark(_ slot: UInt32) {
        guard sessions[Int(slot)]?.isMarked == false else { return }
        sessions[Int(slot)]?.isMarked = true
        marked.append(slot)
    }

    /// Says what changed since this was last asked.
    package mutating func tell(_ output: inout StepOutput) {
        for number in ended { output.events.append(.sessionHolds(number, blocks: 0)) }
        ended.removeAll(keepingCapacity: true)
        for slot in marked {
            guard var session = sessions[Int(slot)] else { continue }
            session.isMarked = false
            if session.blocks.count != session.toldCount {
                output.events.append(.sessionHolds(session.number, blocks: UInt32(clamping: session.blocks.count)))
            }
            session.toldCount = session.blocks.count
            sessions[Int(slot)] = session
        }
        marked.removeAll(keepingCapacity: true)
    }
}
