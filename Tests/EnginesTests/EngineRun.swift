import ClusterModel
import Engines

/// Drives an engine step by step, and keeps what it said, as whoever uses one would see it.
final class EngineRun {
    struct Ended: Hashable {
        let reason: EngineEnd.Reason
        let promptTokens: UInt32
        let outputTokens: UInt32
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
    private(set) var startedAt: [EngineRequestKey: Int] = [:]
    private(set) var prefilledAt: [EngineRequestKey: Int] = [:]
    private(set) var chunks: [EngineRequestKey: [UInt32]] = [:]
    /// What broke the rules of the protocol.
    private(set) var faults: [String] = []

    init(_ configuration: MockConfiguration = .test()) { engine = MockEngine(configuration) }

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
        return key
    }

    func step() throws {
        output.removeAll()
        elapsed = elapsed + (try engine.step(at: .zero, into: &output))
        steps += 1
        for event in output.events {
            switch event {
            case .started(let key, _):
                if startedAt[key] != nil { faults.append("started twice") }
                startedAt[key] = steps
            case .prefilled(let key, let computed, _): chunks[key, default: []].append(computed)
            case .prefillDone(let key):
                if startedAt[key] == nil { faults.append("prefilled before it started") }
                prefilledAt[key] = steps
            default: faults.append("unexpected \(event)")
            }
        }
        for run in output.runs {
            if ended[run.key] != nil { faults.append("tokens after the end") }
            if prefilledAt[run.key] == nil { faults.append("tokens before prefill") }
            let known = tokens[run.key]?[run.choice]?.count ?? 0
            if known == 0 { firstPositions[run.key, default: [:]][run.choice] = run.position }
            if run.position != (firstPositions[run.key]?[run.choice] ?? 0) + UInt32(known) { faults.append("a gap in positions") }
            if finishes[run.key]?[run.choice] != nil { faults.append("tokens after the finish") }
            tokens[run.key, default: [:]][run.choice, default: []] += output.tokens[Int(run.first)..<Int(run.first + run.count)]
            if let finish = run.finish { finishes[run.key, default: [:]][run.choice] = finish }
        }
        for end in output.ends {
            if ended[end.key] != nil { faults.append("ended twice") }
            ended[end.key] = Ended(reason: end.reason, promptTokens: end.promptTokens, outputTokens: end.outputTokens, step: steps)
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
    }

    func text(_ key: EngineRequestKey, choice: UInt8 = 0) -> String {
        String(decoding: (tokens[key]?[choice] ?? []).map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    }
}

extension MockConfiguration {
    static func test(
        sequences: UInt32 = 8, batched: UInt32 = 64, blocks: UInt32 = 256, waiting: UInt32 = 16, ranks: Int = 1, speedup: Double = 0
    ) -> MockConfiguration {
        MockConfiguration(
            blockSize: 16, contextLength: 1_024, ranks: ranks,
            room: EngineRank(totalBlocks: blocks, maxSequences: sequences, maxBatchedTokens: batched, maxWaiting: waiting),
            latency: LatencyModel(speedup: speedup))
    }
}
