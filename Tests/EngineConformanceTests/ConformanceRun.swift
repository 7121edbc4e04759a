import ClusterModel
import Engines

/// Drives an engine through `InferenceEngine` alone, and holds everything it says against the rules of that protocol.
final class ConformanceRun {
    let engine: any InferenceEngine
    let profile: EngineProfile
    private(set) var output = StepOutput()
    private(set) var steps = 0
    private(set) var records: [EngineRequestKey: RequestRecord] = [:]
    private(set) var cache: CacheTwin
    /// By session, what was told last.
    private(set) var sessionBlocks: [UInt64: UInt32] = [:]
    private var now = Instant.zero
    private var nextKey: UInt64 = 1
    private var living: Set<EngineRequestKey> = []
    private var ownBreaches: [String] = []

    init(_ engine: any InferenceEngine) {
        self.engine = engine
        profile = engine.profile
        cache = CacheTwin(ranks: engine.profile.ranks.count)
    }

    /// Everything that was not as the protocol says; a check is over when it finds nothing here.
    var breaches: [String] {
        ownBreaches + cache.breaches + records.keys.sorted { $0.rawValue < $1.rawValue }.flatMap { records[$0]?.breaches ?? [] }
    }

    subscript(key: EngineRequestKey) -> RequestRecord {
        guard let record = records[key] else { preconditionFailure("\(key) was never admitted") }
        return record
    }

    func can(_ ability: EngineCapabilities) -> Bool { profile.capabilities.contains(ability) }

    /// Tokens that any vocabulary has, other ones for each seed.
    func prompt(_ count: Int, seed: UInt64 = 1) -> [TokenID] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in 1 + TokenID(random.next() % UInt64(min(profile.model.vocabularySize - 1, 200))) }
    }

    // MARK: Commands

    @discardableResult
    func admit(
        _ prompt: [TokenID], maxTokens: UInt32? = 8, choices: [EngineChoice]? = nil, seed: UInt64 = 7,
        _ change: (inout EngineRequest) -> Void = { _ in }
    ) -> EngineRequestKey {
        var sampling = EngineSampling()
        sampling.seed = seed
        // The number of tokens is the check's; whoever looks at natural ends takes this away.
        sampling.ignoreEndOfText = true
        var request = EngineRequest(
            key: EngineRequestKey(nextKey), rank: Rank(0), prompt: prompt, sampling: sampling,
            choices: choices ?? [EngineChoice(choice: 0, maxTokens: maxTokens)], contextLimit: Int(profile.model.contextLength))
        nextKey += 1
        change(&request)
        precondition(!living.contains(request.key), "keys are unique among living requests")
        records[request.key] = RequestRecord(request)
        living.insert(request.key)
        engine.admit(request)
        return request.key
    }

    func cancel(_ key: EngineRequestKey, choice: UInt8? = nil) {
        if let choice, living.contains(key) { records[key]?.cancelled.insert(choice) }
        engine.cancel(key, choice: choice)
    }

    // MARK: Steps

    func step() throws {
        output.removeAll()
        let hadWork = engine.hasWork
        let duration = try engine.step(at: now, into: &output)
        if duration < .zero { ownBreaches.append("a step took \(duration)") }
        if !hadWork { ownBreaches.append("stepped without work: a mistake of the check") }
        now = now + max(duration, .microseconds(1))
        steps += 1
        takeEvents()
        takeRuns()
        takeEnds()
        if profile.cacheReport != .exact, !output.cache.isEmpty { ownBreaches.append("cache changes of an engine that cannot tell them") }
        cache.take(output)
        checkLoads()
    }

    /// Until the engine has nothing to do; a run that takes longer than this never ends.
    func finish(within limit: Int = 20_000) throws {
        var left = limit
        while engine.hasWork {
            guard left > 0 else { return ownBreaches.append("it works without an end") }
            left -= 1
            try step()
        }
    }

    /// Until the condition holds; false if the engine has nothing more to do before that.
    @discardableResult
    func step(until condition: (ConformanceRun) -> Bool) throws -> Bool {
        for _ in 0..<20_000 {
            if condition(self) { return true }
            guard engine.hasWork else { return false }
            try step()
        }
        ownBreaches.append("it works without an end")
        return false
    }

    /// All that lived has ended, and nothing is held for it.
    func expectRest() {
        if engine.hasWork { ownBreaches.append("work at rest") }
        for key in living.sorted(by: { $0.rawValue < $1.rawValue }) { ownBreaches.append("\(key.rawValue) never ended") }
        for load in output.loads {
            let zero = load.waitingTokens == 0 && load.waitingRequests == 0 && load.runningRequests == 0 && load.activeBlocks == 0
            if !zero { ownBreaches.append("a load at rest: \(load)") }
        }
    }

    private func takeEvents() {
        for event in output.events {
            if case .sessionHolds(let session, let blocks) = event {
                if sessionBlocks[session, default: 0] == blocks { ownBreaches.append("session \(session) told without a change") }
                sessionBlocks[session] = blocks
                continue
            }
            guard let key = event.key, records[key] != nil else {
                ownBreaches.append("\(event) of a request that nobody knows")
                continue
            }
            records[key]?.take(event)
        }
    }

    private func takeRuns() {
        for run in output.runs {
            let first = Int(run.first), end = first + Int(run.count)
            guard first >= 0, run.count > 0, end <= output.tokens.count else {
                ownBreaches.append("a run outside of the tokens: \(run)")
                continue
            }
            let tokens = output.tokens[first..<end]
            if tokens.contains(where: { $0 >= profile.model.vocabularySize }) { ownBreaches.append("a token outside of the vocabulary") }
            var scored: [ScoredToken] = []
            if run.firstLogprob >= 0 {
                let start = Int(run.firstLogprob), count = Int(run.count) * (1 + Int(run.topCount))
                guard start + count <= output.logprobs.count else {
                    ownBreaches.append("a run's logprobs lie outside: \(run)")
                    continue
                }
                scored = Array(output.logprobs[start..<start + count])
            }
            if records[run.key] == nil { ownBreaches.append("tokens of a request that nobody knows") }
            records[run.key]?.take(run, tokens, scored)
        }
        for rank in profile.ranks.indices {
            let sequences = Set(
                output.runs.filter { records[$0.key]?.request.rank == Rank(UInt32(rank)) }.map { [UInt64($0.choice), $0.key.rawValue] })
            if sequences.count > profile.ranks[rank].maxSequences { ownBreaches.append("\(sequences.count) sequences ran at once") }
        }
    }

    private func takeEnds() {
        for end in output.ends {
            if records[end.key] == nil { ownBreaches.append("the end of a request that nobody knows") }
            records[end.key]?.take(end)
            living.remove(end.key)
        }
    }

    private func checkLoads() {
        guard output.loads.count == profile.ranks.count else {
            return ownBreaches.append("\(output.loads.count) loads of \(profile.ranks.count) ranks")
        }
        let most = profile.ranks.reduce(0) { $0 + Int($1.maxBatchedTokens) }
        if !(0...most).contains(output.prefillTokens) { ownBreaches.append("\(output.prefillTokens) tokens of prefill in a step") }
        for (rank, load) in output.loads.enumerated() {
            let count = living.count { records[$0]?.request.rank == Rank(UInt32(rank)) }
            if Int(load.waitingRequests) + Int(load.runningRequests) != count { ownBreaches.append("\(load) with \(count) requests") }
            let total = profile.ranks[rank].totalBlocks
            if load.activeBlocks > load.usedBlocks || load.usedBlocks > total || load.sessionBlocks > load.usedBlocks {
                ownBreaches.append("blocks of \(total): \(load)")
            }
        }
    }
}

extension EngineEvent {
    var key: EngineRequestKey? {
        switch self {
        case .started(let key, _), .prefilled(let key, _, _), .prefillDone(let key), .preempted(let key, _), .embedded(let key, _),
            .reserved(let key, _), .exportable(let key, _), .exported(let key, _, _), .stored(let key, _),
            .beside(let key, _):
            key
        case .sessionHolds: nil
        }
    }
}
