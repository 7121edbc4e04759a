import ClusterModel
import Engines
import Testing

@Suite("Every engine: its prefix cache, and sessions")
struct CacheConformanceTests {
    @Test("a prompt that was there before is found again, all but its end", arguments: EngineUnderTest.all)
    func hit(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.profile.cacheReport == .exact else { return }
        let block = UInt32(run.profile.model.blockSize)
        let first = run.admit(run.prompt(10 * Int(block) + 3), maxTokens: 2)
        try run.finish()
        let second = run.admit(run.prompt(10 * Int(block) + 3), maxTokens: 2)
        try run.finish()
        #expect(run[first].end?.cachedTokens == 0)
        #expect(run[second].end?.cachedTokens == 10 * block)
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("a prompt that is cached to its last token still computes one", arguments: EngineUnderTest.all)
    func wholePrompt(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.profile.cacheReport == .exact else { return }
        let prompt = run.prompt(4 * Int(run.profile.model.blockSize))
        run.admit(prompt, maxTokens: 2)
        try run.finish()
        let second = run.admit(prompt, maxTokens: 2)
        try run.finish()
        let cached = run[second].end?.cachedTokens ?? 0
        #expect(cached > 0 && cached < UInt32(prompt.count))
        #expect(run.breaches == [])
    }

    @Test(
        "what was told as stored is the chain of the prompt's blocks, under the hashes that everybody computes",
        arguments: EngineUnderTest.all)
    func hashes(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.profile.cacheReport == .exact else { return }
        let salt = run.can(.salts) ? CacheSalt(bytes: Array(repeating: 3, count: 16)) : nil
        for adapter in [""] + run.profile.model.adapters {
            let prompt = run.prompt(6 * Int(run.profile.model.blockSize), seed: 3)
            run.admit(prompt, maxTokens: 2) {
                $0.adapter = adapter
                $0.salt = salt
            }
            try run.finish()
            var hashes: [SequenceHash] = []
            BlockHasher(blockSize: run.profile.model.blockSize, adapter: adapter, salt: salt).extend(&hashes, toCover: prompt.span)
            #expect(hashes.count == 6 && hashes.allSatisfy { run.cache.holds($0, 0) })
        }
        #expect(run.breaches == [])
    }

    @Test("prompts of another salt or another adapter share nothing", arguments: EngineUnderTest.all)
    func apart(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.profile.cacheReport == .exact else { return }
        let prompt = run.prompt(8 * Int(run.profile.model.blockSize) + 1)
        var kinds: [(String, CacheSalt?)] = ([""] + run.profile.model.adapters).map { ($0, nil) }
        if run.can(.salts) { kinds += [1, 2].map { ("", CacheSalt(bytes: Array(repeating: $0, count: 16))) } }
        for expected in [false, true] {
            for (adapter, salt) in kinds {
                let key = run.admit(prompt, maxTokens: 2) {
                    $0.adapter = adapter
                    $0.salt = salt
                }
                try run.finish()
                #expect(((run[key].end?.cachedTokens ?? 0) > 0) == expected, "\(adapter) \(String(describing: salt))")
            }
        }
        #expect(run.breaches == [])
    }

    @Test("a rank's cache is its own, and a clear empties that one alone", arguments: EngineUnderTest.all)
    func clear(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.profile.cacheReport == .exact else { return }
        let prompt = run.prompt(100)
        func cached(_ rank: UInt32) throws -> UInt32 {
            let key = run.admit(prompt, maxTokens: 2) { $0.rank = Rank(rank) }
            try run.finish()
            return run[key].end?.cachedTokens ?? 0
        }
        let ranks = run.profile.ranks.indices.map { UInt32($0) }
        for rank in ranks { #expect(try cached(rank) == 0) }
        for rank in ranks { #expect(try cached(rank) > 0) }
        run.engine.clearCache(of: Rank(0))
        try run.finish()
        #expect(run.cache.count(0) == 0, "a clear is told")
        #expect(try cached(0) == 0)
        for rank in ranks.dropFirst() { #expect(try cached(rank) > 0) }
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("a clear under running requests leaves them theirs, and nobody else finds it", arguments: EngineUnderTest.all)
    func clearWhileRunning(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.profile.cacheReport == .exact else { return }
        let running = run.admit(run.prompt(100), maxTokens: 60)
        try run.step { $0[running].output().count > 5 }
        run.engine.clearCache(of: Rank(0))
        let next = run.admit(run.prompt(100), maxTokens: 2)
        try run.finish()
        #expect(run[running].end?.reason == .finished && run[running].output().count == 60)
        #expect(run[next].end?.cachedTokens == 0)
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("under pressure old blocks leave, each told once, and what is used stays within the room", arguments: EngineUnderTest.all)
    func eviction(engine: EngineUnderTest) throws {
        let run = try engine.run { $0.blocks = 32 }
        for seed in 0..<40 {
            run.admit(run.prompt(40 + seed * 7, seed: UInt64(seed % 12)), maxTokens: 20) {
                $0.rank = Rank(UInt32(seed % run.profile.ranks.count))
            }
            if seed % 3 == 0 { try run.finish() }
        }
        try run.finish()
        run.expectRest()
        #expect(run.breaches == [])
        for rank in run.profile.ranks.indices where run.profile.cacheReport == .exact {
            #expect(run.cache.count(rank) <= run.profile.ranks[rank].totalBlocks)
        }
    }

    @Test("an open session keeps what its last request computed, and gives it back when it ends", arguments: EngineUnderTest.all)
    func session(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.can(.sessions) else { return }
        let block = Int(run.profile.model.blockSize)
        run.engine.session(.open(session: 5, rank: Rank(0)))
        let first = run.admit(run.prompt(6 * block), maxTokens: UInt32(2 * block + 3)) { $0.session = 5 }
        try run.finish()
        // The last token's state was never computed.
        #expect(run.sessionBlocks[5] == 8 && run.output.loads[0].sessionBlocks == 8)
        run.expectRest()
        let turn = run[first].request.prompt + run[first].output() + run.prompt(block, seed: 8)
        let second = run.admit(turn, maxTokens: 2) { $0.session = 5 }
        try run.finish()
        #expect(Int(run[second].end?.cachedTokens ?? 0) >= 8 * block)
        #expect((run.sessionBlocks[5] ?? 0) >= 9)
        run.engine.session(.end(session: 5))
        if run.engine.hasWork { try run.finish() }
        let after = run.admit(run.prompt(10, seed: 9), maxTokens: 1)
        try run.finish()
        #expect(run[after].end?.reason == .finished && run.output.loads[0].sessionBlocks == 0)
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("a session that ends under its request leaves nothing behind, and one of another rank is its own", arguments: EngineUnderTest.all)
    func sessionEnds(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.can(.sessions) else { return }
        run.engine.session(.open(session: 1, rank: Rank(0)))
        let key = run.admit(run.prompt(100), maxTokens: 30) { $0.session = 1 }
        try run.step { $0[key].output().count > 3 }
        run.engine.session(.end(session: 1))
        run.engine.session(.end(session: 1))
        run.engine.session(.end(session: 77))
        try run.finish()
        #expect(run[key].end?.reason == .finished && run.output.loads[0].sessionBlocks == 0)
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("sessions give way before a request is refused or preempted, and say so", arguments: EngineUnderTest.all)
    func sessionPressure(engine: EngineUnderTest) throws {
        let run = try engine.run { $0.blocks = 32 }
        guard run.can(.sessions), run.profile.ranks[0].totalBlocks <= 1_024 else { return }
        let block = Int(run.profile.model.blockSize), total = Int(run.profile.ranks[0].totalBlocks)
        for session in 1...3 {
            run.engine.session(.open(session: UInt64(session), rank: Rank(0)))
            run.admit(run.prompt(total / 4 * block, seed: UInt64(session)), maxTokens: 2) { $0.session = UInt64(session) }
            try run.finish()
        }
        let large = run.admit(run.prompt((total - 2) * block, seed: 9), maxTokens: 2)
        try run.finish()
        #expect(run[large].end?.reason == .finished && run[large].preemptions == 0)
        #expect(run.sessionBlocks[1] == 0, "the one that was not used for longest goes first")
        let told = run.sessionBlocks.values.reduce(0, +)
        #expect(told == run.output.loads[0].sessionBlocks)
        run.expectRest()
        #expect(run.breaches == [])
    }
}
