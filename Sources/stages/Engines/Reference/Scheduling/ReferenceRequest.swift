import ClusterModel

/// A request in the reference engine: its tokens, how far they are computed, and the blocks in which their state lies.
///
/// All choices share the full blocks of the prompt, without that of its last token; what is behind them each choice has for itself, since its
/// own tokens follow there. As long as choices are alike, as all are that have no token yet, one of them is computed, and the others copy it.
final class ReferenceRequest {
    let key: EngineRequestKey
    let priority: Float
    let session: UInt64?
    let sampling: EngineSampling
    let prefillTokens: Int
    /// Of the prompt, before those that each choice has for itself.
    let sharedTokens: Int
    let prompt: [TokenID]
    let blockSize: Int
    private let hasher: BlockHasher
    /// For whom it is computed: said of its first block.
    private let origin: BlockLabel?
    /// Of the shared blocks.
    private let hashes: [SequenceHash]

    var blocks: [BlockNumber] = []
    var registered = 0
    /// Of the shared tokens.
    var computed = 0
    var texts: [ReferenceText]
    var unfinished: Int
    /// All that was known when it started is computed: from here on it decodes.
    var isPrefilled = false
    /// Tokens that this step computes; negative: it has no part in it.
    var scheduled = -1
    /// What was computed before this step: shared, and of each choice.
    private var begin = (shared: 0, own: [Int]())
    /// Where what could follow its choices stands among the results of this step.
    private(set) var firstLogits = 0
    /// The choices of this step are alike: what was computed of one holds for all.
    private var computesOne = false
    private(set) var cachedTokens: Int?
    private(set) var outputTokens = 0
    var preemptions = 0
    /// Nil: a whole request.
    var handOver: ReferenceHandOver?
    /// State that came with its start, and where it begins among its tokens; for the memory of its blocks, in the same step.
    var brought: (parameters: ReferenceParameters, tokens: Range<Int>)?
    /// That a prefill leg ends with.
    var parameters: [UInt8] = []

    init(_ request: EngineRequest, blockSize: Int, handOver: ReferenceHandOver?) {
        key = request.key
        priority = request.priority
        session = request.session
        sampling = request.sampling
        prompt = request.prompt
        prefillTokens = request.prefillTokens
        self.blockSize = blockSize
        self.handOver = handOver
        hasher = BlockHasher(blockSize: UInt32(clamping: blockSize), salt: request.salt)
        origin = BlockLabel(salt: request.salt)
        sharedTokens = max(0, request.prompt.count - 1) / blockSize * blockSize
        let rest = request.prompt[sharedTokens...], mostPositions = UInt32(clamping: max(0, request.contextLimit - request.prompt.count))
        texts = request.choices.map { ReferenceText($0, rest: rest, mostPositions: mostPositions) }
        unfinished = texts.count
        let sharedBlocks = sharedTokens / blockSize
        if request.promptHashes.count == request.prompt.count / blockSize {
            hashes = Array(request.promptHashes.prefix(sharedBlocks))
        } else {
            var hashes: [SequenceHash] = []
            hasher.appendSequenceHashes(of: request.prompt.span.extracting(first: sharedTokens), after: nil, to: &hashes)
            self.hashes = hashes
        }
    }

    /// Every choice has at least one token to produce.
    var isFeasible: Bool { !texts.isEmpty && texts.allSatisfy { $0.position < $0.end } }
    var isPrefillLeg: Bool { handOver?.isPrefill ?? false }
    var takesState: Bool { handOver?.takesState ?? false }
    /// All that it has to do here is done.
    var isOver: Bool { unfinished == 0 || (isPrefillLeg && outputTokens > 0) }
    /// Tokens that are going to be computed for it.
    var waitingTokens: Int { takesState ? 0 : remaining }

    // MARK: Tokens that are known

    /// No choice has a token of its own, so that one is computed for all: the first that goes on.
    private var areAlike: Bool { texts.allSatisfy { $0.isFinished || $0.tokens.count == $0.rest } }
    private var firstUnfinished: Int? { texts.firstIndex { !$0.isFinished } }
    /// That are computed: of choices that are alike the first one.
    var leaders: Range<Int> {
        guard areAlike else { return texts.indices }
        return firstUnfinished.map { $0..<$0 + 1 } ?? 0..<0
    }
    /// Of which something is computed in the step that ends with a token for each choice.
    private var lastTokens: Int { min(leaders.count, unfinished) }

    /// Known and not computed.
    var remaining: Int { leaders.reduce(sharedTokens - computed) { $0 + texts[$1].uncomputed } }
    var knownTokens: Int { leaders.reduce(sharedTokens) { texts[$1].isFinished ? $0 : $0 + texts[$1].tokens.count } }

    // MARK: Blocks

    private func blocks(of tokens: Int) -> Int { (tokens + blockSize - 1) / blockSize }
    var heldBlocks: Int { texts.reduce(blocks.count) { $0 + $1.blocks.count } }
    var knownBlocks: Int { texts.reduce(sharedTokens / blockSize) { $1.isFinished ? $0 : $0 + blocks(of: $1.tokens.count) } }
    /// That it holds at the most, at its end.
    var mostBlocks: Int {
        texts.reduce(sharedTokens / blockSize) { $0 + blocks(of: isPrefillLeg ? $1.tokens.count : max($1.tokens.count, $1.mostTokens)) }
    }

    /// What it computes of so much room in a step. The last tokens of its choices come together or not at all: what follows them is said at once.
    func share(of room: Int) -> Int {
        let remaining = remaining
        return room >= remaining ? remaining : max(0, min(room, remaining - lastTokens))
    }

    /// How far each part gets with so many more tokens: first what is shared, then choice after choice.
    private func reach(_ count: Int) -> (shared: Int, own: [Int]) {
        if count == remaining { return (sharedTokens, texts.map { $0.isFinished ? $0.computed : $0.tokens.count }) }
        let shared = min(sharedTokens, computed + count)
        var left = count - (shared - computed), own = texts.map(\.computed)
        for index in leaders {
            let part = min(left, max(0, texts[index].uncomputed - 1))
            left -= part
            own[index] += part
        }
        return (shared, own)
    }

    /// New ones, so that so many more tokens can be computed.
    func blocksNeeded(toCompute count: Int) -> Int {
        let reach = reach(count)
        return zip(texts, reach.own).reduce(blocks(of: reach.shared) - blocks.count) { sum, part in
            sum + (part.0.isFinished ? 0 : max(0, blocks(of: part.1) - part.0.blocks.count))
        }
    }

    /// Those that it computes in this step for the first time anywhere: where all state came, the last token is computed for what follows it.
    var newTokens: Int { scheduled - (preemptions == 0 && handOver?.hasState ?? false ? lastTokens : 0) }

    /// Takes part in this step with so many tokens. Room is made in the pool before.
    func compute(_ count: Int, _ pool: inout BlockPool) {
        let reach = reach(count)
        begin = (computed, texts.map(\.computed))
        computesOne = areAlike
        scheduled = count
        while blocks.count * blockSize < reach.shared { blocks.append(pool.take()) }
        computed = reach.shared
        for index in texts.indices where !texts[index].isFinished { texts[index].compute(through: reach.own[index], &pool) }
    }

    /// The tokens of this step, once it is clear that nobody needs their blocks more.
    func appendRows(to batch: inout ForwardBatch) {
        firstLogits = batch.logitsCount
        if begin.shared < computed {
            let first = batch.appendBlocks(blocks, [])
            for place in begin.shared..<computed { batch.append(prompt[place], at: place, blocksFrom: first, wantsLogits: false) }
        }
        for index in leaders where !texts[index].isFinished && begin.own[index] < texts[index].computed {
            let text = texts[index], first = batch.appendBlocks(blocks, text.blocks)
            for place in begin.own[index]..<text.computed {
                let isLast = remaining == 0 && place == text.computed - 1
                batch.append(text.tokens[place], at: sharedTokens + place, blocksFrom: first, wantsLogits: isLast)
            }
        }
    }

    /// Everything known is computed: choices that are alike get what was computed of the first. False where that is not to be had.
    func share(in computer: any BlockComputer, _ pool: borrowing BlockPool) -> Bool {
        guard computesOne, let first = firstUnfinished else { return true }
        for index in texts.indices.dropFirst(first + 1) where !texts[index].isFinished {
            for (from, to) in zip(texts[first].blocks, texts[index].blocks) where from != to {
                guard computer.copy(from, to: to, in: pool) else { return false }
            }
        }
        return true
    }

    // MARK: Found and registered

    /// What is there already, of all but the last token of each choice.
    func find(in pool: borrowing BlockPool, into hit: inout ReferenceHit) {
        hit.removeAll()
        var parent: BlockNumber?
        let owner = prompt  // a span of it needs a local owner
        for (block, hash) in hashes.enumerated() {
            let tokens = owner.span.extracting(block * blockSize..<(block + 1) * blockSize)
            guard let found = pool.find(hash, tokens, after: parent, label: block == 0 ? origin : nil) else { break }
            hit.blocks.append(found)
            parent = found
        }
        hit.sharedCount = hit.blocks.count
        for index in texts.indices {
            let isNext = hit.sharedCount == hashes.count
            hit.ownCounts.append(
                isNext ? texts[index].find(hasher, after: (parent, hashes.last), label: origin, in: pool, into: &hit.blocks) : 0)
        }
        hit.tokens = hit.blocks.count * blockSize
    }

    /// Out of the queue, with blocks that were found and that it holds from here on.
    func start(with hit: ReferenceHit, _ pool: inout BlockPool) {
        for block in hit.blocks { pool.hold(block) }
        blocks.append(contentsOf: hit.blocks[..<hit.sharedCount])
        registered = hit.sharedCount
        computed = hit.sharedCount * blockSize
        var first = hit.sharedCount
        for index in texts.indices {
            let end = first + hit.ownCounts[index]
            texts[index].start(with: hit.blocks[first..<end], blockSize: blockSize)
            first = end
        }
        if cachedTokens == nil { cachedTokens = distinctTokens(of: hit) }
    }

    /// What was found, with the rest of the prompt counted once, which each choice has for itself.
    func distinctTokens(of hit: ReferenceHit) -> Int {
        let copies = hit.ownCounts.count { $0 > 0 } - 1
        return hit.tokens - max(0, copies) * (prompt.count - sharedTokens)
    }

    /// Full blocks that are computed can be found from here on.
    func register(_ pool: inout BlockPool) {
        registerShared(through: computed, &pool)
        for index in texts.indices where !texts[index].isFinished { registerOwn(index, through: texts[index].computed, &pool) }
    }

    func registerShared(through tokens: Int, _ pool: inout BlockPool) {
        let prompt = prompt  // a span of it needs a local owner
        while registered < tokens / blockSize {
            let range = registered * blockSize..<(registered + 1) * blockSize
            pool.register(
                blocks[registered], hashes[registered], prompt.span.extracting(range),
                after: registered > 0 ? blocks[registered - 1] : nil, label: registered == 0 ? origin : nil)
            registered += 1
        }
    }

    func registerOwn(_ index: Int, through tokens: Int, _ pool: inout BlockPool) {
        texts[index].register(through: tokens, hasher, after: (blocks.last, hashes.last), label: origin, &pool)
    }

    /// The full blocks of its first choice that are computed, as far as they can be found.
    func lastingBlocks(in pool: borrowing BlockPool) -> [BlockNumber] {
        let own = registered == hashes.count ? texts[0].blocks.prefix(texts[0].registered) : []
        return Array((blocks.prefix(registered) + own).prefix { pool.isRegistered($0) })
    }

    // MARK: Tokens

    /// Everything known is computed: each choice that goes on gets a token. `choose` says which, and whether it ends the choice.
    func produce(
        into output: inout StepOutput, _ choose: (Int, ReferenceText) -> (TokenID, EngineFinish?),
        score: (Int, TokenID, inout StepOutput) -> Void
    ) {
        var logits = firstLogits
        for index in texts.indices where !texts[index].isFinished {
            let text = texts[index], (token, finish) = choose(logits, text)
            output.append(token, of: key, choice: text.number, position: text.position, finish: finish)
            if sampling.topLogprobs != nil, text.position >= text.logprobOffset { score(logits, token, &output) }
            texts[index].append(token, ends: finish != nil)
            if !computesOne { logits += 1 }
            outputTokens += 1
            if finish != nil { unfinished -= 1 }
        }
    }

    /// Of prompt and output together, from a position on.
    func tokens(of text: ReferenceText, from origin: Int) -> ArraySlice<TokenID> {
        // Where penalties count output alone, as mostly, nothing is copied.
        origin >= sharedTokens ? text.tokens.dropFirst(origin - sharedTokens) : (prompt[origin..<sharedTokens] + text.tokens)[...]
    }

    /// What a prefill leg elsewhere produced comes first here, too.
    func take(_ firstTokens: [KVFirstToken]) {
        for first in firstTokens {
            for index in texts.indices where texts[index].number == first.choice { texts[index].givenToken = first.token }
        }
    }
}
