import ClusterModel
import Engines
import Testing

@Suite("Every engine: where texts end, and what is refused")
struct LimitConformanceTests {
    @Test("maxTokens cuts, and the last token says so", arguments: EngineUnderTest.all)
    func maxTokens(engine: EngineUnderTest) throws {
        let run = try engine.run()
        let keys = [1, 2, 17].map { run.admit(run.prompt(20), maxTokens: $0) }
        try run.finish()
        for (key, count) in zip(keys, [1, 2, 17]) { #expect(run[key].output().count == count && run[key].finishes[0] == .length) }
        #expect(run.breaches == [])
    }

    @Test("without a limit a text ends by itself or with the context", arguments: EngineUnderTest.all)
    func natural(engine: EngineUnderTest) throws {
        let run = try engine.run()
        let keys = (0..<6).map { index in
            run.admit(run.prompt(20, seed: UInt64(index)), maxTokens: nil) {
                $0.sampling.ignoreEndOfText = false
                $0.sampling.temperature = 1
            }
        }
        try run.finish()
        for key in keys {
            let count = run[key].output().count
            #expect(
                run[key].finishes[0] == .endOfText
                    || (run[key].finishes[0] == .length && 20 + count == Int(run.profile.model.contextLength)))
        }
        #expect(run.breaches == [])
    }

    @Test("minTokens holds a text open", arguments: EngineUnderTest.all)
    func minTokens(engine: EngineUnderTest) throws {
        let run = try engine.run()
        let keys = (0..<6).map { index in
            run.admit(run.prompt(20, seed: UInt64(index)), choices: [EngineChoice(choice: 0, maxTokens: nil, minTokens: 300)]) {
                $0.sampling.ignoreEndOfText = false
                $0.sampling.temperature = 1
            }
        }
        try run.finish()
        for key in keys { #expect(run[key].output().count >= 300) }
        #expect(run.breaches == [])
    }

    @Test("the context is never passed, whatever the end of the text would be", arguments: EngineUnderTest.all)
    func context(engine: EngineUnderTest) throws {
        let run = try engine.run()
        let keys = [1, 5, 33].map { room in run.admit(run.prompt(40), maxTokens: room == 33 ? 500 : nil) { $0.contextLimit = 40 + room } }
        try run.finish()
        for (key, room) in zip(keys, [1, 5, 33]) { #expect(run[key].output().count == room && run[key].finishes[0] == .length) }
        #expect(run.breaches == [])
    }

    @Test("a stop token ends the text and is its last token, but not before minTokens", arguments: EngineUnderTest.all)
    func stopTokens(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.can(.exactContinuation) else { return }
        let plain = run.admit(run.prompt(30), maxTokens: 60)
        try run.finish()
        let text = run[plain].output(), stop = text[20]
        let first = try #require(text.firstIndex(of: stop)), second = text[(first + 1)...].firstIndex(of: stop)
        let early = run.admit(run.prompt(30), maxTokens: 60) { $0.sampling.stopTokens = [stop] }
        let late = run.admit(run.prompt(30), choices: [EngineChoice(choice: 0, maxTokens: 60, minTokens: UInt32(first + 2))]) {
            $0.sampling.stopTokens = [stop]
        }
        try run.finish()
        #expect(run[early].output() == Array(text[...first]) && run[early].finishes[0] == .stopToken)
        #expect(run[late].output() == Array(text[...(second ?? 59)]))
        #expect(run[late].finishes[0] == (second == nil ? .length : .stopToken))
        #expect(run.breaches == [])
    }

    @Test("a text that may end goes on where it is told to ignore its end", arguments: EngineUnderTest.all)
    func ignoresEnd(engine: EngineUnderTest) throws {
        let run = try engine.run()
        let key = run.admit(run.prompt(20), maxTokens: nil) { $0.contextLimit = 500 }
        try run.finish()
        #expect(run[key].output().count == 480 && run[key].finishes[0] == .length)
        #expect(run.breaches == [])
    }

    @Test("a queue has an end: who does not fit ends with capacity, the others live", arguments: EngineUnderTest.all)
    func waiting(engine: EngineUnderTest) throws {
        let run = try engine.run {
            $0.waiting = 4
            $0.sequences = 1
        }
        let most = Int(run.profile.ranks[0].maxWaiting), running = Int(run.profile.ranks[0].maxSequences)
        try #require(most + running < 5_000, "an engine for tests bounds its queue")
        let keys = (0..<most + running + 5).map { run.admit(run.prompt(10, seed: UInt64($0)), maxTokens: 2) }
        try run.finish()
        let refused = keys.filter { run[$0].end?.reason == .failed(.capacity) }
        #expect((5...5 + running).contains(refused.count))
        #expect(refused == Array(keys.suffix(refused.count)), "who came first is served")
        #expect(keys.count { run[$0].end?.reason == .finished } == keys.count - refused.count)
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("what can never have its blocks ends at once and names them, and the next one lives", arguments: EngineUnderTest.all)
    func tooLong(engine: EngineUnderTest) throws {
        let run = try engine.run { $0.blocks = 8 }
        let room = Int(run.profile.ranks[0].totalBlocks) * Int(max(run.profile.model.blockSize, 1))
        let long = run.admit(run.prompt(room + 1), maxTokens: 4) { $0.contextLimit = room + 50 }
        let fits = run.admit(run.prompt(20), maxTokens: 4)
        try run.finish()
        #expect(run[long].end?.reason == .failed(.unsupported("choices")) && run[long].output().isEmpty)
        #expect(run[fits].end?.reason == .finished)
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("what an engine cannot do ends with the name of the field, and disturbs nobody", arguments: EngineUnderTest.all)
    func unsupported(engine: EngineUnderTest) throws {
        let run = try engine.run()
        let good = run.admit(run.prompt(20), maxTokens: 20)
        func field(_ change: (inout EngineRequest) -> Void) throws -> String? {
            let key = run.admit(run.prompt(20), maxTokens: 4, change)
            try run.step()
            guard case .failed(.unsupported(let field)) = run[key].end?.reason else { return nil }
            return field
        }
        #expect(try field { $0.rank = Rank(UInt32(run.profile.ranks.count)) } == "rank")
        #expect(try field { $0.rank = Rank(.max) } == "rank")
        #expect(try field { $0.prompt = [] } == "promptTokens")
        #expect(try field { $0.choices = [] } == "choices")
        #expect(try field { $0.adapter = "nobody has this one" } == "adapter")
        if !run.can(.concurrentHandOver), !run.can(.sequentialHandOver) {
            #expect(try field { $0.leg = .prefill } == "leg")
            #expect(try field { $0.leg = .decode } == "leg")
        }
        if !run.can(.concurrentHandOver) { #expect(try field { $0.handOver = .receive } == "handOver") }
        if !run.can(.sequentialHandOver) { #expect(try field { $0.handOver = .parameters([1]) } == "handOver") }
        if !run.can(.embeddings) { #expect(try field { $0.embeds = true } == "task") }
        if !run.can(.constraints) { #expect(try field { $0.constraint = .jsonObject } == "constraint") }
        try run.finish()
        #expect(run[good].end?.reason == .finished)
        run.expectRest()
        #expect(run.breaches == [])
    }
}
