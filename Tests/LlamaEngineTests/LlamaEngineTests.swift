import ClusterModel
import Engines
import Testing

@testable import LlamaEngine

@Suite("llama.cpp under the scheduler")
struct LlamaEngineTests {
    /// What a request says that is alone in a fresh engine, from a prompt that is computed at once.
    private func cold(_ prompt: [TokenID], _ count: UInt32 = 40) throws -> [TokenID] {
        var run = TinyRun(try TinyModel.engine())
        return try run.answer(prompt, count)
    }

    @Test("what it says is what the reference engine says of the same weights", arguments: 1...8 as ClosedRange<UInt64>)
    func beside(seed: UInt64) throws {
        var bytes: [UInt8] = []
        bytes = try WeightsBytes.read(TinyModel.path)
        let model = try LlamaModel(try GGUFFile(parsing: bytes))
        var reference = TinyRun(ReferenceEngine(ReferenceConfiguration(model, name: "tiny", weights: "tiny")))
        let prompt = TinyModel.prompt(20 + Int(seed) * 13, seed: seed)
        let expected = try reference.answer(prompt, 24), given = try cold(prompt, 24)
        // Keys of sixteen bits against thirty-two: at a near draw they may part, and from there on they say something else.
        #expect(zip(given, expected).prefix { $0 == $1 }.count >= 8)
    }

    @Test("a prefix that is found again, and one that is found in part, give the tokens of a cold run")
    func prefix() throws {
        var run = TinyRun(try TinyModel.engine())
        let prompt = TinyModel.prompt(200), other = Array(prompt[..<100]) + TinyModel.prompt(60, seed: 2)
        for (text, cachedTokens) in [(prompt, 0), (prompt, 192), (other, 96), (prompt, 192)] as [([TokenID], UInt32)] {
            let key = run.admit(text, 40)
            try run.finish()
            #expect(run.tokens[key] == (try cold(text)))
            #expect(run.cached[key] == cachedTokens)
        }
    }

    @Test("prefill in chunks gives the tokens of a cold run", arguments: [8, 17, 32, 100] as [UInt32])
    func chunks(size: UInt32) throws {
        let prompt = TinyModel.prompt(230)
        var run = TinyRun(try TinyModel.engine { $0.room.maxBatchedTokens = size })
        #expect(try run.answer(prompt, 40) == cold(prompt))
    }

    @Test("many at once, that come and go, each get the tokens that they get alone")
    func batch() throws {
        var run = TinyRun(try TinyModel.engine { $0.room.maxBatchedTokens = 64 })
        var keys: [(EngineRequestKey, [TokenID])] = []
        for index in 0..<24 {
            // A third of them begin alike.
            let prompt =
                index % 3 == 0
                ? TinyModel.prompt(64) + TinyModel.prompt(index, seed: 3) : TinyModel.prompt(10 + index * 7, seed: UInt64(index))
            keys.append((run.admit(prompt, 30), prompt))
            try run.step()
        }
        try run.finish()
        for (key, prompt) in keys { #expect(run.tokens[key] == (try cold(prompt, 30))) }
    }

    @Test("choices of one prompt each get the tokens of a request of their own", arguments: [5, 16, 33, 64, 70])
    func choices(length: Int) throws {
        var run = TinyRun(try TinyModel.engine { $0.room.maxBatchedTokens = 48 })
        let prompt = TinyModel.prompt(length)
        let key = run.admit(prompt, 20, choices: 4)
        try run.finish()
        let alone = try cold(prompt, 20)
        // Greedy: the choices say the same, one token each a step.
        #expect(run.tokens[key] == alone.flatMap { Array(repeating: $0, count: 4) })
    }

    @Test("short of blocks, requests are preempted and go on with their own tokens; nothing that is cached is lost or mixed up")
    func pressure() throws {
        var run = TinyRun(
            try TinyModel.engine {
                $0.room = EngineRank(totalBlocks: 24, maxSequences: 6, maxBatchedTokens: 512, maxWaiting: 64)
                $0.contextLength = 300
            })
        let prompts = (0..<10).map { TinyModel.prompt(40 + $0 * 3, seed: UInt64($0 % 7)) }
        let keys = prompts.map { run.admit($0, 90) }
        try run.finish()
        for (key, prompt) in zip(keys, prompts) { #expect(run.tokens[key] == (try cold(prompt, 90))) }
        #expect(run.preemptions > 0)
        for prompt in prompts { #expect(try run.answer(prompt, 20) == cold(prompt, 20)) }
    }

    @Test("more prompts are cached than there are places on shelves, and each is found again as it was")
    func shelves() throws {
        // Two lanes and four shelves: of twenty prompts' first blocks most are kept as bytes.
        var run = TinyRun(try TinyModel.engine { $0.room.maxSequences = 2 })
        let prompts = (0..<20).map { TinyModel.prompt(40, seed: UInt64($0)) }
        for prompt in prompts { _ = try run.answer(prompt, 4) }
        for prompt in prompts {
            let key = run.admit(prompt, 20)
            try run.finish()
            #expect(run.tokens[key] == (try cold(prompt, 20)) && run.cached[key] == 32)
        }
    }

    @Test(
        "a walk of thousands of requests with common beginnings, cancels and clears never loses a cell", arguments: [1, 2, 3] as [UInt64])
    func walk(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let (settings, computer) = try LlamaEngine.parts(
            TinyModel.settings {
                $0.room = EngineRank(totalBlocks: 40, maxSequences: 5, maxBatchedTokens: 40, maxWaiting: 64)
                $0.contextLength = 400
            })
        let engine = ReferenceEngine(settings, computer)
        var run = TinyRun(engine), living: [EngineRequestKey] = [], expected: [EngineRequestKey: [TokenID]] = [:]
        for round in 0..<1_500 {
            if random.next() % 3 == 0, living.count < 20 {
                let trunk = Int(random.next() % 4)
                let prompt = TinyModel.prompt(16 * trunk, seed: 1) + TinyModel.prompt(1 + Int(random.next() % 60), seed: random.next() % 5)
                let key = run.admit(prompt, UInt32(1 + random.next() % 40), choices: 1 + Int(random.next() % 3))
                living.append(key)
                if round % 50 == 0 { expected[key] = prompt }
            }
            if random.next() % 9 == 0, let key = living.randomElement(using: &random) { engine.cancel(key, choice: nil) }
            if random.next() % 200 == 0 { engine.clearCache(of: Rank(0)) }
            if engine.hasWork { try run.step() }
            living.removeAll { run.ends[$0] != nil }
            #expect(engine.checkInvariants() == [] && computer.memory.problems == [])
        }
        try run.finish()
        for (key, prompt) in expected.sorted(by: { $0.key.rawValue < $1.key.rawValue }) where run.ends[key] == .finished {
            let tokens = run.tokens[key] ?? []
            guard let first = tokens.first else { continue }
            #expect(try cold(prompt, 1) == [first])
        }
    }
}
