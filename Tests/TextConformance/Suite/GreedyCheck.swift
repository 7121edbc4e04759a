import ClusterModel
import Engines
import JSONText

/// Greedy tokens of the reference engine are those of llama.cpp, but where that holds two of them for equally good.
enum GreedyCheck {
    /// Below this difference of two logits, the order of additions decides which of them is the best.
    private static let close = 1e-3

    /// `WEIGHTS ANSWERS`: a GGUF file, and what `prompts.py join` made of llama.cpp's answers.
    static func run(_ arguments: [String]) throws(CheckError) -> Bool {
        guard arguments.count == 2 else { throw CheckError(reason: "weights and answers are expected") }
        let model: LlamaModel
        let file = try Files.bytes(arguments[0])
        do throws(WeightsError) { model = try LlamaModel(try GGUFFile(parsing: file)) } catch {
            throw CheckError(reason: "\(arguments[0]): \(error)")
        }
        guard let prompts = try? JSONValue(parsing: try Files.bytes(arguments[1])).asArray?.map(Prompt.init), !prompts.isEmpty else {
            throw CheckError(reason: "\(arguments[1]) has no answers")
        }
        var equal = 0, near = 0, tokens = 0, promptTokens = 0
        for (number, prompt) in prompts.enumerated() {
            let answer = try answer(of: model, to: prompt)
            tokens += answer.count
            promptTokens += prompt.tokens.count
            guard let step = zip(answer, prompt.answer).enumerated().first(where: { $0.element.0 != $0.element.1 })?.offset else {
                equal += 1
                continue
            }
            let isNear = (prompt.margins[step] ?? .infinity) < close
            if isNear { near += 1 }
            print(
                "    prompt \(number), \(prompt.kind): token \(step) is \(answer[step]) for \(prompt.answer[step])\(isNear ? ", as good" : "")"
            )
        }
        let others = prompts.count - equal - near
        print(
            "greedy: \(prompts.count) prompts of \(promptTokens) tokens, \(tokens) tokens of answers: \(equal) answers are the same, "
                + "\(near) part where llama.cpp's two best are within \(close), \(others) differ")
        return others == 0
    }

    /// As many tokens as llama.cpp gave, whatever ends a text.
    private static func answer(of model: LlamaModel, to prompt: Prompt) throws(CheckError) -> [TokenID] {
        let engine = ReferenceEngine(ReferenceConfiguration(model, name: "model", weights: "weights"))
        var sampling = EngineSampling()
        sampling.ignoreEndOfText = true
        engine.admit(
            EngineRequest(
                key: EngineRequestKey(1), rank: Rank(0), prompt: prompt.tokens, sampling: sampling,
                choices: [EngineChoice(choice: 0, maxTokens: UInt32(clamping: prompt.answer.count))], contextLimit: model.contextLength))
        var tokens: [TokenID] = [], output = StepOutput()
        // A step gives a token, or computes a part of the prompt.
        for _ in 0..<prompt.tokens.count + prompt.answer.count where engine.hasWork {
            output.removeAll()
            guard (try? engine.step(at: .zero, into: &output)) != nil else { break }
            tokens += output.tokens
        }
        guard tokens.count == prompt.answer.count else { throw CheckError(reason: "an answer has \(tokens.count) tokens") }
        return tokens
    }

    /// One of them, with llama.cpp's answer.
    private struct Prompt {
        var kind: String
        var tokens: [TokenID]
        var answer: [TokenID]
        /// Of steps at which the second best was near, by how much it was behind.
        var margins: [Int: Double] = [:]

        init(_ json: JSONValue) throws(CheckError) {
            kind = json["kind"]?.asString ?? ""
            tokens = json["prompt"]?.asArray?.compactMap { $0.asInt.flatMap(TokenID.init(exactly:)) } ?? []
            answer = json["tokens"]?.asArray?.compactMap { $0.asInt.flatMap(TokenID.init(exactly:)) } ?? []
            for pair in json["close"]?.asArray ?? [] {
                if let step = pair[0]?.asInt, let margin = pair[1]?.asDouble { margins[step] = margin }
            }
            guard !tokens.isEmpty, !answer.isEmpty else { throw CheckError(reason: "a prompt has no token, or no answer") }
        }
    }
}
