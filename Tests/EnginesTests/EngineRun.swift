import ClusterModel
import Engines

/// Drives an engine step by step, and keeps what it said, as whoever uses one would see it.
final class EngineRun {
    struct Ended: Hashable {
        let reason: EngineEnd.Reason
        let promptTokens: UInt32
        let cachedTokens: UInt32
        let outputTokens: UInt32
        let preemptions: UInt32
        let step: Int
    }

    let engine: MockEngine
    private(set) var output = StepOutput()
    private(set) var steps = 0
    private(set) var elapsed = Duration.zero
    /// By request and choice, in order of position.
    private(set) var tokens: [EngineRequestKey: [UInt8: [TokenID]]] = [:]
    private(set) var finishes: [EngineRequestKey: [UInt8: EngineFinish]] = [:]
    private(set) var firstPositions: [EngineRequestKey: [UInt8: UInt32]] = [:]
    private(set) var ended: [EngineRequestKey: Ended] = [:]
    /// The first time.
    private(set) var startedAt: [EngineRequestKey: Int] = [:]
    private(set) var cachedTokens: [EngineRequestKey: UInt32] = [:]
    private(set) var prefilledAt: [EngineRequestKey: Int] = [:]
    private(set) var chunks: [EngineRequestKey: [UInt32]] = [:]
    private(set) var preemptions: [EngineRequestKey: UInt32] = [:]
    private(set) var vectors: [EngineRequestKey: [Float]] = [:]
    private(set) var sessionBlocks: [UInt64: UInt32] = [:]
    /// What cache changes add up to, by rank: each hash with what it stands behind.
    private(set) var cached: [[SequenceHash: SequenceHash?]]
    /// What broke the rules of the protocol.
    private(set) var faults: [String] = []
    private var running: Set<EngineRequestKey> = []
    private var admitted: Set<EngineRequestKey> = []

    init(_ configuration: MockConfiguration = .test()) {
        engine = MockEngine(configuration)
        cached = Array(repeating: [:], count: configuration.ranks)
    }

    var isIdle: Bool { !engine.hasWork }

    @discardableResult
    func admit(
        _ key: UInt64, prompt: Int = 10, choices: [EngineChoice] = [EngineChoice(choice: 0, maxTokens: 4)], seed: UInt64 = 7,
        rank: UInt32 = 0, _ change: (inout EngineRequest) -> Void = { _ in }
    ) -> EngineRequestKey {
        var sampling = EngineSampling()
        sampling.seed = seed
        let key = EngineRequestKey(key)
        var request = EngineRequest(
            key: key, rank: Rank(rank), prompt: (0..<prompt).map { TokenID($0 % 200) }, sampling: sampling, choices: choices,
            contextLimit: Int(engine.profile.model.contextLength))
        change(&request)
        engine.admit(request)
        admitted.insert(key)
        return key
    }

    func step() throws {
        output.removeAll()
        elapsed = elapsed + (try engine.step(at: .zero, into: &output))
        steps += 1
        for event in output.events { take(event) }
        for run in output.runs { take(run) }
        for end in output.ends {
            if !admitted.contains(end.key) { faults.append("the end of nobody") }
            if ended[end.key] != nil { faults.append("ended twice") }
            running.remove(end.key)
            ended[end.key] = Ended(
                reason: end.reason, promptTokens: end.promptTokens, cachedTokens: end.cachedTokens, outputTokens: end.outputTokens,
                preemptions: end.preemptions, step: steps)
            if end.preemptions != preemptions[end.key] ?? 0 { faults.append("preemptions were not told") }
            if end.cachedTokens != cachedTokens[end.key] ?? 0 { faults.append("the end tells of other cached tokens") }
        }
        for change in output.cache { take(change) }
        if output.loads.count != cached.count { faults.append("\(output.loads.count) loads") }
    }

    private func take(_ event: EngineEvent) {
        switch event {
        case .started(let key, let cached):
            if !running.insert(key).inserted || ended[key] != nil { faults.append("started twice") }
            if startedAt[key] == nil {
                startedAt[key] = steps
                cachedTokens[key] = cached
            }
        case .prefilled(let key, let computed, _):
            if !running.contains(key) { faults.append("computed without a start") }
            chunks[key, default: []].append(computed)
        case .prefillDone(let key):
            if !running.contains(key) { faults.append("prefilled before it started") }
            if prefilledAt[key] == nil { prefilledAt[key] = steps }
        case .preempted(let key, _):
            if running.remove(key) == nil { faults.append("preempted without a start") }
            preemptions[key, default: 0] += 1
        case .embedded(let key, let vector):
            if prefilledAt[key] == nil || vectors[key] != nil { faults.append("a vector at a wrong time") }
            vectors[key] = vector
        case .sessionHolds(let session, let blocks):
            if sessionBlocks[session] ?? 0 == blocks { faults.append("a session changed nothing") }
            sessionBlocks[session] = blocks
        default: faults.append("unexpected \(event)")
        }
    }

    private func take(_ run: TokenRun) {
        if ended[run.key] != nil { faults.append("tokens after the end") }
        if !running.contains(run.key) || prefilledAt[run.key] == nil { faults.append("tokens before prefill") }
        let known = tokens[run.key]?[run.choice]?.count ?? 0
        if known == 0 { firstPositions[run.key, default: [:]][run.choice] = run.position }
        if run.position != (firstPositions[run.key]?[run.choice] ?? 0) + UInt32(known) { faults.append("a gap in positions") }
        if finishes[run.key]?[run.choice] != nil { faults.append("tokens after the finish") }
        tokens[run.key, default: [:]][run.choice, default: []] += output.tokens[Int(run.first)..<Int(run.first + run.count)]
        if let finish = run.finish { finishes[run.key, default: [:]][run.choice] = finish }
    }

    private func take(_ change: CacheChange) {
        let rank = Int(change.rank.rawValue), hashes = output.hashes[Int(change.first)..<Int(change.first + change.count)]
        switch change.kind {
        case .cleared: cached[rank] = [:]
        case .removed: for hash in hashes where cached[rank].removeValue(forKey: hash) == nil { faults.append("removed twice") }
        case .stored(var parent):
            for hash in hashes {
                if let parent, cached[rank][parent] == nil { faults.append("stored behind nothing") }
                if cached[rank].updateValue(parent, forKey: hash) != nil { faults.append("stored twice") }
                parent = hash
            }
        }
    }

    /// The engine's own account of its caches and books agrees with what it told.
    func check() {
        faults += engine.checkInvariants()
        for rank in cached.indices {
            let told = cached[rank].map { CachedBlock(hash: $0.key, parent: $0.value) }.sorted { $0.hash < $1.hash }
            if told != engine.cachedBlocks(ofRank: Rank(UInt32(rank))) { faults.append("rank \(rank) holds other blocks than it told") }
        }
    }

    /// Until nothing is left to do; a run that takes longer than this never ends.
    func finish(within limit: Int = 100_000) throws {
        var left = limit
        while engine.hasWork {
            guard left > 0 else { return faults.append("it does not end") }
            left -= 1
            try step()
        }
        check()
    }

    func text(_ key: EngineRequestKey, choice: UInt8 = 0) -> String {
        String(decoding: (tokens[key]?[choice] ?? []).map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    }
}

extension MockConfiguration {
    static func test(
        sequences: UInt32 = 8, batched: UInt32 = 64, blocks: UInt32 = 256, waiting: UInt32 = 16, ranks: Int = 1, speedup: Double = 0,
        _ change: (inout MockConfiguration) -> Void = { _ in }
    ) -> MockConfiguration {
        var configuration = MockConfiguration(
            blockSize: 16, contextLength: 1_024, ranks: ranks,
            room: EngineRank(totalBlocks: blocks, maxSequences: sequences, maxBatchedTokens: batched, maxWaiting: waiting),
            latency: LatencyModel(speedup: speedup))
        configuration.adapters = ["x", "y", "z"]
        change(&configuration)
        return configuration
    }
}

extension EngineLoad {
    /// Nothing runs and nothing waits; the cache may hold what it likes.
    var isIdle: Bool {
        var load = self
        load.usedBlocks = 0
        return load == EngineLoad()
    }
}
