import ClusterModel
import Engines
import JSONText
import Testing

@Suite("The reference engine against llama.cpp")
struct ReferenceGreedyTests {
    /// Where two tokens are as good as one another, the order of additions decides.
    private static let close = 1e-3

    /// A prompt, and llama.cpp's answer, up to the first token that another one was as good as.
    private struct Case {
        var prompt: [TokenID]
        var answer: [TokenID]

        init(_ json: JSONValue) throws {
            prompt = try #require(json["prompt"]?.asArray).map { TokenID(try #require($0.asInt)) }
            answer = try #require(json["tokens"]?.asArray).map { TokenID(try #require($0.asInt)) }
            let near = try #require(json["close"]?.asArray).filter { ($0[1]?.asDouble ?? 0) < ReferenceGreedyTests.close }
            if let first = near.compactMap({ $0[0]?.asInt }).min() { answer.removeSubrange(first...) }
        }
    }

    @Test("its tokens are llama.cpp's, over a hundred prompts of seven kinds, many of them at once")
    func answers() throws {
        let model = try ReferenceFiles.model(ReferenceFiles.tiny)
        let json = try #require(try JSONValue(parsing: try ReferenceFiles.bytes("Tests/Fixtures/reference/greedy.json")).asArray)
        let cases = try json.map(Case.init)
        #expect(cases.count == 100 && cases.reduce(0) { $0 + $1.answer.count } > 2_400)
        #expect(Set(json.compactMap { $0["kind"]?.asString }).count == 7)
        let engine = ReferenceRun(model) { $0.room.maxBatchedTokens = 200 }.engine
        for (number, one) in cases.enumerated() {
            var sampling = EngineSampling()
            sampling.ignoreEndOfText = true
            engine.admit(
                EngineRequest(
                    key: EngineRequestKey(UInt64(number)), rank: Rank(0), prompt: one.prompt, sampling: sampling,
                    choices: [EngineChoice(choice: 0, maxTokens: UInt32(one.answer.count))], contextLimit: 2_048))
        }
        var answers = [[TokenID]](repeating: [], count: cases.count), output = StepOutput(), steps = 0
        while engine.hasWork, steps < 5_000 {
            steps += 1
            output.removeAll()
            _ = try engine.step(at: .zero, into: &output)
            for (run, token) in zip(output.runs, output.tokens) { answers[Int(run.key.rawValue)].append(token) }
        }
        for (number, one) in cases.enumerated() { #expect(answers[number] == one.answer, "prompt \(number)") }
        #expect(engine.checkInvariants() == [])
    }
}
