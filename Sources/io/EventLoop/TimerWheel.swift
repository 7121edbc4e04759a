import ClusterModel

/// A timer that was set; cancelling one that fired, or twice, does nothing.
package struct TimerHandle: Hashable, Sendable {
    let index: Int32
    let generation: UInt32
}

/// Timers in a hierarchy of wheels: set and cancelled in constant time, without memory traffic once warm.
///
/// Ticks are a millisecond; six wheels of 64 slots reach two years, and what lies beyond waits in the last. Timers of one tick fire in the
/// order in which they were set. A deadline is rounded up to its tick, so a timer never fires early.
struct TimerWheel {
    /// What a timer does. In a structure, since an array of bare closures wraps each that it takes in another one, on the heap.
    struct Action {
        let run: @LoopActor () -> Void
    }

    static let tickNanoseconds: Int64 = 1_000_000
    private static let levels = 6
    private static let slotBits = 6
    private static let slots = 1 << slotBits

    private struct Node {
        var deadlineTick: Int64 = 0
        var next: Int32 = -1
        var previous: Int32 = -1
        /// The slot whose list holds the node; -1 for a free node.
        var slot: Int32 = -1
        var generation: UInt32 = 0
        var action: Action?
    }

    private var nodes: [Node] = []
    private var firstFree: Int32 = -1
    private var heads = [Int32](repeating: -1, count: levels * slots)
    private var tails = [Int32](repeating: -1, count: levels * slots)
    /// One bit a slot that is not empty, a word a level.
    private var occupied = [UInt64](repeating: 0, count: levels)
    /// All ticks up to this one have fired.
    private var elapsedTick: Int64
    private(set) var count = 0

    init(now: Instant) { elapsedTick = now.nanoseconds / Self.tickNanoseconds }

    mutating func set(at deadline: Instant, _ action: @escaping @LoopActor () -> Void) -> TimerHandle {
        let index = takeNode()
        let tick = (deadline.nanoseconds + Self.tickNanoseconds - 1) / Self.tickNanoseconds
        nodes[Int(index)].deadlineTick = max(tick, elapsedTick + 1)
        nodes[Int(index)].action = Action(run: action)
        place(index)
        count += 1
        return TimerHandle(index: index, generation: nodes[Int(index)].generation)
    }

    /// True if the timer was still waiting.
    @discardableResult
    mutating func cancel(_ handle: TimerHandle) -> Bool {
        let index = Int(handle.index)
        guard index < nodes.count, nodes[index].generation == handle.generation, nodes[index].slot >= 0 else { return false }
        unlink(handle.index)
        free(handle.index)
        return true
    }

    /// When to look next. A lower bound: at a far deadline's slot the timers in it move to finer wheels.
    var nextDeadline: Instant? {
        guard let (level, slot) = nextSlot() else { return nil }
        return Instant(nanoseconds: start(of: slot, level: level) * Self.tickNanoseconds)
    }

    /// Moves what is due at `now` into `due`, in order of their ticks, and then of being set.
    mutating func collectDue(at now: Instant, into due: inout [Action]) {
        let nowTick = now.nanoseconds / Self.tickNanoseconds
        while let (level, slot) = nextSlot() {
            let tick = start(of: slot, level: level)
            guard tick <= nowTick else { break }
            elapsedTick = max(elapsedTick, tick)
            var index = detachList(level: level, slot: slot)
            while index >= 0 {
                let next = nodes[Int(index)].next
                if nodes[Int(index)].deadlineTick <= elapsedTick {
                    if let action = nodes[Int(index)].action { due.append(action) }
                    free(index)
                } else {
                    place(index)
                }
                index = next
            }
        }
        elapsedTick = max(elapsedTick, nowTick)
    }

    // MARK: Slots

    /// The wheel of a deadline is the highest group of six bits in which it differs from the present tick.
    private func level(of tick: Int64) -> Int {
        let differing = UInt64(bitPattern: tick ^ elapsedTick) | UInt64(Self.slots - 1)
        return min((63 - differing.leadingZeroBitCount) / Self.slotBits, Self.levels - 1)
    }

    private func start(of slot: Int, level: Int) -> Int64 {
        let shift = Self.slotBits * level
        let range = Int64(1) << (shift + Self.slotBits)
        var tick = (elapsedTick & ~(range - 1)) + Int64(slot) << shift
        // The last wheel has no coarser one above it: its slots behind us belong to its next round.
        if level == Self.levels - 1, tick <= elapsedTick { tick += range }
        return tick
    }

    private func nextSlot() -> (level: Int, slot: Int)? {
        for level in 0..<Self.levels where occupied[level] != 0 {
            let here = Int(elapsedTick >> Int64(Self.slotBits * level)) & (Self.slots - 1)
            let rotated = occupied[level] >> UInt64(here) | occupied[level] << UInt64((64 - here) & 63)
            let ahead = (here == 0 ? occupied[level] : rotated).trailingZeroBitCount
            return (level, (here + ahead) & (Self.slots - 1))
        }
        return nil
    }

    private mutating func place(_ index: Int32) {
        let tick = nodes[Int(index)].deadlineTick
        let level = level(of: tick)
        let slot = Int(tick >> Int64(Self.slotBits * level)) & (Self.slots - 1)
        let list = level * Self.slots + slot
        nodes[Int(index)].slot = Int32(list)
        nodes[Int(index)].next = -1
        nodes[Int(index)].previous = tails[list]
        if tails[list] >= 0 { nodes[Int(tails[list])].next = index } else { heads[list] = index }
        tails[list] = index
        occupied[level] |= 1 << UInt64(slot)
    }

    private mutating func unlink(_ index: Int32) {
        let node = nodes[Int(index)], list = Int(node.slot)
        if node.previous >= 0 { nodes[Int(node.previous)].next = node.next } else { heads[list] = node.next }
        if node.next >= 0 { nodes[Int(node.next)].previous = node.previous } else { tails[list] = node.previous }
        if heads[list] < 0 { occupied[list / Self.slots] &= ~(1 << UInt64(list % Self.slots)) }
    }

    private mutating func detachList(level: Int, slot: Int) -> Int32 {
        let list = level * Self.slots + slot, head = heads[list]
        heads[list] = -1
        tails[list] = -1
        occupied[level] &= ~(1 << UInt64(slot))
        return head
    }

    private mutating func takeNode() -> Int32 {
        guard firstFree >= 0 else {
            nodes.append(Node())
            return Int32(nodes.count - 1)
        }
        let index = firstFree
        firstFree = nodes[Int(index)].next
        return index
    }

    private mutating func free(_ index: Int32) {
        nodes[Int(index)].action = nil
        nodes[Int(index)].slot = -1
        nodes[Int(index)].generation &+= 1
        nodes[Int(index)].next = firstFree
        firstFree = index
        count -= 1
    }
}
