import ClusterModel

/// One rank of a simulated engine, which schedules as vLLM does: in each step first what runs, then what waits, from one budget of tokens.
///
/// What runs and finds no free block takes those that sessions keep, and then those of a request that is preempted: it goes to the front of
/// the queue, and is computed anew but for what the cache still has. A step that preempts starts nothing.
final class MockRank {
    /// A step while it is put together.
    private struct Pass {
        var budget: Int
        /// Running ones, choices counted: one that ends in this step makes room in the next.
        var sequences = 0
        var hasPreempted = false
        /// That running ones will take for what they know already.
        var owedBlocks = 0
    }

    private let room: EngineRank
    private let blockSize: Int
    private let chunks: Bool
    private let caches: Bool
    private let preemption: MockPreemption
    private let longest: Int
    private let watermark: Int
    private let maxAdapters: Int
    private let dimensions: Int
    private(set) var pool: BlockPool
    private(set) var sessions: SessionBlocks
    /// Front first: what was preempted, then by priority and arrival.
    var waiting: [MockRequest] = []
    /// Oldest first.
    var running: [MockRequest] = []
    /// Uncomputed, of those that wait.
    var waitingTokens = 0
    /// The same of prompts that run, after the last step.
    private var runningTokens = 0
    /// In this step, one of those that run.
    private var hasEnded = false
    /// Decode legs that wait for their state.
    var reserved: [MockRequest] = []
    /// Prefill legs whose state waits to be fetched.
    var held: [MockRequest] = []
    /// Of transfers, for the next step.
    var said: [EngineEvent] = []
    /// What waits can start only after a command: the blocks that it needs belong to transfers.
    var isStuck = false
    /// How many running requests use which.
    private var adapters: [String: Int] = [:]
    private var hit = PrefixHit()

    init(_ rank: Rank, _ configuration: MockConfiguration) {
        room = configuration.room
        blockSize = Int(configuration.blockSize)
        chunks = configuration.chunkedPrefill
        caches = configuration.prefixCaching
        preemption = configuration.preemption
        longest = configuration.chunkedPrefill ? configuration.longPrefillThreshold.map { max(1, $0) } ?? .max : .max
        watermark = configuration.blocks(configuration.watermark)
        maxAdapters = max(1, configuration.maxAdapters)
        dimensions = Int(configuration.embeddingDimensions)
        pool = BlockPool(rank: rank, total: Int(room.totalBlocks), blockSize: blockSize, caches: configuration.prefixCaching)
        sessions = SessionBlocks(most: configuration.blocks(configuration.sessionShare))
    }

    var hasWork: Bool {
        !running.isEmpty || (!waiting.isEmpty && !isStuck) || !said.isEmpty || pool.hasChanges || sessions.hasChanges
    }

    // MARK: In and out

    /// The fault if it cannot be taken.
    func admit(_ request: MockRequest) -> EngineFault? {
        if !chunks, request.prefillTokens > room.maxBatchedTokens { return .unsupported("promptTokens") }
        guard request.mostBlocks <= room.totalBlocks, request.choices.count <= room.maxSequences else { return .unsupported("choices") }
        guard waiting.count < room.maxWaiting else { return .capacity }
        let place = waiting.lastIndex { $0.priority >= request.priority }.map { $0 + 1 } ?? 0
        waiting.insert(request, at: place)
        waitingTokens += request.waitingTokens
        isStuck = false
        return nil
    }

    /// True if that ended it.
    func cancel(_ request: MockRequest, choice: UInt8?) -> Bool {
        isStuck = false
        guard let choice else {
            drop(request)
            return true
        }
        let waits = waiting.contains { $0 === request }
        if waits { waitingTokens -= request.waitingTokens }
        let ends = request.cancel(choice: choice, &pool)
        if waits { waitingTokens += request.waitingTokens }
        if ends { drop(request) }
        return ends
    }

    /// Pages that came from elsewhere are found like computed ones.
    func registerReceived(of request: MockRequest) { if caches { request.registerReceived(&pool) } }

    /// What ran gives back what it holds.
    func leave(_ request: MockRequest) {
        if let session = request.session { sessions.keep(request.lastingBlocks(in: pool), for: session, &pool) }
        request.release(&pool)
        vacate(request.adapter)
    }

    func open(session: UInt64) { sessions.open(session) }
    func end(session: UInt64) {
        sessions.end(session, &pool)
        isStuck = false
    }

    func clear() {
        sessions.clear(&pool)
        pool.clear()
        isStuck = false
    }

    // MARK: A step

    func step(into output: inout StepOutput, ended: (MockRequest) -> Void) -> LatencyModel.Work {
        output.events.append(contentsOf: said)
        said.removeAll()
        var pass = Pass(budget: Int(room.maxBatchedTokens))
        for request in reserved { pass.sequences += request.unfinished }
        scheduleRunning(&pass, into: &output)
        if !pass.hasPreempted, pass.budget > 0, !waiting.isEmpty { scheduleWaiting(&pass, into: &output) }
        isStuck = !pass.hasPreempted && running.isEmpty && !waiting.isEmpty && !(reserved.isEmpty && held.isEmpty)
        let work = execute(into: &output)
        if hasEnded { removeEnded(ended) }
        pool.moveChanges(to: &output)
        sessions.tell(&output)
        return work
    }

    // MARK: What runs

    private func scheduleRunning(_ pass: inout Pass, into output: inout StepOutput) {
        var place = 0
        while place < running.count {
            let request = running[place]
            let count = min(request.remaining, pass.budget, request.isPrefilled ? .max : longest)
            // Nothing remains where the choice that was behind the others was cancelled: the others' next tokens are due.
            if count > 0 || request.remaining == 0, schedule(request, at: &place, count, &pass, into: &output) {
                pass.budget -= count
            } else if place >= running.count || running[place] !== request {
                continue  // it has been preempted, and another stands in its place
            }
            pass.sequences += request.unfinished
            place += 1
        }
    }

    /// False if the request itself had to give way.
    @inline(__always)
    private func schedule(
        _ request: MockRequest, at place: inout Int, _ count: Int, _ pass: inout Pass, into output: inout StepOutput
    ) -> Bool {
        let needed = request.blocksNeeded(toCompute: count)
        if needed == 0, request.isPrefilled {
            request.compute(count)
            return true
        }
        guard needed <= pool.freeCount || takeBlocks(needed, forRunning: &place, &pass, into: &output) else { return false }
        request.compute(count, &pool)
        return true
    }

    private func takeBlocks(_ needed: Int, forRunning place: inout Int, _ pass: inout Pass, into output: inout StepOutput) -> Bool {
        sessions.giveWay(until: needed, &pool)
        while needed > pool.freeCount {
            let victim = nextVictim
            preempt(at: victim, &pass, into: &output)
            if victim == place { return false }
            if victim < place { place -= 1 }
        }
        return true
    }

    /// Legs whose state leaves come last: what was said to be exportable stays. They know all their blocks when they start, so that others
    /// are there to give way; the mock's bytes come of tokens, and would be right even if not.
    private var nextVictim: Int {
        func mayGiveWay(_ request: MockRequest) -> Bool { request.handOver?.exportable ?? 0 == 0 }
        return switch preemption {
        case .lifo: running.lastIndex(where: mayGiveWay) ?? running.count - 1
        case .fifo: running.firstIndex(where: mayGiveWay) ?? 0
        }
    }

    private func preempt(at place: Int, _ pass: inout Pass, into output: inout StepOutput) {
        let victim = running.remove(at: place)
        if victim.scheduled > 0 { pass.budget += victim.scheduled }
        pass.hasPreempted = true
        victim.preempt(&pool)
        vacate(victim.adapter)
        waiting.insert(victim, at: 0)
        waitingTokens += victim.waitingTokens
        output.events.append(.preempted(victim.key, remaining: UInt32(clamping: victim.remaining)))
    }

    // MARK: What waits

    private func scheduleWaiting(_ pass: inout Pass, into output: inout StepOutput) {
        for request in running where !request.isPrefilled { pass.owedBlocks += request.knownBlocks - request.heldBlocks }
        var next = 0, kept = 0
        while next < waiting.count, pass.budget > 0, pass.sequences + waiting[next].unfinished <= room.maxSequences {
            let request = waiting[next]
            if hasSlot(for: request.adapter) {
                guard start(request, &pass, into: &output) else { break }
            } else {
                // Those behind it may have another adapter.
                waiting[kept] = request
                kept += 1
            }
            next += 1
        }
        waiting.removeSubrange(kept..<next)
    }

    private func hasSlot(for adapter: String) -> Bool { adapter.isEmpty || adapters[adapter] != nil || adapters.count < maxAdapters }

    private func occupy(_ adapter: String) { if !adapter.isEmpty { adapters[adapter, default: 0] += 1 } }

    private func vacate(_ adapter: String) {
        guard !adapter.isEmpty, let count = adapters[adapter] else { return }
        adapters[adapter] = count > 1 ? count - 1 : nil
    }

    /// False if there is no room for it now. It starts only when all that it knows will fit beside what the others know: two prompts that fit
    /// one at a time would otherwise push each other out, over and over.
    private func start(_ request: MockRequest, _ pass: inout Pass, into output: inout StepOutput) -> Bool {
        request.find(in: pool, into: &hit)
        let known = request.remaining, missing = known - hit.tokens, takesState = request.takesState
        guard let count = takesState ? 0 : share(of: missing, pass.budget) else { return false }
        let needed = request.knownBlocks - hit.blocks.count
        var available = pool.freeCount + pool.onlyPinnedCount - pass.owedBlocks - (running.isEmpty ? 0 : watermark)
        for block in hit.blocks where !pool.isHeld(block) { available -= 1 }
        guard needed <= available else { return false }

        waitingTokens -= request.waitingTokens
        request.start(with: hit, &pool)
        if let session = request.session { sessions.use(session) }
        let covered = takesState ? missing : count
        sessions.giveWay(until: request.blocksNeeded(toCompute: covered), &pool)
        request.compute(covered, &pool)
        pass.budget -= count
        pass.sequences += request.unfinished
        pass.owedBlocks += request.knownBlocks - request.heldBlocks
        occupy(request.adapter)
        if takesState { return take(request, found: hit.blocks.count, into: &output) }
        running.append(request)
        output.events.append(.started(request.key, cachedTokens: UInt32(clamping: known - missing)))
        return true
    }

    /// What a step computes of so many tokens of a prompt; nil: it has to wait for another one.
    private func share(of tokens: Int, _ budget: Int) -> Int? {
        if chunks || tokens <= budget { return min(tokens, budget, longest) }
        // Only what was preempted with its output can be too long for any step.
        return tokens > room.maxBatchedTokens && budget == room.maxBatchedTokens ? budget : nil
    }

    // MARK: What comes of it

    private func execute(into output: inout StepOutput) -> LatencyModel.Work {
        var work = LatencyModel.Work(), contexts = 0
        runningTokens = 0
        for request in running {
            let count = request.scheduled
            guard count >= 0 else {
                if !request.isPrefilled { runningTokens += request.remaining }
                continue
            }
            request.scheduled = -1
            if request.isPrefilled {
                work.decodes += count
                contexts += request.contextTokens
            } else {
                work.prefillTokens += count
            }
            if caches, request.hasFilled { request.register(&pool) }
            if request.remaining == 0 { complete(request, into: &output) } else { progress(request, into: &output) }
        }
        output.prefillTokens += work.prefillTokens
        work.activeTokens = pool.heldCount * blockSize
        work.totalTokens = pool.total * blockSize
        work.meanContext = work.decodes > 0 ? Double(contexts) / Double(work.decodes) : 0
        return work
    }

    @inline(__always)
    private func complete(_ request: MockRequest, into output: inout StepOutput) {
        if !request.isPrefilled {
            request.isPrefilled = true
            if let pages = request.newlyExportable() { output.events.append(.exportable(request.key, blocks: pages)) }
            if let handOver = request.handOver?.besidePages { output.events.append(.beside(request.key, handOver: handOver)) }
            output.events.append(.prefillDone(request.key))
        }
        if request.embeds {
            request.embed(dimensions: dimensions, into: &output)
            hasEnded = true
        } else if request.produce(into: &output) {
            request.releaseFinished(&pool)
            if request.unfinished == 0 { hasEnded = true }
        }
        if request.isPrefillLeg { hasEnded = true }
    }

    private func progress(_ request: MockRequest, into output: inout StepOutput) {
        // A wide request may need several steps for one token of each choice: nobody has to know.
        guard !request.isPrefilled else { return }
        runningTokens += request.remaining
        if let pages = request.newlyExportable() { output.events.append(.exportable(request.key, blocks: pages)) }
        output.events.append(
            .prefilled(
                request.key, computed: UInt32(clamping: request.computedTokens), remaining: UInt32(clamping: request.remaining)))
    }

    private func removeEnded(_ ended: (MockRequest) -> Void) {
        var kept = 0
        for place in running.indices {
            let request = running[place]
            if request.isOver {
                if request.handOver?.awaitsRelease ?? false {
                    held.append(request)
                } else {
                    leave(request)
                    ended(request)
                }
            } else {
                if kept < place { running[kept] = request }
                kept += 1
            }
        }
        running.removeLast(running.count - kept)
        hasEnded = false
    }

    // MARK: Seen from outside

    var load: EngineLoad {
        var load = EngineLoad()
        load.waitingRequests = UInt32(clamping: waiting.count)
        load.runningRequests = UInt32(clamping: running.count + reserved.count + held.count)
        load.waitingTokens = UInt64(clamping: waitingTokens + runningTokens)
        load.activeBlocks = UInt32(clamping: pool.heldCount)
        load.usedBlocks = UInt32(clamping: pool.usedCount)
        load.sessionBlocks = UInt32(clamping: pool.pinnedCount)
        return load
    }

    /// That count among those that may run at once.
    var sequences: Int { running.reduce(0) { $0 + $1.unfinished } + reserved.reduce(0) { $0 + $1.unfinished } }

    /// What is wrong with its books; for tests.
    var problems: [String] {
        let started = running + reserved + held, all = started + waiting
        var problems = pool.problems(
            held: all.flatMap { $0.choices.reduce($0.blocks) { $0 + $1.blocks } }, pinned: sessions.pins)
        problems += started.flatMap { $0.problems(isRunning: true) } + waiting.flatMap { $0.problems(isRunning: false) }
        if waitingTokens != waiting.reduce(0, { $0 + $1.waitingTokens }) { problems.append("\(waitingTokens) tokens are said to wait") }
        // Order: only sums and counts are taken of them.
        let used = started.map(\.adapter).filter { !$0.isEmpty }
        if used.count != adapters.values.reduce(0, +) || Set(used).count != adapters.count || adapters.count > maxAdapters {
            problems.append("\(Set(used).count) adapters are in use, and \(adapters.count) are counted")
        }
        if sequences > room.maxSequences { problems.append("too many sequences run") }
        if running.contains(where: { $0.unfinished == 0 }) { problems.append("an ended request runs") }
        return problems
    }
}
