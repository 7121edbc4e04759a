import ClusterModel

/// One choice of a request: its tokens behind the blocks that all choices share, and the blocks in which they lie.
struct ReferenceText {
    let number: UInt8
    let logprobOffset: UInt32
    let penaltyOrigin: Int
    /// One behind the last position that it may have.
    let end: UInt32
    /// Before this position it does not end.
    let minimum: UInt32
    private(set) var position: UInt32
    private(set) var isFinished = false
    /// What a prefill leg elsewhere said that comes first.
    var givenToken: TokenID?

    /// The rest of the prompt, at least its last token; what was shown before; what was produced.
    private(set) var tokens: [TokenID]
    /// Tokens of the prompt among them.
    let rest: Int
    /// Their state is in the blocks.
    private(set) var computed = 0
    private(set) var blocks: [BlockNumber] = []
    private(set) var registered = 0
    private var hashes: [SequenceHash] = []

    init(_ choice: EngineChoice, rest: ArraySlice<TokenID>, mostPositions: UInt32) {
        let start = UInt32(clamping: choice.shown.count)
        number = choice.choice
        logprobOffset = choice.logprobOffset
        penaltyOrigin = Int(choice.penaltyOrigin)
        position = start
        end = min(choice.maxTokens.map { Self.sum(start, $0) } ?? .max, mostPositions)
        minimum = Self.sum(start, choice.minTokens)
        self.rest = rest.count
        tokens = rest + choice.shown
    }

    private static func sum(_ one: UInt32, _ other: UInt32) -> UInt32 {
        let (sum, overflow) = one.addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    var uncomputed: Int { isFinished ? 0 : tokens.count - computed }
    /// That it has at its end: of the last token nothing is ever computed.
    var mostTokens: Int { rest + max(0, Int(end) - 1) }

    mutating func append(_ token: TokenID, ends: Bool) {
        tokens.append(token)
        position += 1
        givenToken = nil
        isFinished = ends
    }

    mutating func stop() { isFinished = true }

    // MARK: Blocks

    /// Room for its first so many tokens, which are computed in this step.
    mutating func compute(through end: Int, _ pool: inout BlockPool) {
        takeBlocks(for: end, &pool)
        computed = end
    }

    /// There must be enough free ones.
    mutating func takeBlocks(for tokens: Int, _ pool: inout BlockPool) {
        while blocks.count * pool.blockSize < tokens { blocks.append(pool.take()) }
    }

    /// Its state came from elsewhere, all but that of its last token, which is computed here for what follows it.
    mutating func takeState() { computed = tokens.count - 1 }

    private mutating func extendHashes(_ hasher: BlockHasher, after shared: SequenceHash?) {
        let done = hashes.count * hasher.blockSize, own = tokens  // a span of it needs a local owner
        hasher.appendSequenceHashes(of: own.span.extracting(droppingFirst: done), after: hashes.last ?? shared, to: &hashes)
    }

    /// Its blocks that are there already, without that of its last token; `label` is that of the block which begins the sequence.
    mutating func find(
        _ hasher: BlockHasher, after shared: (block: BlockNumber?, hash: SequenceHash?), label: BlockLabel?, in pool: borrowing BlockPool,
        into hit: inout [BlockNumber]
    ) -> Int {
        guard !isFinished else { return 0 }
        extendHashes(hasher, after: shared.hash)
        var parent = shared.block, count = 0
        while count < (tokens.count - 1) / pool.blockSize {
            let range = count * pool.blockSize..<(count + 1) * pool.blockSize
            let begins = parent == nil
            guard let found = pool.find(hashes[count], tokens.span.extracting(range), after: parent, label: begins ? label : nil) else {
                break
            }
            hit.append(found)
            parent = found
            count += 1
        }
        return count
    }

    /// Begins with blocks that were found; they are held.
    mutating func start(with found: ArraySlice<BlockNumber>, blockSize: Int) {
        blocks.append(contentsOf: found)
        registered = found.count
        computed = found.count * blockSize
    }

    /// Its full blocks can be found from here on, as far as their tokens are computed.
    mutating func register(
        through tokens: Int, _ hasher: BlockHasher, after shared: (block: BlockNumber?, hash: SequenceHash?), label: BlockLabel?,
        _ pool: inout BlockPool
    ) {
        let size = pool.blockSize
        guard tokens / size > registered else { return }
        extendHashes(hasher, after: shared.hash)
        while registered < tokens / size {
            let parent = registered > 0 ? blocks[registered - 1] : shared.block
            let own = self.tokens  // a span of it needs a local owner
            pool.register(
                blocks[registered], hashes[registered], own.span.extracting(registered * size..<(registered + 1) * size), after: parent,
                label: parent == nil ? label : nil)
            registered += 1
        }
    }

    mutating func release(_ pool: inout BlockPool) {
        pool.release(blocks)
        blocks.removeAll()
    }

    /// Everything is to be computed once more.
    mutating func reset(_ pool: inout BlockPool) {
        release(&pool)
        computed = 0
        registered = 0
    }
}
