import ClusterModel

/// Who is computed in a step, in which blocks: first what runs, oldest first, then what waits, from one budget of tokens.
///
/// What runs and finds no free block takes those that sessions keep, and then those of the request that started last: it goes to the front of
/// the queue, and is computed anew but for what the cache still has. A step that preempts starts nothing.
final class ReferenceScheduler {
    /// A step while it is put together.
    private struct Pass {
        var budget: Int
        /// Running ones, choices counted.
        var sequences = 0
        var hasPreempted = false
        /// That running ones will take for what they know already.
        var owedBlocks = 0
        var lost: [ReferenceRequest] = []
    }

    private let room: EngineRank
    private let watermark: Int
    var pool: BlockPool
    var sessions: SessionBlocks
    /// Front first: what was preempted, then by priority and arrival.
    private(set) var waiting: [ReferenceRequest] = []
    /// Oldest first.
    private(set) var running: [ReferenceRequest] = []
    /// Decode legs that wait for their state.
    private(set) var reserved: [ReferenceRequest] = []
    /// Prefill legs whose state waits to be fetched.
    private(set) var held: [ReferenceRequest] = []
    /// What waits can start only after a command: the blocks that it needs belong to transfers.
    var isStuck = false
    private var hit = ReferenceHit()

    init(_ settings: BlockEngineSettings) {
        room = settings.room
        watermark = settings.blocks(settings.watermark)
        pool = BlockPool(
            rank: Rank(0), total: Int(room.totalBlocks), blockSize: Int(settings.profile.model.blockSize), caches: true)
        sessions = SessionBlocks(most: settings.blocks(settings.sessionShare))
    }

    var hasWork: Bool { !running.isEmpty || (!waiting.isEmpty && !isStuck) || pool.hasChanges || sessions.hasChanges }

    // MARK: In and out

    /// The fault if it cannot be taken.
    func admit(_ request: ReferenceRequest) -> EngineFault? {
        guard request.mostBlocks <= room.totalBlocks, request.texts.count <= room.maxSequences else { return .unsupported("choices") }
        guard waiting.count < room.maxWaiting else { return .capacity }
        let place = waiting.lastIndex { $0.priority >= request.priority }.map { $0 + 1 } ?? 0
        waiting.insert(request, at: place)
        isStuck = false
        return nil
    }

    /// True if that ended it.
    func cancel(_ request: ReferenceRequest, choice: UInt8?) -> Bool {
        isStuck = false
        let ends = choice.map { request.cancel(choice: $0, &pool) } ?? true
        if ends { drop(request) }
        return ends
    }

    /// Wherever it is, it is there no more, and holds nothing.
    func drop(_ request: ReferenceRequest) {
        isStuck = false
        waiting.removeAll { $0 === request }
        running.removeAll { $0 === request }
        reserved.removeAll { $0 === request }
        held.removeAll { $0 === request }
        if let session = request.session, request.heldBlocks > 0 { sessions.keep(request.lastingBlocks(in: pool), for: session, &pool) }
        request.release(&pool)
    }

    /// Its state is there.
    func resume(_ request: ReferenceRequest) {
        reserved.removeAll { $0 === request }
        running.append(request)
    }

    func isHeld(_ request: ReferenceRequest) -> Bool { held.contains { $0 === request } }

    /// All that ran and is over leaves; a leg whose state waits to be fetched keeps its blocks. Gives those that have ended.
    func removeOver() -> [ReferenceRequest] {
        let over = running.filter(\.isOver)
        for request in over {
            if request.handOver?.awaitsRelease ?? false {
                running.removeAll { $0 === request }
                held.append(request)
            } else {
                drop(request)
            }
        }
        return over.filter { !isHeld($0) }
    }

    func clear() {
        sessions.clear(&pool)
        pool.clear()
        isStuck = false
    }

    // MARK: A step

    /// Puts a batch together. Gives the legs that had to give up state which was promised to stay.
    func schedule(into output: inout StepOutput, _ batch: inout ForwardBatch) -> [ReferenceRequest] {
        var pass = Pass(budget: Int(room.maxBatchedTokens))
        for request in reserved { pass.sequences += request.unfinished }
        scheduleRunning(&pass, into: &output)
        if !pass.hasPreempted, pass.budget > 0 { scheduleWaiting(&pass, into: &output) }
        isStuck = !pass.hasPreempted && running.isEmpty && !waiting.isEmpty && !(reserved.isEmpty && held.isEmpty)
        for request in running where request.scheduled > 0 { request.appendRows(to: &batch) }
        return pass.lost
    }

    private func scheduleRunning(_ pass: inout Pass, into output: inout StepOutput) {
        var place = 0
        while place < running.count {
            let request = running[place], count = request.share(of: pass.budget)
            if count > 0 {
                guard makeRoom(request.blocksNeeded(toCompute: count), forRunning: &place, &pass, into: &output) else { continue }
                request.compute(count, &pool)
                pass.budget -= count
            }
            pass.sequences += request.unfinished
            place += 1
        }
    }

    /// False if the request itself had to give way.
    private func makeRoom(_ needed: Int, forRunning place: inout Int, _ pass: inout Pass, into output: inout StepOutput) -> Bool {
        sessions.giveWay(until: needed, &pool)
        while needed > pool.freeCount {
            // Legs whose state leaves know all their blocks when they start: others are there to give way.
            let victim = running.lastIndex { $0.handOver?.exportable ?? 0 == 0 } ?? place
            preempt(at: victim, &pass, into: &output)
            if victim == place { return false }
            if victim < place { place -= 1 }
        }
        return true
    }

    private func preempt(at place: Int, _ pass: inout Pass, into output: inout StepOutput) {
        let victim = running[place]
        pass.hasPreempted = true
        guard victim.handOver?.exportable ?? 0 == 0 else {
            drop(victim)
            return pass.lost.append(victim)
        }
        running.remove(at: place)
        if victim.scheduled > 0 { pass.budget += victim.scheduled }
        victim.preempt(&pool)
        waiting.insert(victim, at: 0)
        output.events.append(.preempted(victim.key, remaining: UInt32(clamping: victim.remaining)))
    }

    private func scheduleWaiting(_ pass: inout Pass, into output: inout StepOutput) {
        for request in running where !request.isPrefilled { pass.owedBlocks += request.knownBlocks - request.heldBlocks }
        while let request = waiting.first, pass.budget > 0, pass.sequences + request.unfinished <= room.maxSequences {
            guard start(request, &pass, into: &output) else { break }
            waiting.removeFirst()
        }
    }

    /// False if there is no room for it now. It starts only when all that it knows will fit beside what the others know: two prompts that fit
    /// one at a time would otherwise push each other out, over and over.
    private func start(_ request: ReferenceRequest, _ pass: inout Pass, into output: inout StepOutput) -> Bool {
        request.find(in: pool, into: &hit)
        var available = pool.freeCount + pool.onlyPinnedCount - pass.owedBlocks - (running.isEmpty ? 0 : watermark)
        for block in hit.blocks where !pool.isHeld(block) { available -= 1 }
        let needed = request.knownBlocks - hit.blocks.count
        guard needed <= available else { return false }

        request.start(with: hit, &pool)
        if let session = request.session { sessions.use(session) }
        pass.sequences += request.unfinished
        if request.takesState {
            sessions.giveWay(until: needed, &pool)
            request.reserve(found: hit.blocks.count, &pool)
            reserved.append(request)
            output.events.append(.reserved(request.key, heldBlocks: UInt32(clamping: hit.blocks.count)))
            return true
        }
        sessions.giveWay(until: request.blocksNeeded(toCompute: request.broughtTokens), &pool)
        request.takeParameters(&pool)
        let count = request.share(of: pass.budget)
        sessions.giveWay(until: request.blocksNeeded(toCompute: count), &pool)
        request.compute(count, &pool)
        pass.budget -= count
        pass.owedBlocks += request.knownBlocks - request.heldBlocks
        running.append(request)
        output.events.append(.started(request.key, cachedTokens: UInt32(clamping: request.distinctTokens(of: hit))))
        return true
    }

    // MARK: Seen from outside

    var load: EngineLoad {
        var load = EngineLoad()
        load.waitingRequests = UInt32(clamping: waiting.count)
        load.runningRequests = UInt32(clamping: running.count + reserved.count + held.count)
        let tokens = waiting.reduce(0) { $0 + $1.waitingTokens } + running.reduce(0) { $1.isPrefilled ? $0 : $0 + $1.remaining }
        load.waitingTokens = UInt64(clamping: tokens)
        load.activeBlocks = UInt32(clamping: pool.heldCount)
        load.usedBlocks = UInt32(clamping: pool.usedCount)
        load.sessionBlocks = UInt32(clamping: pool.pinnedCount)
        return load
    }

    /// What is wrong with its books; for tests.
    var problems: [String] {
        let started = running + reserved + held
        var problems = pool.problems(held: started.flatMap { $0.texts.reduce($0.blocks) { $0 + $1.blocks } }, pinned: sessions.pins)
        for request in started + waiting where request.heldBlocks > request.mostBlocks {
            problems.append("request \(request.key.rawValue) holds \(request.heldBlocks) blocks, and needs \(request.mostBlocks)")
        }
        for request in waiting where request.heldBlocks > 0 { problems.append("request \(request.key.rawValue) waits and holds blocks") }
        return problems
    }
}
