import ClusterModel
import Engines
import Testing

@Suite("Every engine: cancelled requests")
struct CancelConformanceTests {
    @Test("cancelled after any number of steps, a request ends once, falls silent, and leaves its room", arguments: EngineUnderTest.all)
    func anyMoment(engine: EngineUnderTest) throws {
        for moment in 0...16 {
            let run = try engine.run {
                $0.sequences = 1
                $0.batchedTokens = 32
                $0.blocks = 16
            }
            // While one runs, another waits: both are cancelled in the same moment.
            let keys = (0..<2).map { run.admit(run.prompt(100, seed: UInt64($0)), maxTokens: 8) }
            for _ in 0..<moment where run.engine.hasWork { try run.step() }
            for key in keys { run.cancel(key) }
            for key in keys { run.cancel(key) }
            let next = run.admit(run.prompt(150, seed: 9), maxTokens: 8)
            let ended = keys.filter { !run[$0].isLiving }
            if !ended.isEmpty || run.engine.hasWork { try run.step() }
            for key in keys {
                let reason = run[key].end?.reason
                #expect(ended.contains(key) ? reason == .finished : reason == .cancelled, "at step \(moment)")
            }
            try run.finish()
            #expect(run[next].end?.reason == .finished)
            run.expectRest()
            #expect(run.breaches == [], "at step \(moment)")
        }
    }

    @Test("of a cancelled choice nothing more comes, the others go on, and the last one ends the request", arguments: EngineUnderTest.all)
    func oneChoice(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.can(.choices) else { return }
        let key = run.admit(run.prompt(40), choices: (0..<3).map { EngineChoice(choice: $0, maxTokens: 40) })
        try run.step { $0[key].output().count == 3 }
        let given = run[key].output(1).count
        run.cancel(key, choice: 1)
        run.cancel(key, choice: 1)
        run.cancel(key, choice: 9)
        try run.step { $0[key].output().count == 6 }
        #expect(run[key].output(1).count == given && run[key].isLiving)
        run.cancel(key, choice: 0)
        run.cancel(key, choice: 2)
        try run.finish()
        #expect(run[key].end?.reason == .cancelled)
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("a choice that is cancelled while it waits is never begun", arguments: EngineUnderTest.all)
    func choiceInQueue(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.can(.choices) else { return }
        let key = run.admit(run.prompt(40), choices: (0..<2).map { EngineChoice(choice: $0, maxTokens: 5) })
        run.cancel(key, choice: 0)
        try run.finish()
        #expect(run[key].output(0).isEmpty && run[key].output(1).count == 5)
        #expect(run[key].end?.reason == .finished)
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("who is cancelled in the queue never starts", arguments: EngineUnderTest.all)
    func inQueue(engine: EngineUnderTest) throws {
        let run = try engine.run()
        let key = run.admit(run.prompt(40))
        run.cancel(key)
        try run.finish()
        #expect(run[key].end?.reason == .cancelled && run[key].cachedTokens.isEmpty && run[key].output().isEmpty)
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("unknown keys, and those that have ended, are ignored", arguments: EngineUnderTest.all)
    func unknown(engine: EngineUnderTest) throws {
        let run = try engine.run()
        run.cancel(EngineRequestKey(999))
        run.cancel(EngineRequestKey(999), choice: 3)
        #expect(!run.engine.hasWork)
        let key = run.admit(run.prompt(20)), other = run.admit(run.prompt(20, seed: 2), maxTokens: 60)
        try run.step { !$0[key].isLiving }
        run.cancel(key)
        run.cancel(key, choice: 0)
        try run.finish()
        #expect(run[key].end?.reason == .finished && run[other].end?.reason == .finished)
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("a key that was cancelled serves again", arguments: EngineUnderTest.all)
    func reuse(engine: EngineUnderTest) throws {
        let run = try engine.run()
        let key = run.admit(run.prompt(100), maxTokens: 30)
        try run.step { $0[key].output().count == 5 }
        run.cancel(key)
        try run.step { !$0[key].isLiving }
        run.admit(run.prompt(60), maxTokens: 9) { $0.key = key }
        try run.finish()
        #expect(run[key].end?.reason == .finished && run[key].output().count == 9)
        run.expectRest()
        #expect(run.breaches == [])
    }
}
