package import ClusterModel

/// A block of one rank's KV memory, by its place in the pool.
package typealias BlockNumber = UInt32

/// The KV memory of one rank in blocks: who holds which, what can be found in them, and which is taken next.
///
/// A full block whose tokens are computed is *registered* under its sequence hash and can be found from then on, by others and after its
/// holders have gone, until it is taken for something else. Free blocks are taken in the order in which they became free, and whoever gives
/// back a sequence begins at its end, so that what is found less often goes first.
///
/// A hash only says where to look. What is found must have the same tokens, stand behind the same content and carry the same label; a block
/// whose hash means something else already is not registered, and nothing behind it is. Two blocks of equal content, as two requests make
/// them that compute it at once, are *twins* under one hash: it has come when the first of them is there and has gone with the last.
///
/// Every operation takes the same short time, and memory grows with the blocks that were ever used.
package struct BlockPool {
    private struct Block {
        /// Requests.
        var holds: UInt32 = 0
        /// Sessions.
        var pins: UInt32 = 0
        /// A ring of blocks with this content; alone, the block itself.
        var nextTwin: BlockNumber
        var previousTwin: BlockNumber
        var hash = SequenceHash(0)
        var parentHash = SequenceHash(0)
        /// What it holds, by a number that twins share and that is never given twice; `nothing` unless it is registered.
        var content = BlockPool.nothing
        /// The content before it; `nothing`: it begins a sequence.
        var parent = BlockPool.nothing
        /// Registered behind it last, whatever is in that one now; none yet: the block itself. Most prompts go on as the one before them did.
        var heir: BlockNumber

        init(number: BlockNumber) {
            nextTwin = number
            previousTwin = number
            heir = number
        }

        var isUsed: Bool { holds > 0 || pins > 0 }
    }

    private static let nothing: UInt64 = 0

    package let total: Int
    package let blockSize: Int
    /// Blocks are found again.
    package let caches: Bool
    /// Those that were ever taken; the others are taken before any of these is taken again.
    private var blocks: [Block] = []
    /// Of the registered ones: room for each block's, one behind the other.
    private var tokens: [TokenID] = []
    private var free = RecencyList()
    private var found: [SequenceHash: BlockNumber] = [:]
    private var labels: [BlockNumber: BlockLabel] = [:]
    private var lastContent = BlockPool.nothing
    private var log: CacheChangeLog
    /// Free, with nothing in it that could be found.
    private var blankCount: Int
    /// By requests.
    package private(set) var heldCount = 0
    /// By sessions, also where requests hold them too.
    package private(set) var pinnedCount = 0
    /// By sessions alone: these become free when their sessions let go.
    package private(set) var onlyPinnedCount = 0

    package init(rank: Rank, total: Int, blockSize: Int, caches: Bool) {
        self.total = total
        self.blockSize = blockSize
        self.caches = caches
        log = CacheChangeLog(rank: rank)
        blankCount = total
    }

    /// That can be taken now, with or without something to find in them.
    package var freeCount: Int { free.count + total - blocks.count }
    /// That are held, or hold something that can be found.
    package var usedCount: Int { total - blankCount }
    package var hasChanges: Bool { !log.isEmpty }

    // MARK: Take and give back

    /// A block for one request. There must be a free one.
    package mutating func take() -> BlockNumber {
        let number: BlockNumber
        if blocks.count < total {
            number = BlockNumber(blocks.count)
            blocks.append(Block(number: number))
            if caches { tokens.append(contentsOf: repeatElement(0, count: blockSize)) }
        } else {
            guard let first = free.first else { preconditionFailure("whoever takes a block has looked whether there is one") }
            number = first
            free.remove(number)
        }
        if blocks[Int(number)].content == Self.nothing { blankCount -= 1 } else { forget(number) }
        blocks[Int(number)].holds = 1
        heldCount += 1
        return number
    }

    /// One more request holds a block that was found.
    package mutating func hold(_ number: BlockNumber) {
        if blocks[Int(number)].holds == 0 {
            if blocks[Int(number)].pins == 0 { leaveFree(number) } else { onlyPinnedCount -= 1 }
            heldCount += 1
        }
        blocks[Int(number)].holds += 1
    }

    package mutating func release(_ number: BlockNumber) {
        blocks[Int(number)].holds -= 1
        guard blocks[Int(number)].holds == 0 else { return }
        heldCount -= 1
        if blocks[Int(number)].pins == 0 { enterFree(number) } else { onlyPinnedCount += 1 }
    }

    /// The blocks of a sequence, its last one first.
    package mutating func release(_ numbers: [BlockNumber]) { for number in numbers.reversed() { release(number) } }

    /// One more session keeps a block that somebody holds.
    package mutating func pin(_ number: BlockNumber) {
        if blocks[Int(number)].pins == 0 {
            pinnedCount += 1
            if blocks[Int(number)].holds == 0 {
                leaveFree(number)
                onlyPinnedCount += 1
            }
        }
        blocks[Int(number)].pins += 1
    }

    package mutating func unpin(_ number: BlockNumber) {
        blocks[Int(number)].pins -= 1
        guard blocks[Int(number)].pins == 0 else { return }
        pinnedCount -= 1
        guard blocks[Int(number)].holds == 0 else { return }
        onlyPinnedCount -= 1
        enterFree(number)
    }

    package func isHeld(_ number: BlockNumber) -> Bool { blocks[Int(number)].holds > 0 }
    package func isPinned(_ number: BlockNumber) -> Bool { blocks[Int(number)].pins > 0 }
    package func isRegistered(_ number: BlockNumber) -> Bool { blocks[Int(number)].content != Self.nothing }

    private mutating func enterFree(_ number: BlockNumber) {
        free.append(number)
        if blocks[Int(number)].content == Self.nothing { blankCount += 1 }
    }

    private mutating func leaveFree(_ number: BlockNumber) {
        free.remove(number)
        if blocks[Int(number)].content == Self.nothing { blankCount -= 1 }
    }

    // MARK: Find and register

    /// The block with these tokens behind `parent` (nil: at the beginning), whoever computed it. It may be free: hold it before the next one is taken.
    package func find(_ hash: SequenceHash, _ tokens: Span<TokenID>, after parent: BlockNumber?, label: BlockLabel?) -> BlockNumber? {
        if let parent {
            let heir = blocks[Int(parent)].heir
            if blocks[Int(heir)].hash == hash, isEqual(heir, tokens, after: parent, label) { return heir }
        }
        guard let number = found[hash], isEqual(number, tokens, after: parent, label) else { return nil }
        return number
    }

    /// The tokens of a held block are computed: it can be found from here on, unless its hash means something else or what is before it cannot be found.
    package mutating func register(
        _ number: BlockNumber, _ hash: SequenceHash, _ tokens: Span<TokenID>, after parent: BlockNumber?, label: BlockLabel?
    ) {
        assert(blocks[Int(number)].content == Self.nothing, "a block is registered once")
        let first = Int(number) * blockSize
        precondition(tokens.count == blockSize && first + blockSize <= self.tokens.count, "a full block of a pool that caches")
        var place = (content: Self.nothing, hash: SequenceHash(0))
        if let parent {
            place = (blocks[Int(parent)].content, blocks[Int(parent)].hash)
            guard place.content != Self.nothing else { return }
        }
        // Looked for once, whether it is there or comes now.
        let twin = { (known: inout BlockNumber) in known }(&found[hash, default: number])
        if twin != number {
            guard isEqual(twin, tokens, after: parent, label) else { return }
            blocks[Int(number)].content = blocks[Int(twin)].content
            join(number, to: twin)
        } else {
            lastContent += 1
            blocks[Int(number)].content = lastContent
            log.stored(hash, after: parent == nil ? nil : place.hash)
        }
        blocks[Int(number)].hash = hash
        blocks[Int(number)].parent = place.content
        blocks[Int(number)].parentHash = place.hash
        if let parent { blocks[Int(parent)].heir = number }
        self.tokens.withUnsafeMutableBufferPointer { own in for index in tokens.indices { own[first &+ index] = tokens[index] } }
        if let label { labels[number] = label }
    }

    private func isEqual(_ number: BlockNumber, _ tokens: Span<TokenID>, after parent: BlockNumber?, _ label: BlockLabel?) -> Bool {
        let block = blocks[Int(number)], before = parent.map { blocks[Int($0)].content } ?? Self.nothing
        guard block.parent == before, parent == nil || before != Self.nothing, tokens.count == blockSize else { return false }
        if !labels.isEmpty || label != nil { guard labels[number] == label else { return false } }
        let first = Int(number) * blockSize
        // Without a branch for each token, and several at once: nearly always they are equal.
        return self.tokens.withUnsafeBufferPointer { own in
            var difference: TokenID = 0
            for index in tokens.indices { difference |= own[first &+ index] ^ tokens[index] }
            return difference == 0
        }
    }

    // MARK: Twins

    private mutating func join(_ number: BlockNumber, to twin: BlockNumber) {
        let next = blocks[Int(twin)].nextTwin
        blocks[Int(number)].previousTwin = twin
        blocks[Int(number)].nextTwin = next
        blocks[Int(twin)].nextTwin = number
        blocks[Int(next)].previousTwin = number
    }

    /// What is in a block is about to be written over.
    private mutating func forget(_ number: BlockNumber) {
        let block = blocks[Int(number)]
        if block.nextTwin == number {
            found[block.hash] = nil
            log.removed(block.hash)
        } else {
            blocks[Int(block.previousTwin)].nextTwin = block.nextTwin
            blocks[Int(block.nextTwin)].previousTwin = block.previousTwin
            if found[block.hash] == number { found[block.hash] = block.nextTwin }
        }
        blank(number)
    }

    private mutating func blank(_ number: BlockNumber) {
        blocks[Int(number)].nextTwin = number
        blocks[Int(number)].previousTwin = number
        blocks[Int(number)].content = Self.nothing
        blocks[Int(number)].parent = Self.nothing
        if !labels.isEmpty { labels[number] = nil }
    }

    // MARK: All of them

    /// Nothing that is in a block now will be found.
    package mutating func clear() {
        for number in blocks.indices { blank(BlockNumber(number)) }
        found.removeAll(keepingCapacity: true)
        blankCount = freeCount
        log.cleared()
    }

    /// Tells what came and went since this was last asked.
    package mutating func moveChanges(to output: inout StepOutput) { log.move(to: &output) }
}

extension BlockPool {
    /// What can be found, by hash.
    package var cachedBlocks: [CachedBlock] {
        blocks.indices.filter { blocks[$0].content != Self.nothing && found[blocks[$0].hash] == BlockNumber($0) }
            .map { CachedBlock(hash: blocks[$0].hash, parent: blocks[$0].parent == Self.nothing ? nil : blocks[$0].parentHash) }
            .sorted { $0.hash < $1.hash }
    }

    /// What is wrong with its books, given every hold of a request and every pin of a session. Takes a look at every block: for tests.
    package func problems(held: [BlockNumber], pinned: [BlockNumber]) -> [String] {
        var problems: [String] = []
        var holds = [UInt32](repeating: 0, count: blocks.count), pins = holds
        for number in held { holds[Int(number)] += 1 }
        for number in pinned { pins[Int(number)] += 1 }
        for (number, block) in blocks.enumerated() {
            if block.holds != holds[number] { problems.append("block \(number) has \(holds[number]) holders and counts \(block.holds)") }
            if block.pins != pins[number] { problems.append("block \(number) has \(pins[number]) sessions and counts \(block.pins)") }
            if block.isUsed == free.contains(BlockNumber(number)) { problems.append("block \(number) is both free and used, or neither") }
            problems += twinProblems(of: BlockNumber(number), block)
        }
        if free.elements == nil { problems.append("the list of free blocks is broken") }
        let heldNow = holds.count { $0 > 0 }, onlyPinned = blocks.count { $0.holds == 0 && $0.pins > 0 }
        if heldNow != heldCount || onlyPinned != onlyPinnedCount || blocks.count(where: { $0.pins > 0 }) != pinnedCount {
            problems.append("held \(heldNow), pinned alone \(onlyPinned), but \(heldCount) and \(onlyPinnedCount) are counted")
        }
        if freeCount + heldCount + onlyPinnedCount != total { problems.append("blocks are lost: \(freeCount) of \(total) are free") }
        let blank = total - blocks.count + blocks.count { !$0.isUsed && $0.content == Self.nothing }
        if blank != blankCount { problems.append("\(blank) blocks are blank, and \(blankCount) are counted") }
        let names = Set(blocks.lazy.filter { $0.content != Self.nothing }.map(\.hash))
        if names.count != found.count { problems.append("\(names.count) hashes have blocks, and \(found.count) can be found") }
        return problems
    }

    private func twinProblems(of number: BlockNumber, _ block: Block) -> [String] {
        guard block.content != Self.nothing else { return block.nextTwin == number ? [] : ["block \(number) has twins without content"] }
        let next = blocks[Int(block.nextTwin)]
        if next.previousTwin != number || next.content != block.content || next.hash != block.hash {
            return ["the twins of block \(number) do not agree"]
        }
        guard let named = found[block.hash], blocks[Int(named)].content == block.content else { return ["block \(number) cannot be found"] }
        return []
    }
}
