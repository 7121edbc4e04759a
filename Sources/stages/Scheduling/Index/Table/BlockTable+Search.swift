/// Finding how far into a prompt each placement reaches.
extension BlockTable {
    /// The length of the prefix that each slot has, of those not in `apart`. Right for placements whose blocks have no gaps: who has a block
    /// has all before it, so that comparing the ends of a stretch tells of all between.
    ///
    /// Looks at a few blocks for each length that occurs, whatever the number of placements.
    func search(
        _ hashes: Span<UInt64>, _ valid: ValidSlots, apart: SlotWords?, _ scratch: borrowing MatchScratch, into depths: borrowing Depths
    ) {
        let words = scratch.words
        guard count > 0 else { return }
        let last = hashes.count - 1
        scratch.touched.pointee = glance(hashes[0]) &+ glance(hashes[last]) &+ glanceBetween(hashes, 0, last)
        guard let firstBlock = find(hashes[0]) else { return }
        let start = scratch.frame(0)
        members(firstBlock, primary, valid, into: start, words)
        if let apart { for word in 0..<words { start[word] &= ~apart[word] } }
        guard !start.isEmpty(words) else { return }
        let reached = scratch.spare(0)
        if last == 0 {
            return reach(start, firstBlock, 1, words, depths)
        }
        if let lastBlock = find(hashes[last]) {
            members(lastBlock, primary, valid, into: reached, words)
            if take(reached, from: start, words) { reach(reached, lastBlock, last + 1, words, depths) }
        }
        guard !start.isEmpty(words) else { return }
        scratch.intervals[0] = MatchScratch.Interval(
            low: 0, high: Int32(truncatingIfNeeded: last), lowBlock: firstBlock, near: Self.halvings)
        var depth = 1
        while depth > 0 {
            let interval = scratch.intervals[depth - 1], slots = scratch.frame(depth - 1)
            guard interval.high - interval.low > 1 else {
                reach(slots, interval.lowBlock, Int(interval.low) + 1, words, depths)
                depth -= 1
                continue
            }
            var near = interval.near - 1
            if near < 0 {
                scratch.touched.pointee = glanceBetween(hashes, Int(interval.low), Int(interval.high))
                near = Self.halvings - 1
            }
            scratch.intervals[depth - 1].near = near
            let middle = (interval.low + interval.high) >> 1
            guard let block = find(hashes[Int(middle)]) else {
                scratch.intervals[depth - 1].high = middle
                continue
            }
            let beyond = scratch.frame(depth)
            members(block, primary, valid, into: beyond, words)
            if take(beyond, from: slots, words) {
                let upper = MatchScratch.Interval(low: middle, high: interval.high, lowBlock: block, near: near)
                if slots.isEmpty(words) {
                    for word in 0..<words { slots[word] = beyond[word] }
                    scratch.intervals[depth - 1] = upper
                } else {
                    scratch.intervals[depth - 1].high = middle
                    scratch.intervals[depth] = upper
                    depth += 1
                }
            } else {
                scratch.intervals[depth - 1].high = middle
            }
        }
    }

    /// Steps of the search whose blocks are fetched together: where it will look depends on what it finds, but not by much.
    private static let halvings: Int32 = 3

    @inline(__always)
    private func glanceBetween(_ hashes: Span<UInt64>, _ low: Int, _ high: Int) -> UInt64 {
        guard high - low > 2 else { return 0 }
        var sum: UInt64 = 0
        for eighth in 1...7 { sum &+= glance(hashes[low + (high - low) * eighth >> 3]) }
        return sum
    }

    /// `part` becomes what is in both sets and leaves the whole. True: something did.
    @inline(__always)
    private func take(_ part: SlotWords, from whole: SlotWords, _ words: Int) -> Bool {
        var any: UInt64 = 0
        for word in 0..<words {
            let both = part[word] & whole[word]
            part[word] = both
            whole[word] ^= both
            any |= both
        }
        return any != 0
    }

    /// The deepest block found keeps those before it from eviction, too, since leaves go first.
    @inline(__always)
    private func reach(_ slots: SlotWords, _ block: BlockNumber, _ length: Int, _ words: Int, _ depths: borrowing Depths) {
        entries[Int(block)].pointee.isRecent = true
        depths.set(slots, words, to: length)
    }
}
