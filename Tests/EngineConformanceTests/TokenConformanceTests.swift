import ClusterModel
import Engines
import Testing

/// What an engine with `exactContinuation` promises; of others nothing of this is asked.
@Suite("Every engine: which tokens come")
struct TokenConformanceTests {
    private func tokens(
        _ run: ConformanceRun, _ prompt: [TokenID], _ count: UInt32, seed: UInt64, shown: [TokenID] = [],
        _ change: (inout EngineRequest) -> Void = { _ in }
    ) throws -> [TokenID] {
        let key = run.admit(prompt, choices: [EngineChoice(choice: 0, shown: shown, maxTokens: count)], seed: seed) {
            $0.sampling.temperature = 1
            change(&$0)
        }
        try run.finish()
        return run[key].output()
    }

    @Test("the same seed gives the same tokens, another seed and another prompt others", arguments: EngineUnderTest.all)
    func seeds(engine: EngineUnderTest) throws {
        let run = try engine.run(), other = try engine.run()
        guard run.can(.exactContinuation) else { return }
        let text = try tokens(run, run.prompt(50), 40, seed: 5)
        #expect(try tokens(run, run.prompt(50), 40, seed: 5) == text)
        #expect(try tokens(other, run.prompt(50), 40, seed: 5) == text, "another engine of the same kind")
        #expect(try tokens(run, run.prompt(50), 40, seed: 6) != text)
        #expect(try tokens(run, run.prompt(50, seed: 2), 40, seed: 5) != text)
        for adapter in run.profile.model.adapters { #expect(try tokens(run, run.prompt(50), 40, seed: 5) { $0.adapter = adapter } != text) }
        #expect(run.breaches == [] && other.breaches == [])
    }

    @Test("continued from any token, a text goes on as if it had never stopped", arguments: EngineUnderTest.all)
    func continuation(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.can(.exactContinuation) else { return }
        let text = try tokens(run, run.prompt(45), 36, seed: 5)
        for cut in 1..<36 {
            // At every second cut by an engine that knows nothing of it.
            let other = cut % 2 == 0 ? run : try engine.run()
            let rest = try tokens(other, run.prompt(45), UInt32(36 - cut), seed: 5, shown: Array(text[..<cut]))
            #expect(rest == Array(text[cut...]), "cut at \(cut)")
            #expect(other.breaches == [])
        }
    }

    @Test("choices are continued each from where it stood, without those that are done", arguments: EngineUnderTest.all)
    func continuedChoices(engine: EngineUnderTest) throws {
        let run = try engine.run(), other = try engine.run()
        guard run.can(.exactContinuation), run.can(.choices) else { return }
        let whole = run.admit(run.prompt(45), choices: (0..<3).map { EngineChoice(choice: $0, maxTokens: 30) }) {
            $0.sampling.temperature = 1
        }
        try run.finish()
        let cuts: [UInt8: Int] = [1: 4, 2: 25]
        let rest = other.admit(
            run.prompt(45),
            choices: [1, 2].map { number in
                EngineChoice(
                    choice: number, shown: Array(run[whole].output(number)[..<(cuts[number] ?? 0)]),
                    maxTokens: UInt32(30 - (cuts[number] ?? 0)))
            }
        ) { $0.sampling.temperature = 1 }
        try other.finish()
        for (number, cut) in [(1, 4), (2, 25)] as [(UInt8, Int)] {
            #expect(other[rest].output(number) == Array(run[whole].output(number)[cut...]))
        }
        #expect(other[rest].end?.promptTokens == UInt32(74))
        other.expectRest()
        #expect(run.breaches == [] && other.breaches == [])
    }

    @Test("what else runs, waits or is cancelled changes no token", arguments: EngineUnderTest.all)
    func batching(engine: EngineUnderTest) throws {
        let run = try engine.run(), alone = try engine.run()
        guard run.can(.exactContinuation) else { return }
        var keys: [EngineRequestKey] = []
        for index in 0..<20 {
            keys.append(
                run.admit(run.prompt(10 + index * 9, seed: UInt64(index)), maxTokens: 25, seed: UInt64(index)) {
                    $0.sampling.temperature = 1
                })
            if index % 3 == 0 { try run.step() }
            if index % 5 == 4 { run.cancel(keys[index - 2]) }
        }
        try run.finish()
        for (index, key) in keys.enumerated() {
            let text = try tokens(alone, run.prompt(10 + index * 9, seed: UInt64(index)), 25, seed: UInt64(index))
            let given = run[key].output()
            #expect(given == Array(text[..<given.count]) && (given.count == 25 || run[key].end?.reason == .cancelled))
        }
        run.expectRest()
        #expect(run.breaches == [] && alone.breaches == [])
    }

    @Test("short of blocks, requests wait or are preempted, and all end with their own tokens", arguments: EngineUnderTest.all)
    func shortOfBlocks(engine: EngineUnderTest) throws {
        let run = try engine.run {
            $0.blocks = 24
            $0.batchedTokens = 512
        }
        let alone = try engine.run()
        let room = Int(run.profile.ranks[0].totalBlocks) * Int(run.profile.model.blockSize)
        guard room > 0, room <= 4_096 else { return }
        let keys = (0..<6).map { seed in
            run.admit(run.prompt(room / 8, seed: UInt64(seed)), maxTokens: UInt32(room / 4), seed: UInt64(seed)) {
                $0.sampling.temperature = 1
            }
        }
        try run.finish()
        run.expectRest()
        #expect(run.breaches == [])
        for (index, key) in keys.enumerated() {
            #expect(run[key].end?.reason == .finished && run[key].output().count == room / 4)
            guard run.can(.exactContinuation) else { continue }
            #expect(
                try tokens(alone, run.prompt(room / 8, seed: UInt64(index)), UInt32(room / 4), seed: UInt64(index)) == run[key].output())
        }
        if engine.preempts { #expect(keys.contains { run[$0].preemptions > 0 }) }
    }
}
