import Engines

/// The blocks of the scheduler in the sequences of llama.cpp.
///
/// Whoever computes has a *lane*, a sequence with exactly the tokens before the next one. A block that is full gets a place on a *shelf* beside
/// that, a sequence which only keeps; so it outlives its lane, and other lanes get it from there without a copy. What finds no place on a shelf
/// is kept as bytes when its lane goes. What a block held is forgotten when it is written anew: so there are never more cells in use than
/// the scheduler's blocks have tokens.
final class BlockMemory {
    let form: StateForm
    let blockSize: Int
    let context: LlamaContext
    var shelves: Shelves
    var lanes: [Lane]
    var places: [BlockPlace?] = []
    var run = 0

    /// Sequence 0 is where state goes in and out; behind it come the lanes, and the shelves behind them.
    let passage: Int32 = 0
    func sequence(lane: Int) -> Int32 { Int32(1 + lane) }
    func sequence(shelf: Int) -> Int32 { Int32(1 + lanes.count + shelf) }

    init(_ context: LlamaContext, _ form: StateForm, blockSize: Int, lanes: Int) {
        self.context = context
        self.form = form
        self.blockSize = blockSize
        self.lanes = Array(repeating: Lane(), count: lanes)
        shelves = Shelves(count: context.sequences - 1 - lanes)
    }

    var pageBytes: Int { form.tokenBytes * blockSize }

    func place(_ block: BlockNumber) -> BlockPlace? { Int(block) < places.count ? places[Int(block)] : nil }

    func set(_ place: BlockPlace?, _ block: BlockNumber) {
        while places.count <= Int(block) { places.append(nil) }
        places[Int(block)] = place
    }

    func positions(_ page: Int, tokens: Int) -> Range<Int> { page * blockSize..<page * blockSize + tokens }

    static func isGone(_ block: BlockNumber, _ pool: borrowing BlockPool) -> Bool {
        !pool.isHeld(block) && !pool.isPinned(block) && !pool.isRegistered(block)
    }

    // MARK: Shelves

    /// Full blocks of a part get a place on a shelf, those side by side on one shelf if there is one for them.
    func shelve(_ part: BatchPart, in pool: borrowing BlockPool) {
        var preferred: Int?, pending: (shelf: Int, positions: Range<Int>)?
        let source = sequence(lane: part.lanes[0])
        func flush() {
            if let pending { context.share(pending.positions, of: source, with: sequence(shelf: pending.shelf)) }
        }
        for page in part.positions.lowerBound / blockSize..<part.positions.upperBound / blockSize {
            let block = part.block(at: page * blockSize, blockSize)
            guard var place = place(block), let shelf = emptyPlace(for: page, preferred, in: pool) else { continue }
            shelves.put(block, page: page, shelf: shelf)
            place.shelf = shelf
            set(place, block)
            preferred = shelf
            let span = positions(page, tokens: blockSize)
            if let run = pending, run.shelf == shelf, run.positions.upperBound == span.lowerBound {
                pending = (shelf, run.positions.lowerBound..<span.upperBound)
            } else {
                flush()
                pending = (shelf, span)
            }
        }
        flush()
    }

    /// A shelf with an empty place for a page; what is gone makes room.
    func emptyPlace(for page: Int, _ preferred: Int?, in pool: borrowing BlockPool) -> Int? {
        if let free = shelves.free(for: page, preferred: preferred) { return free }
        for (shelf, occupant) in shelves.occupants(of: page).enumerated() {
            guard let occupant, Self.isGone(occupant, pool) else { continue }
            forget(occupant, in: pool)
            return shelf
        }
        return nil
    }

    // MARK: Forgetting

    func forgetWritten(by part: BatchPart, in pool: borrowing BlockPool) {
        let first = (part.positions.lowerBound + blockSize - 1) / blockSize
        for page in first..<max(first, (part.positions.upperBound + blockSize - 1) / blockSize) {
            forget(part.block(at: page * blockSize, blockSize), in: pool)
        }
    }

    /// What a block held is in no place any more; nor are lanes that went through it.
    func forget(_ block: BlockNumber, in pool: borrowing BlockPool) {
        guard place(block) != nil else { return }
        leaveOtherPlaces(block, than: [], in: pool)
        set(nil, block)
    }

    func leaveOtherPlaces(_ block: BlockNumber, than kept: [Int], in pool: borrowing BlockPool) {
        guard let old = place(block) else { return }
        set(nil, block)
        if let shelf = old.shelf {
            context.remove(positions(old.page, tokens: blockSize), from: sequence(shelf: shelf))
            shelves.empty(page: old.page, shelf: shelf)
        }
        for lane in old.lanes where !kept.contains(lane) { clear(lane, in: pool) }
    }

    /// Nothing is in a lane any more. What lies nowhere else, and is still of use, is kept as bytes.
    func clear(_ lane: Int, in pool: borrowing BlockPool) {
        for block in lanes[lane].blocks {
            guard var place = place(block), let index = place.lanes.firstIndex(of: lane) else { continue }
            let bytes =
                place.lanes.count == 1 && place.shelf == nil && place.bytes == nil && !Self.isGone(block, pool)
                ? page(of: block, tokens: place.tokens) : place.bytes
            place.lanes.remove(at: index)
            place.bytes = bytes
            set(place.isNowhere ? nil : place, block)
        }
        context.removeAll(from: sequence(lane: lane))
        lanes[lane] = Lane()
    }

    /// Lets go of everything that nobody can find or holds; true if there was something.
    func sweep(in pool: borrowing BlockPool) -> Bool {
        var hasSwept = false
        for number in places.indices where places[number] != nil && Self.isGone(BlockNumber(number), pool) {
            forget(BlockNumber(number), in: pool)
            hasSwept = true
        }
        return hasSwept
    }

    // MARK: State in and out

    /// The rows of the first so many tokens of a block, zeros behind them; nil if they are nowhere.
    func page(of block: BlockNumber, tokens: Int) -> [UInt8]? {
        guard let place = place(block), place.tokens >= tokens else { return nil }
        if let bytes = place.bytes {
            // Through its form, so that nothing but these tokens leaves.
            let state = form.state(of: bytes[...], first: 0, tokens: tokens, room: blockSize)
            return form.page(of: state, first: 0, tokens: tokens, room: blockSize)
        }
        guard let source = place.shelf.map(sequence(shelf:)) ?? place.lanes.first.map(sequence(lane:)) else { return nil }
        let span = positions(place.page, tokens: tokens)
        context.share(span, of: source, with: passage)
        defer { context.removeAll(from: passage) }
        return form.page(of: context.state(of: passage), first: span.lowerBound, tokens: tokens, room: blockSize)
    }

    /// A block has the rows of a page from here on; false if llama.cpp does not take them.
    func store(_ rows: ArraySlice<UInt8>, in block: BlockNumber, page: Int, tokens: Int, pool: borrowing BlockPool) -> Bool {
        forget(block, in: pool)
        var place = BlockPlace(page: page, tokens: tokens)
        if let shelf = emptyPlace(for: page, nil, in: pool) {
            let span = positions(page, tokens: tokens)
            guard context.restore(form.state(of: rows, first: span.lowerBound, tokens: tokens, room: blockSize), to: passage) else {
                return false
            }
            context.share(span, of: passage, with: sequence(shelf: shelf))
            context.removeAll(from: passage)
            shelves.put(block, page: page, shelf: shelf)
            place.shelf = shelf
        } else {
            place.bytes = Array(rows)
        }
        set(place, block)
        return true
    }

    /// The page and tokens of a block that has state.
    func extent(of block: BlockNumber) -> (page: Int, tokens: Int)? { place(block).map { ($0.page, $0.tokens) } }
}
