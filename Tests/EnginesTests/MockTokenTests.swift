import ClusterModel
import Engines
import Testing

@Suite("Tokens of the mock engine")
struct MockTokenTests {
    @Test("the same prompt, seed and choice give the same tokens; another of any of them gives others")
    func determinism() throws {
        func tokens(prompt: Int = 10, seed: UInt64 = 7, adapter: String = "") throws -> [TokenID] {
            var configuration = MockConfiguration.test()
            configuration.adapters = ["x"]
            let run = EngineRun(configuration)
            let key = run.admit(1, prompt: prompt, choices: [EngineChoice(choice: 0, maxTokens: 100)], seed: seed) { $0.adapter = adapter }
            try run.finish()
            #expect(run.faults == [])
            return run.tokens[key]?[0] ?? []
        }
        let first = try tokens()
        #expect(first.count == 100)
        #expect(try tokens() == first)
        #expect(try tokens(seed: 8) != first)
        #expect(try tokens(prompt: 11) != first)
        #expect(try tokens(adapter: "x") != first)
    }

    @Test("choice k is what choice 0 would be with the seed k further on")
    func choices() throws {
        let run = EngineRun()
        let key = run.admit(1, choices: (0..<4).map { EngineChoice(choice: $0, maxTokens: 50) })
        let others = (0..<4).map { run.admit(UInt64(10 + $0), choices: [EngineChoice(choice: 0, maxTokens: 50)], seed: 7 + UInt64($0)) }
        try run.finish()
        #expect(run.faults == [])
        for choice in 0..<4 { #expect(run.tokens[key]?[UInt8(choice)] == run.tokens[others[choice]]?[0]) }
        #expect(Set((0..<4).map { run.tokens[key]?[UInt8($0)] }).count == 4)
        #expect(run.ended[key]?.outputTokens == 200)
    }

    @Test("a request that goes on elsewhere after any number of tokens produces what it would have", arguments: [nil, 90 as UInt32])
    func continuation(maxTokens: UInt32?) throws {
        let whole = EngineRun()
        let key = whole.admit(1, choices: [EngineChoice(choice: 0, maxTokens: maxTokens, minTokens: 40)])
        try whole.finish()
        let tokens = whole.tokens[key]?[0] ?? [], finish = whole.finishes[key]?[0]
        #expect(tokens.count >= 40)
        for split in 1..<tokens.count {
            let rest = EngineRun()
            let shown = Array(tokens[..<split])
            let again = rest.admit(
                2,
                choices: [
                    EngineChoice(
                        choice: 0, shown: shown, maxTokens: maxTokens.map { $0 - UInt32(split) },
                        minTokens: UInt32(max(0, 40 - split)))
                ])
            try rest.finish()
            #expect(rest.faults == [])
            #expect(rest.firstPositions[again]?[0] == UInt32(split))
            #expect(shown + (rest.tokens[again]?[0] ?? []) == tokens, "after \(split) tokens")
            #expect(rest.finishes[again]?[0] == finish)
            #expect(rest.ended[again]?.promptTokens == UInt32(10 + split))
        }
    }

    @Test("tokens are printable text of words, with no special token in it", arguments: 0..<20 as Range<UInt64>)
    func readable(seed: UInt64) throws {
        let run = EngineRun()
        let key = run.admit(1, choices: [EngineChoice(choice: 0, maxTokens: 320)], seed: seed)
        try run.finish()
        let text = run.text(key)
        #expect(text.utf8.allSatisfy { (0x20...0x7A).contains($0) })
        let sentences = text.split(separator: ".", omittingEmptySubsequences: false)
        #expect(sentences.count == 6)
        #expect(!text.contains("  "))
        for sentence in sentences.dropLast() {
            let words = sentence.split(separator: " ")
            #expect(words.count > 5 && words[0].first?.isUppercase == true)
            #expect(words.allSatisfy { $0.count <= 9 })
        }
    }

    @Test("without a token limit the text ends by itself, at a length that follows from the seed, with the token that says so")
    func naturalEnd() throws {
        var lengths: Set<Int> = []
        for seed in 0..<40 as Range<UInt64> {
            let run = EngineRun()
            let key = run.admit(1, choices: [EngineChoice(choice: 0, maxTokens: nil)], seed: seed)
            try run.finish()
            let tokens = run.tokens[key]?[0] ?? []
            #expect((16...256).contains(tokens.count))
            #expect(tokens.last == 256)
            #expect(!tokens.dropLast().contains { $0 > 255 })
            #expect(run.finishes[key]?[0] == .endOfText)
            lengths.insert(tokens.count)
        }
        #expect(lengths.count > 20)
    }

    @Test("minTokens holds back the natural end and stop tokens; a stop token after them ends the choice")
    func minimum() throws {
        let run = EngineRun()
        let long = run.admit(1, choices: [EngineChoice(choice: 0, maxTokens: nil, minTokens: 300)])
        let plain = run.admit(2, choices: [EngineChoice(choice: 0, maxTokens: 200)])
        try run.finish()
        #expect(run.tokens[long]?[0]?.count == 300)
        #expect(run.finishes[long]?[0] == .endOfText)
        let text = run.tokens[plain]?[0] ?? [], space: TokenID = 0x20
        let after = text.indices.first { $0 >= 20 && text[$0] == space } ?? 0
        let stopped = run.admit(3, choices: [EngineChoice(choice: 0, maxTokens: 200, minTokens: 21)]) { $0.sampling.stopTokens = [space] }
        let early = run.admit(4, choices: [EngineChoice(choice: 0, maxTokens: 200)]) { $0.sampling.stopTokens = [space] }
        try run.finish()
        #expect(run.tokens[stopped]?[0]?.count == after + 1)
        #expect(run.finishes[stopped]?[0] == .stopToken)
        #expect(run.tokens[early]?[0]?.count == (text.firstIndex(of: space) ?? 0) + 1)
        #expect(run.faults == [])
    }

    @Test("ignoring the end of the text, it goes on to the end of the context")
    func ignoringTheEnd() throws {
        let run = EngineRun()
        let key = run.admit(1, prompt: 24, choices: [EngineChoice(choice: 0, maxTokens: nil)]) { $0.sampling.ignoreEndOfText = true }
        let limited = run.admit(2, prompt: 24, choices: [EngineChoice(choice: 0, maxTokens: 5_000)])
        try run.finish()
        for key in [key, limited] {
            #expect(run.tokens[key]?[0]?.count == 1_000)
            #expect(run.finishes[key]?[0] == .length)
        }
        #expect(run.tokens[key]?[0]?.contains(256) == false)
    }

    @Test("logprobs are the same each time, best first, finite, with the token itself on top", arguments: [0, 1, 5, 32] as [UInt32])
    func logprobs(tops: UInt32) throws {
        func scores() throws -> [[ScoredToken]] {
            let run = EngineRun()
            run.admit(1, choices: [EngineChoice(choice: 0, maxTokens: 30, logprobOffset: 3)]) { $0.sampling.topLogprobs = tops }
            var scores: [[ScoredToken]] = []
            while run.engine.hasWork {
                try run.step()
                for one in run.output.runs {
                    guard one.firstLogprob >= 0 else { continue }
                    #expect(one.position >= 3)
                    #expect(one.topCount == Int32(tops))
                    let slice = run.output.logprobs[Int(one.firstLogprob)..<Int(one.firstLogprob + 1 + one.topCount)]
                    #expect(slice.first?.token == run.output.tokens[Int(one.first)])
                    scores.append(Array(slice))
                }
            }
            return scores
        }
        let first = try scores()
        #expect(first.count == 27)
        #expect(try scores() == first)
        for one in first {
            let top = one.dropFirst()
            #expect(one.allSatisfy { $0.logprob.isFinite && $0.logprob <= 0 && $0.token < 259 })
            #expect(zip(top, top.dropFirst()).allSatisfy { $0.logprob > $1.logprob })
            #expect(Set(top.map(\.token)).count == Int(tops))
            if tops > 0 { #expect(top.first == one.first) }
        }
    }
}
