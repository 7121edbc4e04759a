import ClusterModel
import Engines
import Testing

@Suite("Every engine: a walk at random")
struct WalkConformanceTests {
    @Test(
        "whatever is asked in whatever order, everything ends once and nothing is left", arguments: EngineUnderTest.all,
        [1, 2, 3] as [UInt64])
    func walk(engine: EngineUnderTest, seed: UInt64) throws {
        var walk = Walk(
            try engine.run {
                $0.blocks = 48
                $0.batchedTokens = 40
                $0.waiting = 20
            }, seed: seed)
        for _ in 0..<600 { try walk.go() }
        try walk.end()
        #expect(walk.run.breaches == [])
        #expect(walk.run.records.count > 100)
        #expect(walk.run.records.values.count { $0.end?.reason == .finished } > 20)
    }
}

/// Commands at random, as a service could give them.
private struct Walk {
    let run: ConformanceRun
    private var random: SeededRandom
    private var keys: [EngineRequestKey] = []
    private var sessions: [(number: UInt64, rank: Rank)] = []
    private var nextSession: UInt64 = 1

    init(_ run: ConformanceRun, seed: UInt64) {
        self.run = run
        random = SeededRandom(seed: seed)
    }

    private mutating func draw(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
    private mutating func rank() -> Rank { Rank(UInt32(draw(run.profile.ranks.count))) }

    mutating func go() throws {
        switch draw(20) {
        case 0...5: admit()
        case 6...7: if let key = living() { run.cancel(key, choice: draw(2) == 0 ? nil : UInt8(draw(3))) }
        case 8: run.engine.cancel(EngineRequestKey(1_000_000 + UInt64(draw(9))), choice: nil)
        case 9 where draw(8) == 0: run.engine.clearCache(of: rank())
        case 10 where run.can(.sessions): openOrEnd()
        default: if run.engine.hasWork { try run.step() }
        }
    }

    mutating func end() throws {
        for session in sessions { run.engine.session(.end(session: session.number)) }
        try run.finish()
        // Every step tells the loads: one more, with everything gone.
        let last = run.admit(run.prompt(3), maxTokens: 1)
        try run.finish()
        precondition(run[last].end != nil)
        run.expectRest()
        for load in run.output.loads where load.sessionBlocks != 0 { Issue.record("blocks of sessions that have ended: \(load)") }
    }

    private mutating func living() -> EngineRequestKey? {
        keys.removeAll { !run[$0].isLiving }
        return keys.isEmpty ? nil : keys[draw(keys.count)]
    }

    private mutating func admit() {
        let count = run.can(.choices) && draw(4) == 0 ? 2 + draw(2) : 1
        let choices = (0..<count).map { number in
            EngineChoice(
                choice: UInt8(number), shown: draw(4) == 0 ? run.prompt(1 + draw(20), seed: UInt64(draw(5))) : [],
                maxTokens: draw(8) == 0 ? nil : UInt32(1 + draw(60)), minTokens: 0)
        }
        // Few texts, so that prompts share prefixes; now and then one that is too long for the pool.
        let prompt = run.prompt(1 + draw(draw(30) == 0 ? 1_000 : 200), seed: UInt64(draw(4)))
        let place = rank(), adapters = run.profile.model.adapters
        let adapter = adapters.isEmpty || draw(3) != 0 ? "" : adapters[draw(adapters.count)]
        let salt = run.can(.salts) && draw(4) == 0 ? CacheSalt(bytes: Array(repeating: UInt8(draw(2)), count: 16)) : nil
        let session = draw(3) == 0 ? sessions.first { $0.rank == place } : nil
        let priority = Float(draw(5) / 4), embeds = run.can(.embeddings) && draw(10) == 0
        let tops = run.can(.logprobs) && draw(6) == 0 ? UInt32(draw(4)) : nil
        let ignoresEnd = draw(2) == 0, limit = min(Int(run.profile.model.contextLength), prompt.count + 120), seed = random.next()
        keys.append(
            run.admit(prompt, choices: embeds ? [EngineChoice(choice: 0, maxTokens: 1)] : choices, seed: seed) {
                $0.rank = place
                $0.adapter = adapter
                $0.salt = salt
                $0.session = session?.number
                $0.priority = priority
                $0.embeds = embeds
                $0.sampling.topLogprobs = embeds ? nil : tops
                $0.sampling.ignoreEndOfText = ignoresEnd
                $0.contextLimit = limit
            })
    }

    private mutating func openOrEnd() {
        if sessions.count < 4 {
            let session = (nextSession, rank())
            nextSession += 1
            sessions.append(session)
            run.engine.session(.open(session: session.0, rank: session.1))
        } else {
            run.engine.session(.end(session: sessions.remove(at: draw(sessions.count)).number))
        }
    }
}
