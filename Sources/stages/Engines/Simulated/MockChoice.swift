import ClusterModel

/// One choice of a request: a text, where it ends, and the blocks behind those that it shares with the other choices.
struct MockChoice {
    let number: UInt8
    let logprobOffset: UInt32
    /// One behind the last position.
    let end: UInt32
    private let minimum: UInt32
    /// Whether the text ends there by itself, or is cut.
    private let endsNaturally: Bool
    private var text: MockText
    private(set) var position: UInt32
    private(set) var isFinished = false

    /// Tokens of the prompt that do not fill a block; they are the first of its own.
    let rest: Int
    /// What is behind the shared blocks: the rest of the prompt, what was shown before, what was produced.
    private(set) var tokens: [TokenID]
    /// Of its full blocks, as far as they were asked for.
    private(set) var hashes: [SequenceHash] = []
    private(set) var blocks: [BlockNumber] = []
    private(set) var registeredBlocks = 0
    /// Behind the prompt.
    private(set) var computed = 0

    init(_ choice: EngineChoice, text: MockText, ignoresEnd: Bool, mostPositions: UInt32, rest: ArraySlice<TokenID>) {
        let start = UInt32(clamping: choice.shown.count)
        number = choice.choice
        position = start
        logprobOffset = choice.logprobOffset
        minimum = start.addingClamped(choice.minTokens)
        self.text = text
        // What keeps a constraint ends where it is complete: nothing may follow. Sentences end only where nobody says how many are wanted.
        let natural = text.isBound ? text.naturalLength : max(text.naturalLength, minimum)
        let ends = text.isBound || (!ignoresEnd && (text.isWritten || choice.maxTokens == nil))
        let most = min(choice.maxTokens.map { start.addingClamped($0) } ?? .max, mostPositions)
        end = ends ? min(natural, most) : most
        endsNaturally = ends && natural <= most
        self.rest = rest.count
        tokens = rest + choice.shown
    }

    // MARK: Text

    @inline(__always)
    mutating func next(stopTokens: [TokenID]) -> (TokenID, EngineFinish?) {
        let isLast = position &+ 1 == end
        let token = isLast && endsNaturally ? text.endOfText : text.token(at: position)
        position &+= 1
        var finish: EngineFinish?
        if isLast { finish = endsNaturally ? .endOfText : .length }
        if !stopTokens.isEmpty, position >= minimum, token != text.endOfText, stopTokens.contains(token) { finish = .stopToken }
        isFinished = finish != nil
        tokens.append(token)
        return (token, finish)
    }

    mutating func stop() { isFinished = true }

    /// The token itself, then candidates in falling order, the token first among them.
    func score(_ token: TokenID, at position: UInt32, tops: Int, into output: inout StepOutput) {
        var draw = text.draw(at: position)
        let run = output.runs.count - 1
        output.runs[run].firstLogprob = Int32(truncatingIfNeeded: output.logprobs.count)
        output.runs[run].topCount = Int32(truncatingIfNeeded: tops)
        var logprob = -Float(draw.next() % 1_000) / 1_000
        output.logprobs.append(ScoredToken(token: token, logprob: logprob))
        for place in 0..<tops {
            // The printable bytes behind the token's own, so that no candidate comes twice.
            let candidate = place == 0 ? token : 0x20 + TokenID((UInt64(token) + 63 + UInt64(place)) % 95)
            output.logprobs.append(ScoredToken(token: candidate, logprob: logprob))
            logprob -= 0.125 + Float(draw.next() % 1_000) / 1_000
        }
    }

    // MARK: Blocks

    /// Behind the prompt.
    var known: Int { tokens.count - rest }
    var uncomputed: Int { known - computed }

    /// Of its own tokens, those that are computed, given how many of the prompt's rest are.
    private func filled(_ rest: Int) -> Int { computed > 0 ? self.rest + computed : rest }

    @inline(__always)
    func blocksNeeded(toCompute count: Int, rest: Int, blockSize: Int) -> Int {
        let filled = computed + count > 0 ? self.rest + computed + count : rest
        if filled <= blocks.count * blockSize { return 0 }
        return (filled + blockSize - 1) / blockSize - blocks.count
    }

    /// What needs no new block.
    @inline(__always)
    mutating func compute(_ count: Int) { computed += count }

    /// Room is made in the pool before.
    mutating func compute(_ count: Int, rest: Int, _ pool: inout BlockPool) {
        computed += count
        let filled = filled(rest)
        while blocks.count * pool.blockSize < filled { blocks.append(pool.take()) }
    }

    /// Hashes of all full blocks of its own, behind those of the prompt.
    mutating func extendHashes(_ hasher: BlockHasher, after prompt: SequenceHash?, media: [BlockMedium]) {
        let done = hashes.count, previous = hashes.last ?? prompt, own = tokens
        let behind = media.isEmpty ? [] : media.map { BlockMedium(block: $0.block - done, hash: $0.hash) }.filter { $0.block >= 0 }
        hasher.appendSequenceHashes(
            of: own.span.extracting(droppingFirst: done * hasher.blockSize), after: previous, media: behind, to: &hashes)
    }

    /// The block of its own with this number, if it is in the cache behind `parent`. Its hash must be known.
    func find(_ block: Int, after parent: BlockNumber?, label: BlockLabel?, in pool: borrowing BlockPool) -> BlockNumber? {
        let size = pool.blockSize
        return pool.find(hashes[block], tokens.span.extracting(block * size..<(block + 1) * size), after: parent, label: label)
    }

    /// A full block whose tokens are computed, and which nobody can find yet.
    @inline(__always)
    func hasUnregistered(blockSize: Int) -> Bool { computed > 0 && rest + computed >= (registeredBlocks + 1) * blockSize }

    /// The first of those; `shared` is the block before its own.
    mutating func registerOne(after shared: BlockNumber?, label: BlockLabel?, _ pool: inout BlockPool) {
        let block = registeredBlocks, size = pool.blockSize
        pool.register(
            blocks[block], hashes[block], tokens.span.extracting(block * size..<(block + 1) * size),
            after: block > 0 ? blocks[block - 1] : shared, label: label)
        registeredBlocks += 1
    }

    /// Begins with blocks that were found; they are held.
    mutating func start(with found: ArraySlice<BlockNumber>, blockSize: Int) {
        blocks.append(contentsOf: found)
        registeredBlocks = found.count
        computed = found.isEmpty ? 0 : found.count * blockSize - rest
        // Room for what comes, as far as that is likely.
        tokens.reserveCapacity(min(Int(end) + rest, tokens.count + Self.likelyTokens))
    }

    private static let likelyTokens = 1_024

    mutating func release(_ pool: inout BlockPool) {
        pool.release(blocks)
        blocks.removeAll(keepingCapacity: !isFinished)
    }

    /// Everything is to be computed once more.
    mutating func reset(_ pool: inout BlockPool) {
        release(&pool)
        computed = 0
        registeredBlocks = 0
    }
}

extension UInt32 {
    fileprivate func addingClamped(_ other: UInt32) -> UInt32 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
