import ClusterModel
import Engines

extension FuzzTarget {
    /// A file of weights: refused with the name of what is wrong, or a model that gives tokens of its vocabulary, the same ones each time.
    static let gguf = FuzzTarget(name: "gguf", longest: 8192) { bytes in
        do throws(WeightsError) {
            let model = try LlamaModel(try GGUFFile(parsing: Array(bytes)))
            guard model.contextLength > 2 else { return }
            let first = answer(of: model), second = answer(of: model)
            demand(first == second, "one model gives two answers")
        } catch { demand(!error.field.isEmpty && !error.description.isEmpty, "an error does not say where") }
    }

    /// The tokens that follow two others, in blocks of two.
    private static func answer(of model: LlamaModel) -> [TokenID] {
        var configuration = ReferenceConfiguration(
            model, name: "fuzzed", weights: "fuzzed",
            room: EngineRank(totalBlocks: 4, maxSequences: 1, maxBatchedTokens: 2, maxWaiting: 1))
        configuration.blockSize = 2
        configuration.contextLength = min(8, configuration.contextLength)
        let engine = ReferenceEngine(configuration)
        var sampling = EngineSampling()
        sampling.temperature = 0.7
        sampling.topLogprobs = 2
        sampling.ignoreEndOfText = true
        engine.admit(
            EngineRequest(
                key: EngineRequestKey(1), rank: Rank(0), prompt: [0, TokenID(model.vocabularySize - 1)], sampling: sampling,
                choices: [EngineChoice(choice: 0, maxTokens: 4)], contextLimit: Int(engine.profile.model.contextLength)))
        var tokens: [TokenID] = [], output = StepOutput(), steps = 0, reason: EngineEnd.Reason?
        while engine.hasWork, steps < 20 {
            steps += 1
            output.removeAll()
            guard (try? engine.step(at: .zero, into: &output)) != nil else { break }
            tokens += output.tokens
            if let end = output.ends.first { reason = end.reason }
        }
        demand(reason == .finished && !tokens.isEmpty && steps < 20, "a model that was accepted gives no answer")
        demand(tokens.allSatisfy { $0 < model.vocabularySize }, "a token is not in the vocabulary")
        return tokens
    }
}
