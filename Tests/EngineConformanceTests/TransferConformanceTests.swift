import ClusterModel
import Engines
import Testing

@Suite("Every engine: split requests")
struct TransferConformanceTests {
    /// What one whole request gives: what its two legs together have to give.
    private func whole(_ engine: EngineUnderTest, _ request: EngineRequest) throws -> RequestRecord {
        let run = try engine.run()
        let key = run.admit(request.prompt, choices: request.choices) { $0.sampling = request.sampling }
        try run.finish()
        return run[key]
    }

    @Test("state that is pushed while prefill goes on gives the text of a whole request", arguments: EngineUnderTest.all, [1, 3, 100])
    func concurrent(engine: EngineUnderTest, pages: Int) throws {
        var pair = try Pair(engine)
        guard pair.isConcurrent else { return }
        pair.pagesAtOnce = pages
        pair.begin(pair.giver.prompt(203), choices: [EngineChoice(choice: 0, maxTokens: 40)])
        try pair.run()
        let expected = try whole(engine, pair.giving.request)
        #expect(pair.giving.end?.reason == .handedOver && pair.receiving.end?.reason == .finished)
        #expect(pair.giving.output() == Array(expected.output().prefix(1)))
        #expect(pair.receiving.output() == expected.output(), "the first token is repeated")
        #expect(pair.receiving.end?.promptTokens == 203)
        #expect(Set(pair.exportableSteps).count > 1, "pages leave before prefill is done")
        pair.expectRest()
    }

    @Test("a prefill leg needs room for its prompt, and none for what others will say", arguments: EngineUnderTest.all)
    func promptAlone(engine: EngineUnderTest) throws {
        var pair = try Pair(engine) { $0.blocks = 24 }
        let room = Int(pair.giver.profile.ranks[0].totalBlocks) * Int(pair.giver.profile.model.blockSize)
        guard pair.isConcurrent, room > 0, room <= 4_096 else { return }
        pair.begin(pair.giver.prompt(room / 2), choices: [EngineChoice(choice: 0, maxTokens: UInt32(room))])
        for _ in 0..<50 where pair.giving.isLiving && pair.giving.output().isEmpty { try pair.turn() }
        #expect(pair.giving.isLiving && pair.giving.output().count == 1)
        pair.cancel()
        try pair.run()
        pair.expectRest()
    }

    @Test("short of blocks, requests that grow give way to a leg whose state leaves", arguments: EngineUnderTest.all)
    func exportingStays(engine: EngineUnderTest) throws {
        var pair = try Pair(engine) {
            $0.blocks = 24
            $0.batchedTokens = 64
        }
        let giver = pair.giver, room = Int(giver.profile.ranks[0].totalBlocks) * Int(giver.profile.model.blockSize)
        guard pair.isConcurrent, room > 0, room <= 4_096 else { return }
        // They start before the leg and after it, and grow beyond what there is while it computes.
        let others = (0..<4).map { index in
            if index == 2 { pair.begin(giver.prompt(room / 3), choices: [EngineChoice(choice: 0, maxTokens: 4)]) }
            return giver.admit(giver.prompt(room / 10, seed: UInt64(index) + 7), maxTokens: UInt32(room / 3))
        }
        try pair.run()
        try pair.giver.finish()
        #expect(pair.giving.end?.reason == .handedOver && pair.giving.preemptions == 0)
        #expect(pair.receiving.end?.reason == .finished)
        #expect(others.allSatisfy { giver[$0].end?.reason == .finished })
        if engine.preempts { #expect(others.contains { giver[$0].preemptions > 0 }) }
        pair.expectRest()
    }

    @Test("the state of several choices, and of a text that goes on, is handed over", arguments: EngineUnderTest.all)
    func choices(engine: EngineUnderTest) throws {
        var pair = try Pair(engine)
        guard pair.isConcurrent, pair.giver.can(.choices) else { return }
        pair.begin(pair.giver.prompt(100), choices: (0..<3).map { EngineChoice(choice: $0, maxTokens: 1 + UInt32($0) * 10) })
        try pair.run()
        let expected = try whole(engine, pair.giving.request)
        #expect(pair.receiving.end?.reason == .finished)
        for choice in 0..<3 as Range<UInt8> { #expect(pair.receiving.output(choice) == expected.output(choice)) }
        pair.expectRest()

        let shown = Array(expected.output(2)[..<7])
        var second = try Pair(engine)
        second.begin(pair.giving.request.prompt, choices: [EngineChoice(choice: 2, shown: shown, maxTokens: 14)])
        try second.run()
        #expect(second.receiving.output(2) == Array(expected.output(2)[7...]))
        #expect(second.receiving.end?.promptTokens == 107)
        second.expectRest()
    }

    @Test("what the receiver has already need not be sent", arguments: EngineUnderTest.all)
    func held(engine: EngineUnderTest) throws {
        var pair = try Pair(engine)
        guard pair.isConcurrent, pair.taker.profile.cacheReport == .exact else { return }
        let block = Int(pair.taker.profile.model.blockSize)
        let prompt = pair.giver.prompt(12 * block + 5)
        pair.taker.admit(Array(prompt[..<(8 * block)]), maxTokens: 2)
        try pair.taker.finish()
        pair.begin(prompt, choices: [EngineChoice(choice: 0, maxTokens: 10)])
        try pair.run()
        #expect(pair.receiving.heldBlocks == 8 && pair.receiving.end?.cachedTokens == UInt32(8 * block))
        #expect(pair.receiving.stored.allSatisfy { $0.firstBlock >= 8 })
        let expected = try whole(engine, pair.giving.request)
        #expect(pair.receiving.output() == expected.output())
        pair.expectRest()
        // What came over the wire is as good as what was computed here.
        let again = pair.taker.admit(prompt, maxTokens: 2)
        try pair.taker.finish()
        #expect(pair.taker[again].end?.cachedTokens == UInt32(12 * block))
    }

    @Test("a first token that ends the text ends the receiver's leg", arguments: EngineUnderTest.all)
    func oneToken(engine: EngineUnderTest) throws {
        var pair = try Pair(engine)
        guard pair.isConcurrent else { return }
        pair.begin(pair.giver.prompt(100), choices: [EngineChoice(choice: 0, maxTokens: 1)])
        try pair.run()
        #expect(pair.giving.end?.reason == .handedOver && pair.giving.finishes[0] == .length)
        #expect(pair.receiving.end?.reason == .finished && pair.receiving.output().count == 1)
        pair.expectRest()
    }

    @Test("whoever waits with its state or for it holds its blocks and has no work", arguments: EngineUnderTest.all)
    func waits(engine: EngineUnderTest) throws {
        var pair = try Pair(engine)
        guard pair.isConcurrent else { return }
        pair.begin(pair.giver.prompt(100), choices: [EngineChoice(choice: 0, maxTokens: 10)])
        try pair.giver.finish()
        try pair.taker.finish()
        #expect(pair.giving.output().count == 1 && pair.giving.isLiving && pair.receiving.heldBlocks != nil)
        for run in [pair.giver, pair.taker] {
            #expect(!run.engine.hasWork)
            #expect(run.output.loads[0].runningRequests == 1 && run.output.loads[0].activeBlocks >= 6)
            #expect(run.output.loads[0].waitingTokens == 0)
        }
        // Others run meanwhile.
        let other = pair.taker.admit(pair.taker.prompt(60, seed: 4), maxTokens: 20)
        try pair.taker.finish()
        #expect(pair.taker[other].end?.reason == .finished)
        try pair.run()
        #expect(pair.receiving.end?.reason == .finished)
        pair.expectRest()
    }

    @Test("cancelled in any moment, both legs leave nothing behind", arguments: EngineUnderTest.all)
    func cancel(engine: EngineUnderTest) throws {
        for moment in 0..<22 {
            var pair = try Pair(engine) {
                $0.blocks = 16
                $0.batchedTokens = 32
            }
            guard pair.isConcurrent else { return }
            pair.begin(pair.giver.prompt(150), choices: [EngineChoice(choice: 0, maxTokens: 8)])
            for _ in 0..<moment { try pair.turn() }
            pair.cancel()
            for run in [pair.giver, pair.taker] {
                // It needs all but two of the blocks.
                let next = run.admit(run.prompt(200, seed: 5), maxTokens: 10)
                try run.finish()
                #expect(run[next].end?.reason == .finished)
            }
            #expect(!pair.giving.isLiving && !pair.receiving.isLiving)
            pair.expectRest()
        }
    }

    @Test(
        "reservations are made in order, as far as there are blocks; the next one has its turn when one is given up",
        arguments: EngineUnderTest.all)
    func reservations(engine: EngineUnderTest) throws {
        let run = try engine.run { $0.blocks = 24 }
        guard run.can(.concurrentHandOver), run.profile.ranks[0].totalBlocks == 24 else { return }
        let keys = (0..<3).map { seed in
            run.admit(run.prompt(10 * Int(run.profile.model.blockSize), seed: UInt64(seed)), maxTokens: 8) {
                $0.leg = .decode
                $0.handOver = .receive
            }
        }
        let small = run.admit(run.prompt(20, seed: 8), maxTokens: 8)
        try run.finish()
        #expect(keys.map { run[$0].heldBlocks != nil } == [true, true, false])
        #expect(run[small].isLiving, "nobody passes who came first")
        run.cancel(keys[0])
        try run.finish()
        #expect(run[keys[2]].heldBlocks != nil && run[small].end?.reason == .finished)
        for key in keys { run.cancel(key) }
        try run.finish()
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("a prefill leg ends with parameters, and a decode leg that starts with them gives the whole text", arguments: EngineUnderTest.all)
    func sequential(engine: EngineUnderTest) throws {
        let giver = try engine.run(), taker = try engine.run()
        guard giver.can(.sequentialHandOver) else { return }
        let first = giver.admit(giver.prompt(130), maxTokens: 25) { $0.leg = .prefill }
        try giver.finish()
        giver.expectRest()
        let end = try #require(giver[first].end)
        #expect(end.reason == .handedOver && !end.handOver.isEmpty && giver[first].output().count == 1)
        let second = taker.admit(giver.prompt(130), maxTokens: 25) {
            $0.leg = .decode
            $0.handOver = .parameters(end.handOver)
        }
        try taker.step { $0[second].output().count == 1 }
        #expect(taker.output.prefillTokens == 0)
        try taker.finish()
        let expected = try whole(engine, giver[first].request)
        #expect(taker[second].end?.reason == .finished && taker[second].output() == expected.output())
        let wrong = taker.admit(giver.prompt(130), maxTokens: 25) {
            $0.leg = .decode
            $0.handOver = .parameters(end.handOver.dropLast())
        }
        try taker.finish()
        #expect(taker[wrong].end?.reason == .failed(.incompatible("parameters")))
        taker.expectRest()
        #expect(giver.breaches == [] && taker.breaches == [])
    }

    @Test("legs that fit no hand-over are refused by the name of the field", arguments: EngineUnderTest.all)
    func nonsense(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.can(.concurrentHandOver) || run.can(.sequentialHandOver) else { return }
        let legs: [(EngineLeg, HandOver)] = [
            (.whole, .export), (.whole, .receive), (.whole, .parameters([1])), (.prefill, .receive), (.prefill, .parameters([1])),
            (.decode, .none), (.decode, .export),
        ]
        for (leg, handOver) in legs {
            let key = run.admit(run.prompt(20), maxTokens: 3) {
                $0.leg = leg
                $0.handOver = handOver
            }
            try run.finish()
            #expect(run[key].end?.reason == .failed(.unsupported("handOver")), "\(leg) \(handOver)")
        }
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("transfers of requests that nobody knows are ignored", arguments: EngineUnderTest.all)
    func unknown(engine: EngineUnderTest) throws {
        let run = try engine.run(), slice = KVSlice(firstBlock: 0, blockCount: 1, firstLayer: 0, layerCount: 1)
        let whole = run.admit(run.prompt(20), maxTokens: 30)
        for key in [EngineRequestKey(999), whole] {
            run.engine.transfer(.export(key, slice))
            run.engine.transfer(.store(key, slice, bytes: [1, 2, 3]))
            run.engine.transfer(.complete(key, firstTokens: [], handOver: []))
            run.engine.transfer(.release(key))
        }
        try run.finish()
        #expect(run[whole].end?.reason == .finished && run[whole].output().count == 30)
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test(
        "many transfers at once, some of them cancelled, with whole requests between them", arguments: EngineUnderTest.all,
        [1, 2] as [UInt64])
    func many(engine: EngineUnderTest, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let first = try Pair(engine) { $0.blocks = 64 }
        guard first.isConcurrent else { return }
        var pairs: [Pair] = []
        for round in 0..<120 {
            if round % 8 == 0, pairs.count < 12 {
                var pair = first
                pair.pagesAtOnce = 1 + Int(random.next() % 4)
                pair.begin(
                    first.giver.prompt(1 + Int(random.next() % 150), seed: random.next() % 3),
                    choices: [EngineChoice(choice: 0, maxTokens: UInt32(1 + random.next() % 30))])
                pairs.append(pair)
            }
            if round % 5 == 0 {
                first.giver.admit(first.giver.prompt(30, seed: random.next() % 3), maxTokens: 20)
                first.taker.admit(first.taker.prompt(90, seed: random.next() % 3), maxTokens: 20)
            }
            if random.next() % 12 == 0, !pairs.isEmpty { pairs[Int(random.next() % UInt64(pairs.count))].cancel() }
            for run in [first.giver, first.taker] where run.engine.hasWork { try run.step() }
            for index in pairs.indices { pairs[index].carry() }
        }
        for _ in 0..<2_000 {
            for run in [first.giver, first.taker] where run.engine.hasWork { try run.step() }
            for index in pairs.indices { pairs[index].carry() }
        }
        #expect(pairs.contains { $0.receiving.end?.reason == .finished })
        for pair in pairs where pair.receiving.end?.reason == .finished {
            let expected = try whole(engine, pair.giving.request)
            #expect(pair.receiving.output() == expected.output())
        }
        first.expectRest()
    }
}
