import ClusterModel
import Engines

/// What the simulated model says to a request: an engine of its own, undisturbed, fed with tokens made here.
///
/// The prompt is rendered and tokenized once more, and apart from the frontend's code: a fault there would otherwise agree with itself.
package struct ExpectedText: Sendable {
    private static let beginTurn: TokenID = 257, endTurn: TokenID = 258

    /// One choice of an answer.
    struct Choice: Sendable {
        /// Up to the text at which its request wanted it to stop.
        var bytes: [UInt8] = []
        /// That its engine makes, where nobody tells it to stop.
        var tokens = 0
    }

    /// The bytes of each choice, one token each, up to `maxTokens`.
    package static func choices(of request: ChatRequest) -> [[UInt8]] { said(to: request).map(\.bytes) }

    static func said(to request: ChatRequest) -> [Choice] {
        precondition(request.hasOneAnswer, "only such a request has one answer")
        let count = request.maxTokens ?? 0
        var sampling = EngineSampling()
        sampling.seed = UInt64(bitPattern: request.seed ?? 0)
        sampling.ignoreEndOfText = request.ignoresEnd
        let choices = (0..<request.choices).map { EngineChoice(choice: UInt8($0), maxTokens: UInt32(count)) }
        let prompt = tokens(of: request)
        var asked = EngineRequest(
            key: EngineRequestKey(1), rank: Rank(0), prompt: prompt, sampling: sampling, choices: choices,
            contextLimit: prompt.count + count + 1)
        if request.wantsObject { asked.constraint = .jsonObject }
        asked.adapter = adapter(request.model)
        var texts = [Choice](repeating: Choice(), count: request.choices)
        run(asked) { output in
            for run in output.runs {
                let tokens = output.tokens[Int(run.first)..<Int(run.first + run.count)]
                texts[Int(run.choice)].tokens += tokens.count
                // Those beyond a byte are no text.
                texts[Int(run.choice)].bytes += tokens.compactMap { UInt8(exactly: $0) }
            }
        }
        for index in texts.indices { cut(&texts[index].bytes, at: request.stop) }
        return texts
    }

    /// That of the first choice.
    package static func text(of request: ChatRequest) -> String { String(decoding: choices(of: request)[0], as: UTF8.self) }

    /// The vector that the model makes of an input.
    static func vector(of input: String, model: String) -> [Float] {
        let prompt = input.utf8.map { TokenID($0) }
        var asked = EngineRequest(
            key: EngineRequestKey(1), rank: Rank(0), prompt: prompt, sampling: EngineSampling(),
            choices: [EngineChoice(choice: 0, maxTokens: 1)], contextLimit: prompt.count + 2)
        asked.embeds = true
        asked.adapter = adapter(model)
        var vector: [Float] = []
        run(asked) { output in
            for case .embedded(_, let numbers) in output.events { vector = numbers }
        }
        return vector
    }

    private static func adapter(_ model: String) -> String { RequestMix.adapters.contains(model) ? model : "" }

    private static func run(_ request: EngineRequest, _ read: (borrowing StepOutput) -> Void) {
        var configuration = MockConfiguration(), output = StepOutput()
        configuration.adapters = RequestMix.adapters
        configuration.embeddingDimensions = UInt32(RequestMix.dimensions)
        let engine = MockEngine(configuration)
        engine.admit(request)
        while engine.hasWork {
            output.removeAll()
            do throws(EngineFailure) { _ = try engine.step(at: .zero, into: &output) } catch {
                preconditionFailure("a simulated engine does not fail: \(error)")
            }
            read(output)
        }
    }

    /// Before the first of the texts that comes.
    private static func cut(_ bytes: inout [UInt8], at stops: [String]) {
        let ends = stops.compactMap { stop in bytes.firstRange(of: Array(stop.utf8))?.lowerBound }
        if let end = ends.min() { bytes.removeSubrange(end...) }
    }

    static func tokens(of request: ChatRequest) -> [TokenID] {
        if request.isPlain { return request.prompt.utf8.map { TokenID($0) } }
        func bytes(_ text: String) -> [TokenID] { text.utf8.map { TokenID($0) } }
        return [beginTurn] + bytes("user\n" + request.prompt) + [endTurn] + bytes("\n") + [beginTurn] + bytes("assistant\n")
    }
}

extension ChatRequest {
    /// Whatever happens to it, and however often it is tried.
    var hasOneAnswer: Bool { (ignoresEnd || wantsObject) && maxTokens != nil && seed != nil }
}
