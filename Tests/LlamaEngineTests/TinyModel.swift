import ClusterModel
import Engines
import LlamaEngine

/// Engines over the tiny model, and one request after another through them.
enum TinyModel {
    static let path =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        + "/deploy/models/tiny/tiny-f16.gguf"

    static func settings(_ change: (inout LlamaSettings) -> Void = { _ in }) -> LlamaSettings {
        _ = library
        var settings = LlamaSettings(
            modelName: "tiny", weightsPath: path, weights: "tiny",
            room: EngineRank(totalBlocks: 256, maxSequences: 8, maxBatchedTokens: 512, maxWaiting: 64))
        change(&settings)
        return settings
    }

    private static let library: Void = LlamaLibrary.start { _ in }

    static func engine(_ change: (inout LlamaSettings) -> Void = { _ in }) throws -> ReferenceEngine {
        try LlamaEngine.make(settings(change))
    }

    /// Plain words of the model's, other ones for each seed.
    static func prompt(_ count: Int, seed: UInt64 = 1) -> [TokenID] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in 260 + TokenID(random.next() % 800) }
    }
}

/// What engines say, gathered by request.
struct TinyRun {
    let engine: any InferenceEngine
    private var next: UInt64 = 1
    private(set) var tokens: [EngineRequestKey: [TokenID]] = [:]
    private(set) var cached: [EngineRequestKey: UInt32] = [:]
    private(set) var ends: [EngineRequestKey: EngineEnd.Reason] = [:]
    private(set) var preemptions = 0
    var output = StepOutput()

    init(_ engine: any InferenceEngine) { self.engine = engine }

    mutating func admit(
        _ prompt: [TokenID], _ count: UInt32, choices: Int = 1, _ change: (inout EngineRequest) -> Void = { _ in }
    ) -> EngineRequestKey {
        var sampling = EngineSampling()
        sampling.ignoreEndOfText = true
        let key = EngineRequestKey(next)
        next += 1
        var request = EngineRequest(
            key: key, rank: Rank(0), prompt: prompt, sampling: sampling,
            choices: (0..<choices).map { EngineChoice(choice: UInt8($0), maxTokens: count) },
            contextLimit: Int(engine.profile.model.contextLength))
        change(&request)
        engine.admit(request)
        return key
    }

    mutating func step() throws {
        output.removeAll()
        _ = try engine.step(at: .zero, into: &output)
        for run in output.runs { tokens[run.key, default: []] += output.tokens[Int(run.first)..<Int(run.first + run.count)] }
        for end in output.ends {
            ends[end.key] = end.reason
            cached[end.key] = end.cachedTokens
            preemptions += Int(end.preemptions)
        }
    }

    mutating func finish() throws {
        var left = 20_000
        while engine.hasWork, left > 0 {
            left -= 1
            try step()
        }
        if left == 0 { throw EngineFailure("it works without an end") }
    }

    mutating func answer(_ prompt: [TokenID], _ count: UInt32) throws -> [TokenID] {
        let key = admit(prompt, count)
        try finish()
        return tokens[key] ?? []
    }
}
