import ClusterModel
import Engines
import Testing

@Suite("Every engine: logprobs, embeddings, priorities")
struct ExtrasConformanceTests {
    @Test("logprobs come for every token from the offset on: its own, then candidates in falling order", arguments: EngineUnderTest.all)
    func logprobs(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.can(.logprobs) else { return }
        for tops in [0, 1, 5] as [UInt32] {
            let key = run.admit(
                run.prompt(30), choices: [EngineChoice(choice: 0, maxTokens: 20, logprobOffset: 4)]
            ) { $0.sampling.topLogprobs = tops }
            try run.finish()
            let scored = run[key].logprobs[0] ?? []
            #expect(scored.count == 16)
            for (entry, token) in zip(scored, run[key].output().dropFirst(4)) {
                #expect(entry.count == 1 + Int(tops))
                #expect(entry[0].token == token && entry.allSatisfy { $0.logprob <= 0 })
                let candidates = entry.dropFirst()
                #expect(Set(candidates.map(\.token)).count == candidates.count)
                #expect(zip(candidates, candidates.dropFirst()).allSatisfy { $0.logprob >= $1.logprob })
            }
        }
        #expect(run.breaches == [])
    }

    @Test("nobody gets logprobs who did not ask", arguments: EngineUnderTest.all)
    func noLogprobs(engine: EngineUnderTest) throws {
        let run = try engine.run()
        let key = run.admit(run.prompt(30), maxTokens: 9)
        if run.can(.logprobs) { run.admit(run.prompt(30), maxTokens: 9) { $0.sampling.topLogprobs = 2 } }
        try run.finish()
        #expect(run[key].logprobs.isEmpty)
        #expect(run.breaches == [])
    }

    @Test("an embedding is one vector of the model's size, the same for the same prompt, and no token", arguments: EngineUnderTest.all)
    func embeddings(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.can(.embeddings) else { return }
        func vector(_ prompt: [TokenID]) throws -> [Float] {
            let key = run.admit(prompt, maxTokens: 1) { $0.embeds = true }
            try run.finish()
            #expect(run[key].end?.reason == .finished && run[key].end?.outputTokens == 0)
            return run[key].embedding ?? []
        }
        let first = try vector(run.prompt(200))
        #expect(first.count == Int(run.profile.model.embeddingDimensions) && first.allSatisfy(\.isFinite))
        #expect(first.contains { $0 != 0 })
        #expect(try vector(run.prompt(200)) == first)
        #expect(try vector(run.prompt(200, seed: 2)) != first)
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("who has priority starts before those that wait without", arguments: EngineUnderTest.all)
    func priority(engine: EngineUnderTest) throws {
        let run = try engine.run { $0.sequences = 1 }
        guard run.profile.ranks[0].maxSequences == 1 else { return }
        let plain = (0..<3).map { run.admit(run.prompt(20, seed: UInt64($0))) }
        let urgent = run.admit(run.prompt(20, seed: 9)) { $0.priority = 1 }
        try run.step { !$0[urgent].isLiving }
        #expect(plain.count { !run[$0].isLiving } <= 1, "at the most the one that ran already")
        try run.finish()
        run.expectRest()
        #expect(run.breaches == [])
    }
}
