import ClusterModel
import Engines
import Testing

@Suite("Embeddings of the mock engine")
struct EmbeddingTests {
    @Test("a vector of length 1 follows from the tokens, after prefill alone, and uses the cache")
    func vectors() throws {
        let run = EngineRun(.test(blocks: 8) { $0.embeddingDimensions = 24 })
        let first = run.admit(1, prompt: 100) { $0.embeds = true }
        let other = run.admit(2, prompt: 99) { $0.embeds = true }
        try run.finish()
        let again = run.admit(3, prompt: 100) { $0.embeds = true }
        try run.finish()
        #expect(run.faults == [])
        for key in [first, other, again] {
            #expect(run.ended[key]?.reason == .finished)
            #expect(run.ended[key]?.outputTokens == 0)
            #expect(run.tokens[key] == nil)
            let vector = run.vectors[key] ?? []
            #expect(vector.count == 24)
            #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
        }
        #expect(run.vectors[first] == run.vectors[again])
        #expect(run.vectors[first] != run.vectors[other])
        #expect(run.chunks[first] == [64])
        #expect(run.ended[again]?.cachedTokens == 96)
        #expect(run.output.loads.allSatisfy { $0.isIdle })
    }

    @Test("an engine without dimensions has no vectors, and says so")
    func without() throws {
        let run = EngineRun(.test { $0.embeddingDimensions = 0 })
        #expect(!run.engine.profile.capabilities.contains(.embeddings))
        let key = run.admit(1) { $0.embeds = true }
        try run.finish()
        #expect(run.ended[key]?.reason == .failed(.unsupported("task")))
    }
}
