import ClusterModel
import Engines
import Testing

@Suite("Batches of the mock engine")
struct MockBatchingTests {
    @Test("no more sequences run than a rank has room for, choices counted; the others start in order as room is made")
    func sequences() throws {
        let run = EngineRun(.test(sequences: 3, batched: 1_000))
        let two = (0..<2).map { EngineChoice(choice: $0, maxTokens: 5) }
        let keys = [run.admit(1, choices: two), run.admit(2, choices: two), run.admit(3), run.admit(4)]
        while run.engine.hasWork {
            try run.step()
            #expect(run.output.runs.count <= 3)
        }
        #expect(run.faults == [])
        // The second does not fit beside the first, and the third does not overtake it.
        let starts = keys.compactMap { run.startedAt[$0] }
        #expect(starts == starts.sorted())
        #expect(starts[0] == 1 && starts[1] == 6)
        #expect(keys.allSatisfy { run.ended[$0]?.reason == .finished })
    }

    @Test("a step computes no more tokens than its budget, and a long prompt is taken in chunks while others decode")
    func chunks() throws {
        let run = EngineRun(.test(batched: 64))
        let short = run.admit(1, prompt: 10, choices: [EngineChoice(choice: 0, maxTokens: 20)])
        let long = run.admit(2, prompt: 200)
        while run.engine.hasWork {
            try run.step()
            #expect(run.output.prefillTokens + run.output.runs.count <= 64 + 2, "the first token comes with the last chunk")
        }
        #expect(run.faults == [])
        #expect(run.chunks[long] == [54, 117, 180])
        #expect(run.prefilledAt[long] == 4)
        #expect(run.chunks[short] == nil)
        #expect(run.tokens[short]?[0]?.count == 20)
    }

    @Test("each step reports what waits and what runs, and everything is zero at the end")
    func loads() throws {
        let run = EngineRun(.test(sequences: 1, batched: 64))
        run.admit(1, prompt: 100)
        run.admit(2, prompt: 30)
        try run.step()
        #expect(run.output.loads.first?.waitingTokens == 66)
        #expect(run.output.loads.first?.waitingRequests == 1)
        #expect(run.output.loads.first?.runningRequests == 1)
        #expect(run.output.loads.first?.activeBlocks == 4)
        try run.finish()
        #expect(run.output.loads.first?.isIdle == true)
        #expect(run.output.loads.first?.usedBlocks == 7, "the first prompt fills 6, and the second one's last")
        #expect(run.faults == [])
    }

    @Test("a full queue ends with capacity; what can never fit, and what is asked wrongly, names its field")
    func refusals() throws {
        let run = EngineRun(.test(sequences: 2, blocks: 8, waiting: 2))
        let fits = [run.admit(1), run.admit(2)]
        let third = run.admit(3)
        try run.step()
        let large = run.admit(4, prompt: 100, choices: [EngineChoice(choice: 0, maxTokens: 100)])
        let wide = run.admit(5, choices: (0..<3).map { EngineChoice(choice: $0, maxTokens: 1) })
        let elsewhere = run.admit(6, rank: 1)
        let leg = run.admit(7) { $0.leg = .decode }
        let full = run.admit(8, prompt: 1_024)
        let none = run.admit(9, choices: [])
        try run.finish()
        #expect(run.faults == [])
        for key in fits { #expect(run.ended[key]?.reason == .finished) }
        #expect(run.ended[third]?.reason == .failed(.capacity))
        for key in [large, wide] { #expect(run.ended[key]?.reason == .failed(.unsupported("choices"))) }
        #expect(run.ended[elsewhere]?.reason == .failed(.unsupported("rank")))
        #expect(run.ended[leg]?.reason == .failed(.unsupported("leg")))
        #expect(run.ended[full]?.reason == .failed(.unsupported("choices")))
        #expect(run.ended[none]?.reason == .failed(.unsupported("choices")))
    }

    @Test("blocks bound what runs: who is preempted for want of them goes on with the same tokens", arguments: MockPreemption.allCases)
    func blocks(preemption: MockPreemption) throws {
        func run(blocks: UInt32, prefixCaching: Bool) throws -> EngineRun {
            let run = EngineRun(
                .test(blocks: blocks) {
                    $0.preemption = preemption
                    $0.prefixCaching = prefixCaching
                })
            for key in 1...3 as ClosedRange<UInt64> {
                run.admit(key, choices: [EngineChoice(choice: 0, maxTokens: 30)], seed: key) {
                    $0.prompt = (0..<60).map { TokenID($0 + Int(key)) }
                }
            }
            while run.engine.hasWork {
                try run.step()
                run.check()
                #expect(run.output.loads.allSatisfy { $0.activeBlocks <= blocks })
            }
            #expect(run.faults == [])
            #expect(run.ended.values.allSatisfy { $0.reason == .finished })
            return run
        }
        let alone = try run(blocks: 256, prefixCaching: false)
        #expect(alone.preemptions.isEmpty)
        for prefixCaching in [true, false] {
            let short = try run(blocks: 8, prefixCaching: prefixCaching)
            #expect(short.preemptions.values.reduce(0, +) > 0)
            #expect(short.tokens == alone.tokens)
        }
    }

    @Test("cancelled in the queue, between chunks, or while it decodes, a request ends once and leaves its room", arguments: 0...12)
    func cancel(afterSteps count: Int) throws {
        let run = EngineRun(.test(sequences: 1, batched: 32, blocks: 16))
        let key = run.admit(1, prompt: 100, choices: [EngineChoice(choice: 0, maxTokens: 8)])
        for _ in 0..<count where run.engine.hasWork { try run.step() }
        run.engine.cancel(key, choice: nil)
        run.engine.cancel(key, choice: nil)
        try run.finish()
        #expect(run.ended[key]?.reason == (count < 11 ? .cancelled : .finished))
        // All of the rank's room is needed for this one.
        let next = run.admit(2, prompt: 192, choices: [EngineChoice(choice: 0, maxTokens: 64)])
        try run.finish()
        #expect(run.ended[next]?.reason == .finished)
        #expect(run.faults == [])
    }

    @Test("a cancelled choice falls silent, and the last one ends the request")
    func cancelChoice() throws {
        let run = EngineRun()
        let key = run.admit(1, choices: (0..<3).map { EngineChoice(choice: $0, maxTokens: 50) })
        try run.step()
        run.engine.cancel(key, choice: 1)
        for _ in 0..<4 { try run.step() }
        #expect(run.tokens[key]?[1]?.count == 1)
        #expect(run.tokens[key]?[2]?.count == 5)
        run.engine.cancel(key, choice: 0)
        run.engine.cancel(key, choice: 2)
        #expect(run.engine.hasWork)
        try run.finish()
        #expect(run.ended[key]?.reason == .cancelled)
        #expect(run.ended[key]?.outputTokens == 11)
        #expect(run.faults == [])
    }

    @Test("ranks work side by side: a step takes as long as the slowest of them")
    func ranks() throws {
        let run = EngineRun(.test(ranks: 2, speedup: 1)), alone = EngineRun(.test(speedup: 1))
        run.admit(1, prompt: 60, rank: 0)
        run.admit(2, prompt: 20, rank: 1)
        alone.admit(1, prompt: 60)
        try run.step()
        try alone.step()
        #expect(run.elapsed == alone.elapsed && run.elapsed > .zero)
        #expect(run.output.loads.map(\.runningRequests) == [1, 1])
        try run.finish()
        #expect(run.faults == [])
    }

    @Test("a request with priority starts before those that came earlier without")
    func priority() throws {
        let run = EngineRun(.test(sequences: 1))
        let first = run.admit(1), plain = run.admit(2)
        let urgent = run.admit(3) { $0.priority = 1 }
        let alsoUrgent = run.admit(4) { $0.priority = 1 }
        try run.finish()
        let order = [first, plain, urgent, alsoUrgent].sorted { (run.startedAt[$0] ?? 0) < (run.startedAt[$1] ?? 0) }
        #expect(order == [urgent, alsoUrgent, first, plain])
    }

    @Test("thousands of requests at random, some cancelled, all end once and leave nothing", arguments: 1...5 as ClosedRange<UInt64>)
    func soak(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let run = EngineRun(.test(sequences: 7, batched: 40, blocks: 64, waiting: 30, ranks: 2))
        var keys: [EngineRequestKey] = []
        for round in 0..<1_500 {
            if random.next() % 2 == 0 {
                let count = UInt8(1 + random.next() % 3)
                keys.append(
                    run.admit(
                        UInt64(round), prompt: Int(1 + random.next() % 150),
                        choices: (0..<count).map { EngineChoice(choice: $0, maxTokens: UInt32(1 + random.next() % 40)) },
                        seed: random.next(), rank: UInt32(random.next() % 2)))
            }
            if random.next() % 5 == 0, let key = keys.randomElement(using: &random) {
                run.engine.cancel(key, choice: random.next() % 2 == 0 ? nil : UInt8(random.next() % 3))
            }
            if run.engine.hasWork { try run.step() }
        }
        try run.finish()
        #expect(run.faults == [])
        #expect(keys.allSatisfy { run.ended[$0] != nil })
        #expect(run.output.loads.allSatisfy { $0.isIdle })
    }
}
