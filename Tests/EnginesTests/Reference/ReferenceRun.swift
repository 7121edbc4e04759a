import ClusterModel
import Engines

/// Requests through a reference engine, one after another.
struct ReferenceRun {
    struct Answer {
        var tokens: [TokenID] = []
        /// For each token its own score, then the best ones.
        var scores: [[ScoredToken]] = []
        var finish: EngineFinish?
    }

    let engine: ReferenceEngine

    init(_ model: LlamaModel, _ change: (inout ReferenceConfiguration) -> Void = { _ in }) {
        var configuration = ReferenceConfiguration(model, name: "model", weights: "weights")
        configuration.blockSize = 16
        change(&configuration)
        engine = ReferenceEngine(configuration)
    }

    func answer(
        _ prompt: [TokenID], _ count: UInt32?, shown: [TokenID] = [], minTokens: UInt32 = 0, penaltyOrigin: Int? = nil,
        _ change: (inout EngineSampling) -> Void = { _ in }
    ) throws -> Answer {
        var sampling = EngineSampling()
        change(&sampling)
        let choice = EngineChoice(
            choice: 0, shown: shown, maxTokens: count, minTokens: minTokens,
            penaltyOrigin: UInt32(penaltyOrigin ?? prompt.count))
        engine.admit(
            EngineRequest(
                key: EngineRequestKey(1), rank: Rank(0), prompt: prompt, sampling: sampling, choices: [choice],
                contextLimit: Int(engine.profile.model.contextLength)))
        var answer = Answer(), output = StepOutput(), steps = 0
        while engine.hasWork, steps < 5_000 {
            steps += 1
            output.removeAll()
            _ = try engine.step(at: .zero, into: &output)
            answer.tokens += output.tokens
            for run in output.runs {
                answer.finish = run.finish
                if run.firstLogprob >= 0 { answer.scores.append(Array(output.logprobs[Int(run.firstLogprob)...])) }
            }
        }
        return answer
    }
}
