import ClusterModel

/// A request in a simulated engine: its tokens, how far they are computed, and the blocks in which that lies.
///
/// All choices share the blocks that the prompt fills; what is behind them is each choice's own. The prompt is computed first, then what the
/// choices know already, one after another, and from then on one token of each choice in a step.
final class MockRequest {
    let key: EngineRequestKey
    let priority: Float
    let adapter: String
    let session: UInt64?
    let embeds: Bool
    let prompt: [TokenID]
    let prefillTokens: Int
    /// That it holds at the most, at its end.
    private(set) var mostBlocks: Int
    private let sampling: EngineSampling
    private let hasher: BlockHasher
    private let blockSize: Int
    /// Of the prompt: those in its full blocks.
    private let fullTokens: Int
    private let media: [BlockMedium]
    /// For whom it is computed; said of its first block.
    private let origin: BlockLabel?

    /// Of the prompt's full blocks.
    private let hashes: [SequenceHash]
    private(set) var blocks: [BlockNumber] = []
    private var registeredBlocks = 0
    /// Of the prompt.
    private var computed = 0
    private(set) var choices: [MockChoice]
    private(set) var unfinished: Int
    /// Known and not computed: the prompt's and the choices'.
    private(set) var remaining: Int
    /// All that was known when it started is computed: from here on it decodes.
    var isPrefilled = false
    /// Tokens that this step computes; negative: it has no part in it.
    var scheduled = -1
    /// Blocks may have become full by that.
    private(set) var hasFilled = false
    private(set) var cachedTokens: Int?
    private(set) var outputTokens = 0
    private(set) var preemptions = 0
    /// Nil: a whole request.
    var handOver: MockHandOver?
    /// Beside it, since every step asks.
    private(set) var isPrefillLeg = false

    /// `texts` are those of its choices, none for a request that cannot be served.
    init(_ request: EngineRequest, blockSize: Int, caches: Bool, texts: [MockText]) {
        key = request.key
        priority = request.priority
        adapter = request.adapter
        session = request.session
        embeds = request.embeds
        prompt = request.prompt
        sampling = request.sampling
        hasher = BlockHasher(blockSize: UInt32(clamping: blockSize), adapter: request.adapter, salt: request.salt)
        origin = BlockLabel(adapter: request.adapter, salt: request.salt)
        self.blockSize = blockSize
        fullTokens = request.prompt.count / blockSize * blockSize
        let rest = request.prompt[fullTokens...]
        media = Self.media(request.media, tokens: request.prompt.count, blockSize: blockSize)
        let mostPositions = embeds ? 1 : UInt32(clamping: max(0, request.contextLimit - request.prompt.count))
        choices = zip(request.spokenChoices, texts).map { choice, text in
            MockChoice(choice, text: text, ignoresEnd: request.sampling.ignoreEndOfText, mostPositions: mostPositions, rest: rest)
        }
        unfinished = choices.count
        prefillTokens = choices.reduce(prompt.count) { $0 + $1.known }
        remaining = prefillTokens
        mostBlocks = 0
        var hashes: [SequenceHash] = []
        if caches, request.promptHashes.count == fullTokens / blockSize {
            hashes = request.promptHashes
        } else if caches {
            hasher.appendSequenceHashes(of: request.prompt.span, after: nil, media: media, to: &hashes)
        }
        self.hashes = hashes
        // Of the last token nothing is ever computed.
        mostBlocks = blocks { max(0, Int($0.end) - 1) }
    }

    /// For the prompt, and so many tokens of each choice.
    private func blocks(_ tokens: (MockChoice) -> Int) -> Int {
        let rest = prompt.count - fullTokens
        return choices.reduce(fullTokens / blockSize) { $0 + (rest + tokens($1) + blockSize - 1) / blockSize }
    }

    /// In which blocks of the prompt the placeholders of each medium lie.
    private static func media(_ media: [EngineMedium], tokens: Int, blockSize: Int) -> [BlockMedium] {
        media.flatMap { medium -> [BlockMedium] in
            let first = Int(medium.firstToken), end = min(first + Int(medium.tokenCount), tokens)
            guard first < end else { return [] }
            return (first / blockSize...(end - 1) / blockSize).map { BlockMedium(block: $0, hash: medium.hash) }
        }
    }

    /// Every choice has at least one token to produce.
    var isFeasible: Bool { !choices.isEmpty && choices.allSatisfy { $0.position < $0.end } }
    var computedTokens: Int { knownTokens - remaining }
    var knownTokens: Int { choices.reduce(prompt.count) { $0 + ($1.isFinished ? 0 : $1.known) } }
    /// Of the prompt and its choices, each as far as it is known; what decode reads.
    var contextTokens: Int {
        var tokens = 0
        for index in choices.indices where !choices[index].isFinished { tokens += prompt.count + choices[index].known }
        return tokens
    }

    /// Tokens of the prompt behind its full blocks that are computed.
    private var computedRest: Int { max(0, computed - fullTokens) }

    // MARK: Legs

    /// The fault if it is a leg that cannot be served.
    func prepareHandOver(_ request: EngineRequest, _ kv: MockKVConfiguration?) -> EngineFault? {
        switch MockHandOver.of(request, blockSize: blockSize, kv) {
        case .success(let made):
            handOver = made
            isPrefillLeg = made?.isPrefill ?? false
            if isPrefillLeg { mostBlocks = blocks { $0.known } }
        case .failure(let refusal): return refusal.fault
        }
        return nil
    }

    /// Its state comes from elsewhere, and is not there yet.
    var takesState: Bool { handOver?.takesState ?? false }
    /// All that it has to do here is done.
    var isOver: Bool { unfinished == 0 || (isPrefillLeg && outputTokens > 0) }
    /// Tokens that this rank is going to compute for it.
    var waitingTokens: Int { takesState ? 0 : remaining }

    /// Pages that may leave, if there are more than before.
    func newlyExportable() -> UInt32? {
        guard isPrefillLeg, let pages = handOver?.pages.count else { return nil }
        let full = remaining == 0 ? pages : computedTokens / blockSize
        return handOver?.mayExport(full)
    }

    /// What is wrong with the first tokens that a prefill leg produced: they are those that this engine would produce, too.
    func problem(with firstTokens: [KVFirstToken]) -> String? {
        for first in firstTokens {
            guard var choice = choices.first(where: { $0.number == first.choice }), !choice.isFinished else { continue }
            if choice.next(stopTokens: sampling.stopTokens).0 != first.token { return "a first token that is not this text's" }
        }
        return nil
    }

    // MARK: Blocks

    /// For all that is known, those that it holds among them.
    var knownBlocks: Int {
        choices.reduce(prompt.count / blockSize) { $1.isFinished ? $0 : $0 + ($1.tokens.count + blockSize - 1) / blockSize }
    }
    var heldBlocks: Int { choices.reduce(blocks.count) { $0 + $1.blocks.count } }

    /// New ones, so that so many more tokens can be computed.
    func blocksNeeded(toCompute count: Int) -> Int {
        if isPrefilled, choices.count == 1 {
            return choices[0].blocksNeeded(toCompute: count, rest: choices[0].rest, blockSize: blockSize)
        }
        var left = count
        let part = min(left, prompt.count - computed), behind = computed + part
        left -= part
        var needed = (min(behind, fullTokens) + blockSize - 1) / blockSize - blocks.count
        for index in choices.indices where !choices[index].isFinished {
            let part = min(left, choices[index].uncomputed)
            left -= part
            needed += choices[index].blocksNeeded(toCompute: part, rest: max(0, behind - fullTokens), blockSize: blockSize)
        }
        return needed
    }

    /// Takes part in this step with so many tokens, which need no new block: as nearly every decode does.
    @inline(__always)
    func compute(_ count: Int) {
        scheduled = count
        remaining -= count
        let size = blockSize
        hasFilled = choices.withUnsafeMutableBufferPointer { choices in
            var left = count, hasFilled = false
            for index in choices.indices where !choices[index].isFinished {
                let part = min(left, choices[index].uncomputed)
                left -= part
                choices[index].compute(part)
                if choices[index].hasUnregistered(blockSize: size) { hasFilled = true }
            }
            return hasFilled
        }
    }

    /// The same for any count. Room is made in the pool before.
    func compute(_ count: Int, _ pool: inout BlockPool) {
        scheduled = count
        remaining -= count
        hasFilled = true
        var left = count
        if computed < prompt.count {
            let part = min(left, prompt.count - computed)
            computed += part
            left -= part
            let full = min(computed, fullTokens)
            while blocks.count * blockSize < full { blocks.append(pool.take()) }
        }
        let rest = computedRest
        for index in choices.indices where !choices[index].isFinished {
            let part = min(left, choices[index].uncomputed)
            left -= part
            choices[index].compute(part, rest: rest, &pool)
        }
    }

    // MARK: Found and registered

    /// The blocks that are there already, of all but the last token of each choice: that one must be computed for the next to come.
    func find(in pool: borrowing BlockPool, into hit: inout PrefixHit) {
        hit.removeAll(choices: choices.count)
        guard pool.caches else { return }
        let last = choices.reduce(Int.max) { $1.isFinished ? $0 : min($0, prompt.count + $1.known - 1) }
        var parent: BlockNumber?
        let owner = prompt  // a span of it needs a local owner
        for block in 0..<min(hashes.count, last / blockSize) {
            let tokens = owner.span.extracting(block * blockSize..<(block + 1) * blockSize)
            guard let found = pool.find(hashes[block], tokens, after: parent, label: label(ofBlock: block)) else { break }
            hit.blocks.append(found)
            parent = found
        }
        hit.sharedCount = hit.blocks.count
        hit.tokens = hit.sharedCount * blockSize
        var found = 0
        for index in choices.indices {
            let count = hit.sharedCount == hashes.count ? findOwn(index, after: parent, in: pool, into: &hit) : 0
            hit.ownCounts[index] = count
            guard count > 0 else { continue }
            found += 1
            hit.tokens += count * blockSize - choices[index].rest
        }
        // Where one choice needs the rest of the prompt computed, it is computed once for all.
        hit.hasRest = found == unfinished && found > 0
        if hit.hasRest { hit.tokens += prompt.count - fullTokens }
    }

    private func findOwn(_ index: Int, after parent: BlockNumber?, in pool: borrowing BlockPool, into hit: inout PrefixHit) -> Int {
        guard !choices[index].isFinished else { return 0 }
        choices[index].extendHashes(hasher, after: hashes.last, media: ownMedia)
        var parent = parent, count = 0
        for block in 0..<max(0, choices[index].tokens.count - 1) / blockSize {
            let label = label(ofBlock: hashes.count + block)
            guard let found = choices[index].find(block, after: parent, label: label, in: pool) else { break }
            hit.blocks.append(found)
            parent = found
            count += 1
        }
        return count
    }

    /// Out of the queue, with blocks that were found and that it holds from here on.
    func start(with hit: PrefixHit, _ pool: inout BlockPool) {
        for block in hit.blocks { pool.hold(block) }
        blocks.append(contentsOf: hit.blocks[..<hit.sharedCount])
        registeredBlocks = hit.sharedCount
        computed = hit.hasRest ? prompt.count : hit.sharedCount * blockSize
        var first = hit.sharedCount
        for index in choices.indices {
            let end = first + hit.ownCounts[index]
            choices[index].start(with: hit.blocks[first..<end], blockSize: blockSize)
            first = end
        }
        remaining -= hit.tokens
        if cachedTokens == nil { cachedTokens = hit.tokens }
    }

    /// Blocks that this step filled can be found from here on.
    func register(_ pool: inout BlockPool) {
        if registeredBlocks < hashes.count { registerPrompt(&pool) }
        for index in choices.indices where !choices[index].isFinished && choices[index].hasUnregistered(blockSize: blockSize) {
            registerOwn(index, &pool)
        }
    }

    /// Blocks that came from elsewhere can be found, as far as they came without a gap.
    func registerReceived(_ pool: inout BlockPool) {
        guard let pages = handOver?.receivedPages else { return }
        registerPrompt(&pool, through: min(pages, hashes.count))
        guard pages > hashes.count, choices.count == 1 else { return }
        choices[0].extendHashes(hasher, after: hashes.last, media: ownMedia)
        while hashes.count + choices[0].registeredBlocks < pages, choices[0].hasUnregistered(blockSize: blockSize) {
            let label = label(ofBlock: hashes.count + choices[0].registeredBlocks)
            choices[0].registerOne(after: blocks.last, label: label, &pool)
        }
    }

    private func registerPrompt(_ pool: inout BlockPool) { registerPrompt(&pool, through: min(computed / blockSize, hashes.count)) }

    private func registerPrompt(_ pool: inout BlockPool, through end: Int) {
        let prompt = prompt  // a span of it needs a local owner
        while registeredBlocks < end {
            let block = registeredBlocks
            pool.register(
                blocks[block], hashes[block], prompt.span.extracting(block * blockSize..<(block + 1) * blockSize),
                after: block > 0 ? blocks[block - 1] : nil, label: label(ofBlock: block))
            registeredBlocks += 1
        }
    }

    private func registerOwn(_ index: Int, _ pool: inout BlockPool) {
        choices[index].extendHashes(hasher, after: hashes.last, media: ownMedia)
        while choices[index].hasUnregistered(blockSize: blockSize) {
            let label = label(ofBlock: hashes.count + choices[index].registeredBlocks)
            choices[index].registerOne(after: blocks.last, label: label, &pool)
        }
    }

    private func label(ofBlock block: Int) -> BlockLabel? {
        if media.isEmpty { return block == 0 ? origin : nil }
        let here = media.filter { $0.block == block }.map(\.hash).sorted()
        return BlockLabel(adapter: block == 0 ? adapter : "", salt: block == 0 ? origin?.salt : nil, media: here)
    }

    /// Counted from the first block that the prompt does not fill.
    private var ownMedia: [BlockMedium] {
        media.isEmpty ? [] : media.compactMap { $0.block < hashes.count ? nil : BlockMedium(block: $0.block - hashes.count, hash: $0.hash) }
    }

    /// The full blocks of its first choice that are computed, as far as they can be found.
    func lastingBlocks(in pool: borrowing BlockPool) -> [BlockNumber] {
        let shared = blocks.prefix(computed / blockSize), own = choices[0].blocks.prefix(choices[0].registeredBlocks)
        let isComplete = shared.count == hashes.count
        return Array((shared + (isComplete ? own : [])).prefix { pool.isRegistered($0) })
    }

    // MARK: Tokens

    /// Everything known is computed: one token for each choice that goes on. True if that ended a choice.
    @inline(__always)
    func produce(into output: inout StepOutput) -> Bool {
        var ended = 0
        let key = key, stopTokens = sampling.stopTokens, topLogprobs = sampling.topLogprobs
        choices.withUnsafeMutableBufferPointer { choices in
            for index in choices.indices where !choices[index].isFinished {
                let position = choices[index].position
                let (token, finish) = choices[index].next(stopTokens: stopTokens)
                output.append(token, of: key, choice: choices[index].number, position: position, finish: finish)
                if let tops = topLogprobs, position >= choices[index].logprobOffset {
                    choices[index].score(token, at: position, tops: Int(tops), into: &output)
                }
                if finish != nil { ended += 1 }
            }
        }
        outputTokens += unfinished
        unfinished -= ended
        remaining += unfinished
        return ended > 0
    }

    /// Choices that have ended give back their own blocks; those of the first one stay with a session's request until it ends.
    func releaseFinished(_ pool: inout BlockPool) {
        for index in choices.indices where choices[index].isFinished && !choices[index].blocks.isEmpty && (index > 0 || session == nil) {
            choices[index].release(&pool)
        }
    }

    /// The vector that an embedding is.
    func embed(dimensions: Int, into output: inout StepOutput) {
        output.events.append(.embedded(key, MockText.vector(of: prompt, adapter: adapter, dimensions: dimensions)))
        choices[0].stop()
        unfinished = 0
    }

    /// True if that was the last one.
    func cancel(choice number: UInt8, _ pool: inout BlockPool) -> Bool {
        for index in choices.indices where choices[index].number == number && !choices[index].isFinished {
            remaining -= choices[index].uncomputed
            choices[index].stop()
            unfinished -= 1
        }
        releaseFinished(&pool)
        return unfinished == 0
    }

    // MARK: Ends

    func release(_ pool: inout BlockPool) {
        for index in choices.indices.reversed() { choices[index].release(&pool) }
        pool.release(blocks)
        blocks.removeAll()
    }

    /// Gives all of its blocks back; what was computed is to be computed again, what was produced stays.
    func preempt(_ pool: inout BlockPool) {
        for index in choices.indices.reversed() { choices[index].reset(&pool) }
        pool.release(blocks)
        blocks.removeAll(keepingCapacity: true)
        registeredBlocks = 0
        computed = 0
        remaining = knownTokens
        isPrefilled = false
        scheduled = -1
        preemptions += 1
    }

    func end(_ reason: EngineEnd.Reason) -> EngineEnd {
        var end = EngineEnd(
            key: key, reason: reason, promptTokens: UInt32(clamping: prefillTokens), cachedTokens: UInt32(clamping: cachedTokens ?? 0),
            outputTokens: UInt32(clamping: outputTokens))
        end.preemptions = UInt32(clamping: preemptions)
        if reason == .handedOver, let handOver, handOver.kind == .givesParameters { end.handOver = handOver.parameters }
        return end
    }

    /// What is wrong with its books, for tests.
    func problems(isRunning: Bool) -> [String] {
        var problems: [String] = []
        let uncomputed = choices.reduce(prompt.count - computed) { $1.isFinished ? $0 : $0 + $1.uncomputed }
        if uncomputed != remaining {
            problems.append("request \(key.rawValue): \(remaining) tokens remain, and \(uncomputed) are not computed")
        }
        if !isRunning, heldBlocks > 0 { problems.append("request \(key.rawValue) waits and holds \(heldBlocks) blocks") }
        if heldBlocks > mostBlocks { problems.append("request \(key.rawValue) holds \(heldBlocks) blocks, and needs \(mostBlocks)") }
        return problems
    }
}
