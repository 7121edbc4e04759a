/// Who has a block.
extension BlockTable {
    // MARK: Reading

    /// 0: that placement has no part in the block.
    @inline(__always)
    func mark(_ block: BlockNumber, _ number: PlaceNumber) -> UInt16 {
        let entry = entries[Int(block)]
        if let holding = holding(entry, number) { return holding.pointee.mark }
        return entry.pointee.form == .wide ? wides[Int(entry.pointee.first.bits)].mark(number) : 0
    }

    /// A placement's part in a block whose holders are no bits. What lookups ask for must not be changed by it, nor may the mark become 0.
    @inline(__always)
    func holding(_ entry: UnsafeMutablePointer<BlockEntry>, _ number: PlaceNumber) -> UnsafeMutablePointer<Holding>? {
        guard entry.pointee.form == .inline else {
            guard entry.pointee.form == .list else { return nil }
            return Self.search(lists.list(entry.pointee.first.bits), entry.pointee.listCount, number)
        }
        let two = entry.holdings
        if two[0].number == number, two[0].bits != 0 { return two }
        return two[1].number == number && two[1].bits != 0 ? two + 1 : nil
    }

    @inline(never)
    private static func search(_ list: UnsafeMutablePointer<Holding>, _ count: Int, _ number: PlaceNumber) -> UnsafeMutablePointer<Holding>?
    {
        let place = position(of: number, in: list, count)
        return place < count && list[place].number == number ? list + place : nil
    }

    @inline(__always)
    func isEmpty(_ block: BlockNumber) -> Bool {
        let entry = entries[Int(block)]
        return entry.pointee.form == .inline && entry.pointee.first.bits == 0
    }

    /// Whether lookups find the block with anyone, on whatever slot.
    @inline(__always)
    func hasPrimary(_ block: BlockNumber) -> Bool {
        let entry = entries[Int(block)]
        switch entry.pointee.form {
        case .inline: return (entry.pointee.first.mark | entry.pointee.second.mark) & primary != 0
        case .list: return entry.pointee.listPrimaries > 0
        case .wide: return wides[Int(entry.pointee.first.bits)].primaries > 0
        case .free: return false
        }
    }

    func forEachHolding(_ block: BlockNumber, _ body: (Holding) -> Void) {
        let entry = entries[Int(block)]
        switch entry.pointee.form {
        case .inline:
            if entry.pointee.first.mark != 0 { body(entry.pointee.first) }
            if entry.pointee.second.mark != 0 { body(entry.pointee.second) }
        case .list:
            let list = lists.list(entry.pointee.first.bits)
            for index in 0..<entry.pointee.listCount { body(list[index]) }
        case .wide: wides[Int(entry.pointee.first.bits)].forEach(body)
        case .free: break
        }
    }

    /// The slots that have the block with one of the bits of `mask`, into a set of `words` words that is overwritten.
    @inline(__always)
    func members(_ block: BlockNumber, _ mask: UInt16, _ valid: ValidSlots, into slots: SlotWords, _ words: Int) {
        slots.clear(words)
        add(block, mask, valid, to: slots, words)
    }

    /// The same, added to what the set has.
    @inline(__always)
    func add(_ block: BlockNumber, _ mask: UInt16, _ valid: ValidSlots, to slots: SlotWords, _ words: Int) {
        let entry = entries[Int(block)]
        switch entry.pointee.form {
        case .inline:
            Self.add(entry.pointee.first, mask, valid, to: slots)
            Self.add(entry.pointee.second, mask, valid, to: slots)
        case .list:
            let list = lists.list(entry.pointee.first.bits)
            for index in 0..<entry.pointee.listCount { Self.add(list[index], mask, valid, to: slots) }
        case .wide: Self.add(wides + Int(entry.pointee.first.bits), mask, primary, valid, to: slots, words)
        case .free: break
        }
    }

    @inline(__always)
    private static func add(_ holding: Holding, _ mask: UInt16, _ valid: ValidSlots, to slots: SlotWords) {
        if holding.mark & mask != 0, valid.contains(holding.number) { slots.insert(holding.number.slot) }
    }

    @inline(never)
    private static func add(
        _ wide: UnsafePointer<WideHolders>, _ mask: UInt16, _ primary: UInt16, _ valid: ValidSlots, to slots: SlotWords, _ words: Int
    ) {
        guard mask == primary else {
            return wide.pointee.forEach { add($0, mask, valid, to: slots) }
        }
        if let part = wide.pointee.bits(bank: 0) {
            for word in 0..<min(words, part.words) { slots[word] |= part.bits[word] & valid.banks.0[word] }
        }
        if let part = wide.pointee.bits(bank: 1) {
            for word in 0..<min(words, part.words) { slots[word] |= part.bits[word] & valid.banks.1[word] }
        }
    }

    // MARK: Changing

    /// Sets a placement's mark; 0 ends its part. False: no room, and nothing has changed. Without a new holder there is always room.
    @inline(__always)
    mutating func setMark(_ block: BlockNumber, _ number: PlaceNumber, _ mark: UInt16) -> Bool {
        let entry = entries[Int(block)]
        guard entry.pointee.form == .inline else { return setMarkOutside(block, number, mark) }
        let two = entry.holdings
        let place = two[0].bits == 0 || two[0].number == number ? 0 : 1
        if place == 0 || two[1].bits == 0 || two[1].number == number {
            two[place] = mark == 0 ? .none : Holding(number, mark)
            if two[0].bits == 0 {
                two[0] = two[1]
                two[1] = .none
            }
            return true
        }
        guard mark != 0 else { return true }
        return moveOut(block) && setMarkOutside(block, number, mark)
    }

    @inline(never)
    private mutating func setMarkOutside(_ block: BlockNumber, _ number: PlaceNumber, _ mark: UInt16) -> Bool {
        entries[Int(block)].pointee.form == .wide ? setWide(block, number, mark) : setListed(block, number, mark)
    }

    /// Two holders go from the entry into a list.
    private mutating func moveOut(_ block: BlockNumber) -> Bool {
        guard let reference = lists.take(0, allowance: allowance) else { return false }
        let entry = entries[Int(block)], list = lists.list(reference)
        let first = entry.pointee.first, second = entry.pointee.second
        list[0] = first.bits < second.bits ? first : second
        list[1] = first.bits < second.bits ? second : first
        entry.pointee.form = .list
        entry.pointee.first = Holding(bits: reference)
        entry.pointee.setList(
            count: 2, primaries: (first.mark & primary != 0 ? 1 : 0) + (second.mark & primary != 0 ? 1 : 0), sizeClass: 0)
        return true
    }

    private mutating func setListed(_ block: BlockNumber, _ number: PlaceNumber, _ mark: UInt16) -> Bool {
        let entry = entries[Int(block)]
        var list = lists.list(entry.pointee.first.bits), sizeClass = entry.pointee.listClass
        let count = entry.pointee.listCount, place = Self.position(of: number, in: list, count)
        var primaries = entry.pointee.listPrimaries + (mark & primary != 0 ? 1 : 0)
        if place < count, list[place].number == number {
            primaries -= list[place].mark & primary != 0 ? 1 : 0
            if mark != 0 {
                list[place] = Holding(number, mark)
                entry.pointee.setList(count: count, primaries: primaries, sizeClass: sizeClass)
                return true
            }
            for index in place..<count - 1 { list[index] = list[index + 1] }
            entry.pointee.setList(count: count - 1, primaries: primaries, sizeClass: sizeClass)
            shrink(block)
            return true
        }
        guard mark != 0 else { return true }
        if count == ListPool.size(ofClass: sizeClass) {
            if count >= mostListed { return widen(block) && setWide(block, number, mark) }
            guard let reference = lists.take(sizeClass + 1, allowance: allowance) else { return false }
            let longer = lists.list(reference)
            longer.update(from: list, count: count)
            lists.give(entry.pointee.first.bits, sizeClass)
            entry.pointee.first = Holding(bits: reference)
            list = longer
            sizeClass += 1
        }
        for index in stride(from: count, to: place, by: -1) { list[index] = list[index - 1] }
        list[place] = Holding(number, mark)
        entry.pointee.setList(count: count + 1, primaries: primaries, sizeClass: sizeClass)
        return true
    }

    /// Above so many holders bits take less room than a list, and are faster.
    private var mostListed: Int { min(max(8, words * 8), ListPool.maximum) }

    /// After one less: back into the entry, or into a piece of half the size when a quarter is used.
    private mutating func shrink(_ block: BlockNumber) {
        let entry = entries[Int(block)], reference = entry.pointee.first.bits, sizeClass = entry.pointee.listClass
        let count = entry.pointee.listCount, list = lists.list(reference)
        if count <= 1 {
            entry.pointee.form = .inline
            entry.pointee.first = count == 1 ? list[0] : .none
            entry.pointee.second = .none
            lists.give(reference, sizeClass)
        } else if sizeClass > 0, count <= ListPool.size(ofClass: sizeClass) / 4 {
            guard let shorter = lists.take(sizeClass - 1, allowance: 0) else { return }
            lists.list(shorter).update(from: list, count: count)
            lists.give(reference, sizeClass)
            entry.pointee.first = Holding(bits: shorter)
            entry.pointee.setList(count: count, primaries: entry.pointee.listPrimaries, sizeClass: sizeClass - 1)
        }
    }

    // MARK: Bits

    private mutating func setWide(_ block: BlockNumber, _ number: PlaceNumber, _ mark: UInt16) -> Bool {
        // By its own pointer: of a change through `wides[…]` the compiler makes no valid code for the thread sanitizer.
        let wide = wides + Int(entries[Int(block)].pointee.first.bits)
        if mark != 0 {
            let growth = wide.pointee.growth(for: number, words: words)
            if growth > 0 {
                guard growth <= allowance else { return false }
                wideBytes += growth
            }
        }
        wide.pointee.set(number, mark, primary: primary, words: words)
        if mark == 0, wide.pointee.count < wide.pointee.words * 4 { narrow(block) }
        return true
    }

    /// From a list to bits.
    private mutating func widen(_ block: BlockNumber) -> Bool {
        let entry = entries[Int(block)], list = lists.list(entry.pointee.first.bits), count = entry.pointee.listCount
        guard 2 * words * WideHolders.bytesAWord + MemoryLayout<WideHolders>.stride <= allowance else { return false }
        if freeWides.isEmpty { addWides() }
        let wide = freeWides.removeLast(), holders = wides + Int(wide)
        for index in 0..<count { holders.pointee.set(list[index].number, list[index].mark, primary: primary, words: words) }
        wideBytes += holders.pointee.bytes
        lists.give(entry.pointee.first.bits, entry.pointee.listClass)
        entry.pointee.form = .wide
        entry.pointee.first = Holding(bits: wide)
        entry.pointee.second = .none
        return true
    }

    /// From bits to a list, if there is room for one; bits serve as well.
    private mutating func narrow(_ block: BlockNumber) {
        let entry = entries[Int(block)], wide = Int(entry.pointee.first.bits), count = wides[wide].count
        if count == 0 {
            entry.pointee.form = .inline
            entry.pointee.first = .none
        } else {
            let sizeClass = ListPool.sizeClass(for: count)
            guard count <= ListPool.maximum, let reference = lists.take(sizeClass, allowance: allowance) else { return }
            let list = lists.list(reference)
            var filled = 0
            wides[wide].forEach {
                list[filled] = $0
                filled += 1
            }
            // Two banks come one after the other; a list is in one order.
            var listed = UnsafeMutableBufferPointer(start: list, count: count)
            listed.sort { $0.bits < $1.bits }
            entry.pointee.form = .list
            entry.pointee.first = Holding(bits: reference)
            entry.pointee.setList(count: count, primaries: wides[wide].primaries, sizeClass: sizeClass)
        }
        wideBytes -= wides[wide].bytes
        wides[wide].deallocate()
        wides[wide] = WideHolders()
        freeWides.append(UInt32(wide))
    }

    /// Where in a list a number is, or would be.
    @inline(__always)
    private static func position(of number: PlaceNumber, in list: UnsafeMutablePointer<Holding>, _ count: Int) -> Int {
        var low = 0, high = count
        while low < high {
            let middle = (low + high) >> 1
            if list[middle].number.rawValue < number.rawValue { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
