import ClusterModel
import Engines

/// What the simulated model says to a request: an engine of its own, undisturbed, fed with tokens made here.
///
/// The prompt is rendered and tokenized once more, and apart from the frontend's code: a fault there would otherwise agree with itself.
package struct ExpectedText: Sendable {
    private static let beginTurn: TokenID = 257, endTurn: TokenID = 258

    /// The bytes of each choice, one token each, up to `maxTokens`.
    package static func choices(of request: ChatRequest) -> [[UInt8]] {
        precondition(request.ignoresEnd && request.maxTokens != nil && request.seed != nil, "only such a request has one answer")
        let count = request.maxTokens ?? 0
        var sampling = EngineSampling()
        sampling.seed = UInt64(bitPattern: request.seed ?? 0)
        sampling.ignoreEndOfText = true
        let choices = (0..<request.choices).map { EngineChoice(choice: UInt8($0), maxTokens: UInt32(count)) }
        let prompt = tokens(of: request)
        let engine = MockEngine(MockConfiguration())
        engine.admit(
            EngineRequest(
                key: EngineRequestKey(1), rank: Rank(0), prompt: prompt, sampling: sampling, choices: choices,
                contextLimit: prompt.count + count + 1))
        var texts = [[UInt8]](repeating: [], count: request.choices), output = StepOutput()
        while engine.hasWork {
            output.removeAll()
            do throws(EngineFailure) { _ = try engine.step(at: .zero, into: &output) } catch {
                preconditionFailure("a simulated engine does not fail: \(error)")
            }
            for run in output.runs {
                let tokens = output.tokens[Int(run.first)..<Int(run.first + run.count)]
                texts[Int(run.choice)] += tokens.map { UInt8(truncatingIfNeeded: $0) }
            }
        }
        return texts
    }

    /// That of the first choice.
    package static func text(of request: ChatRequest) -> String { String(decoding: choices(of: request)[0], as: UTF8.self) }

    static func tokens(of request: ChatRequest) -> [TokenID] {
        if request.isPlain { return request.prompt.utf8.map { TokenID($0) } }
        func bytes(_ text: String) -> [TokenID] { text.utf8.map { TokenID($0) } }
        return [beginTurn] + bytes("user\n" + request.prompt) + [endTurn] + bytes("\n") + [beginTurn] + bytes("assistant\n")
    }
}
