import ClusterModel
import Engines
import Testing

@Suite("Every engine: the life of a request")
struct LifeConformanceTests {
    @Test("a profile is sane, and fixed", arguments: EngineUnderTest.all)
    func profile(engine: EngineUnderTest) throws {
        let run = try engine.run(), profile = run.profile
        #expect(!profile.name.isEmpty && !profile.build.isEmpty && !profile.model.name.isEmpty && !profile.model.weights.isEmpty)
        #expect(profile.model.contextLength > 1 && profile.model.vocabularySize > 1)
        #expect(!profile.ranks.isEmpty)
        for rank in profile.ranks {
            #expect(rank.totalBlocks > 0 && rank.maxSequences > 0 && rank.maxBatchedTokens > 0 && rank.maxWaiting > 0)
        }
        if profile.cacheReport == .exact { #expect(profile.model.blockSize > 0) }
        #expect(run.can(.embeddings) == (profile.model.embeddingDimensions > 0))
        #expect(run.can(.adapters) == !profile.model.adapters.isEmpty)
        if run.can(.concurrentHandOver) || run.can(.sequentialHandOver) || run.can(.moves) { #expect(profile.kvShape != nil) }
        if let shape = profile.kvShape {
            #expect(shape.layers > 0 && shape.blockTokens > 0 && shape.blockBytes > 0 && shape.blockBytes % UInt64(shape.layers) == 0)
        }
        run.admit(run.prompt(20))
        try run.finish()
        let later = run.engine.profile
        #expect(later.model == profile.model && later.ranks == profile.ranks && later.capabilities == profile.capabilities)
        #expect(later.kvShape == profile.kvShape && later.cacheReport == profile.cacheReport && later.build == profile.build)
    }

    @Test("an engine that was given nothing has no work", arguments: EngineUnderTest.all)
    func rest(engine: EngineUnderTest) throws {
        let run = try engine.run()
        #expect(!run.engine.hasWork)
        run.admit(run.prompt(20))
        #expect(run.engine.hasWork)
        try run.finish()
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("a request starts, is prefilled in parts, gives its tokens in order and ends once", arguments: EngineUnderTest.all)
    func life(engine: EngineUnderTest) throws {
        let run = try engine.run()
        let key = run.admit(run.prompt(200), maxTokens: 30)
        try run.finish()
        run.expectRest()
        #expect(run.breaches == [])
        let record = run[key]
        #expect(record.end?.reason == .finished && record.end?.promptTokens == 200)
        #expect(record.output().count == 30 && record.finishes[0] == .length)
        #expect(record.cachedTokens.count == 1 && record.cachedTokens[0] == record.end?.cachedTokens)
    }

    @Test("requests side by side end each for itself, in every rank", arguments: EngineUnderTest.all)
    func many(engine: EngineUnderTest) throws {
        let run = try engine.run()
        var keys: [EngineRequestKey] = []
        for index in 0..<24 {
            keys.append(
                run.admit(run.prompt(5 + index * 7, seed: UInt64(index)), maxTokens: UInt32(1 + index)) {
                    $0.rank = Rank(UInt32(index % run.profile.ranks.count))
                })
        }
        try run.finish()
        run.expectRest()
        #expect(run.breaches == [])
        for (index, key) in keys.enumerated() { #expect(run[key].end?.reason == .finished && run[key].output().count == 1 + index) }
    }

    @Test("a prompt of any length around a block's is prefilled", arguments: EngineUnderTest.all)
    func lengths(engine: EngineUnderTest) throws {
        let run = try engine.run(), block = Int(max(run.profile.model.blockSize, 1))
        for length in [1, 2, block - 1, block, block + 1, 2 * block, 2 * block + 1] where length > 0 {
            let key = run.admit(run.prompt(length, seed: UInt64(length)), maxTokens: 3)
            try run.finish()
            #expect(run[key].end?.promptTokens == UInt32(length) && run[key].output().count == 3)
        }
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("each choice is a text of its own, under its own number", arguments: EngineUnderTest.all)
    func choices(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.can(.choices) else { return }
        let numbers: [UInt8] = [0, 2, 5]
        let key = run.admit(
            run.prompt(50), choices: numbers.map { EngineChoice(choice: $0, maxTokens: 4 + UInt32($0)) }
        ) { $0.sampling.temperature = 1 }
        try run.finish()
        run.expectRest()
        #expect(run.breaches == [])
        for number in numbers { #expect(run[key].output(number).count == 4 + Int(number)) }
        #expect(run[key].end?.outputTokens == 4 + 6 + 9 && run[key].end?.promptTokens == 50)
        if run.can(.exactContinuation) {
            // A choice draws with its number added to the seed: so does a request with that seed.
            let alone = run.admit(run.prompt(50), maxTokens: 9, seed: 7 + 5) { $0.sampling.temperature = 1 }
            try run.finish()
            #expect(run[alone].output() == run[key].output(5))
        }
    }

    @Test("equal requests at once live each for itself, and a key is free again after its end", arguments: EngineUnderTest.all)
    func duplicates(engine: EngineUnderTest) throws {
        let run = try engine.run(), prompt = run.prompt(100)
        let keys = (0..<3).map { _ in run.admit(prompt, maxTokens: 12) }
        try run.finish()
        for key in keys { #expect(run[key].end?.reason == .finished && run[key].output().count == 12) }
        if run.can(.exactContinuation) { #expect(Set(keys.map { run[$0].output() }).count == 1) }
        #expect(run.breaches == [])
        let first = run[keys[0]].output()
        let again = run.admit(prompt, maxTokens: 12) { $0.key = keys[0] }
        try run.finish()
        #expect(again == keys[0] && run[again].end?.reason == .finished)
        if run.can(.exactContinuation) { #expect(run[again].output() == first) }
        run.expectRest()
        #expect(run.breaches == [])
    }
}
