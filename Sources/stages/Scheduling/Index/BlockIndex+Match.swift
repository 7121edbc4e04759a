extension BlockIndex {
    /// How much of a prompt each placement has. `matches` is emptied first.
    package mutating func match(_ hashes: Span<UInt64>, into matches: inout BlockMatches) {
        matches.removeAll()
        guard hashes.count > 0, !slots.isEmpty else { return }
        scratch.reserve(positions: hashes.count)
        let words = scratch.words
        let cached = ValidSlots(banks: (first.words, second.words)), leased = LeaseBlocks.valid(live.words, nobody.words)
        if leases.predictedCopies > 0 { leases.table.search(hashes, leased.predicted, apart: nil, scratch, into: scratch.predicted) }
        leases.table.search(hashes, leased.live, apart: nil, scratch, into: scratch.active)
        cache.table.search(hashes, cached, apart: cache.open.words, scratch, into: scratch.confirmed)
        walkOpen(hashes, cached, leased.predicted)
        let hasLower = walkLower(hashes, cached, leased.predicted)
        matches.fill(words: words) { rows, touched in
            var longest: UInt32 = 0
            for word in 0..<words {
                var bits = scratch.confirmed.slots[word] | scratch.predicted.slots[word] | scratch.active.slots[word]
                bits |= scratch.walked.slots[word]
                if hasLower { bits |= scratch.host.slots[word] | scratch.disk.slots[word] | scratch.external.slots[word] }
                guard bits != 0 else { continue }
                touched[word] = bits
                while bits != 0 {
                    let slot = word << 6 + bits.trailingZeroBitCount
                    bits &= bits &- 1
                    let match = result(slot, hasLower)
                    rows[slot] = match
                    longest = max(longest, match.device)
                }
                clear(word: word, hasLower)
            }
            return longest
        }
    }

    @inline(__always)
    private func result(_ slot: Int, _ hasLower: Bool) -> BlockMatch {
        var match = BlockMatch()
        match.confirmed = scratch.confirmed[slot]
        match.device = deviceLength(slot)
        match.active = scratch.active[slot]
        guard hasLower else { return match }
        let host = max(scratch.host[slot], match.device), disk = max(scratch.disk[slot], host)
        match.host = host - match.device
        match.disk = disk - host
        match.external = max(scratch.external[slot], disk) - disk
        return match
    }

    @inline(__always)
    private func clear(word: Int, _ hasLower: Bool) {
        scratch.confirmed.clear(word: word)
        scratch.predicted.clear(word: word)
        scratch.active.clear(word: word)
        scratch.walked.clear(word: word)
        guard hasLower else { return }
        scratch.host.clear(word: word)
        scratch.disk.clear(word: word)
        scratch.external.clear(word: word)
    }

    /// On the device, or predicted to be.
    @inline(__always)
    private func deviceLength(_ slot: Int) -> UInt32 {
        max(scratch.confirmed[slot], scratch.predicted[slot], scratch.walked[slot])
    }

    // MARK: Block by block

    /// The lengths of placements whose chains have gaps, with and without predictions.
    private func walkOpen(_ hashes: Span<UInt64>, _ cached: ValidSlots, _ expected: ValidSlots) {
        let words = scratch.words
        guard !cache.open.words.isEmpty(words) else { return }
        let confirmed = scratch.spare(0), either = scratch.spare(1), here = scratch.spare(2), left = scratch.spare(3)
        for word in 0..<words {
            confirmed[word] = cache.open.words[word] & live.words[word]
            either[word] = confirmed[word]
        }
        var position = 0
        while true {
            here.clear(words)
            if position < hashes.count, let block = cache.table.find(hashes[position]) {
                cache.table.add(block, CacheMirror.device, cached, to: here, words)
            }
            leave(confirmed, unless: here, left, position, into: scratch.confirmed)
            if position < hashes.count, leases.predictedCopies > 0, let block = leases.table.find(hashes[position]) {
                leases.table.add(block, .max, expected, to: here, words)
            }
            leave(either, unless: here, left, position, into: scratch.walked)
            guard position < hashes.count, !either.isEmpty(words) else { return }
            position += 1
        }
    }

    /// Slots of `walkers` that are not in `here` end their walk at that length.
    @inline(__always)
    private func leave(_ walkers: SlotWords, unless here: SlotWords, _ left: SlotWords, _ length: Int, into depths: borrowing Depths) {
        let words = scratch.words
        var any: UInt64 = 0
        for word in 0..<words {
            left[word] = walkers[word] & ~here[word]
            walkers[word] &= here[word]
            any |= left[word]
        }
        if any != 0, length > 0 { depths.set(left, words, to: length) }
    }

    /// What follows in the host's memory, then on disk, then outside. False: nobody has anything there.
    ///
    /// These chains begin where the nearer tier ends, so there is nothing to jump by: each slot joins the walk where its device's part ends. A
    /// block in a nearer tier continues the run of a farther one: it need not be computed either.
    private func walkLower(_ hashes: Span<UInt64>, _ cached: ValidSlots, _ expected: ValidSlots) -> Bool {
        let words = scratch.words, totals = cache.tierCopies
        guard totals.host + totals.disk + totals.external > 0 else { return false }
        let slots = scratch.spare(4)
        for word in 0..<words { slots[word] = cache.lower.words[word] & live.words[word] }
        guard !slots.isEmpty(words) else { return false }
        if totals.host > 0 { walk(hashes, slots, 0b0011, cached, expected, into: scratch.host) { deviceLength($0) } }
        if totals.disk > 0 {
            walk(hashes, slots, 0b0111, cached, expected, into: scratch.disk) { max(deviceLength($0), scratch.host[$0]) }
        }
        if totals.external > 0 {
            walk(hashes, slots, 0b1111, cached, expected, into: scratch.external) {
                max(deviceLength($0), scratch.host[$0], scratch.disk[$0])
            }
        }
        return true
    }

    /// One tier's walk; `start` gives where a slot's nearer tiers end.
    private func walk(
        _ hashes: Span<UInt64>, _ slots: SlotWords, _ mask: UInt16, _ cached: ValidSlots, _ expected: ValidSlots,
        into depths: borrowing Depths, _ start: (Int) -> UInt32
    ) {
        let words = scratch.words, count = hashes.count
        let walkers = scratch.spare(0), here = scratch.spare(2), left = scratch.spare(3)
        walkers.clear(words)
        // Slots by where they join.
        var position = count, waiting = 0
        slots.forEach(words) { slot in
            let start = Int(start(slot))
            guard start < count else { return }
            scratch.following[slot] = scratch.joining[start]
            scratch.joining[start] = UInt16(truncatingIfNeeded: slot)
            position = min(position, start)
            waiting += 1
        }
        while position < count {
            var slot = scratch.joining[position]
            scratch.joining[position] = MatchScratch.nobody
            while slot != MatchScratch.nobody {
                walkers.insert(Int(slot))
                slot = scratch.following[Int(slot)]
                waiting -= 1
            }
            if !walkers.isEmpty(words) {
                here.clear(words)
                if let block = cache.table.find(hashes[position]) { cache.table.add(block, mask, cached, to: here, words) }
                if leases.predictedCopies > 0, let block = leases.table.find(hashes[position]) {
                    leases.table.add(block, .max, expected, to: here, words)
                }
                leave(walkers, unless: here, left, position, into: depths)
            } else if waiting == 0 {
                return
            }
            position += 1
        }
        depths.set(walkers, words, to: count)
    }
}
