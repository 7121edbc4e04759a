import ClusterModel
import Engines
import Testing

@Suite("Every engine: output of a given form")
struct ConstraintConformanceTests {
    private static let schema = EngineConstraint.jsonSchema(
        Array(#"{"type":"object","properties":{"a":{"type":"string","minLength":8},"b":{"type":"array","items":{"type":"integer"}}}}"#.utf8)
    )
    private static let longest = 80
    private static let forms: [EngineConstraint] = [.jsonObject, schema, .choice(Array(#"["first of two","second of two"]"#.utf8))]

    private func text(
        _ run: ConformanceRun, _ form: EngineConstraint, seed: UInt64 = 3, shown: [TokenID] = [], maxTokens: UInt32? = nil
    ) throws -> EngineRequestKey {
        let key = run.admit(run.prompt(40), choices: [EngineChoice(choice: 0, shown: shown, maxTokens: maxTokens)], seed: seed) {
            $0.constraint = form
            $0.sampling.temperature = 1
        }
        try run.finish()
        return key
    }

    @Test("it ends by itself when it is complete, and is the same for the same seed", arguments: EngineUnderTest.all)
    func ends(engine: EngineUnderTest) throws {
        let run = try engine.run(), other = try engine.run()
        guard run.can(.constraints) else { return }
        for form in Self.forms {
            let key = try text(run, form)
            #expect(run[key].end?.reason == .finished && run[key].finishes[0] == .endOfText)
            #expect(run[key].output().count > 1)
            guard run.can(.exactContinuation) else { continue }
            #expect(other[try text(other, form)].output() == run[key].output())
            let seeds = try (0..<8 as Range<UInt64>).map { run[try text(run, form, seed: $0)].output() }
            #expect(Set(seeds).count > 1)
        }
        run.expectRest()
        #expect(run.breaches == [] && other.breaches == [])
    }

    @Test("where the prompt has opened a thought, that ends first, and the form binds what follows", arguments: EngineUnderTest.all)
    func openThought(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.can(.constraints), let thoughts = engine.thoughts else { return }
        func text(_ form: EngineConstraint, after end: [TokenID]) throws -> [TokenID] {
            let key = run.admit(run.prompt(40) + end, choices: [EngineChoice(choice: 0, maxTokens: nil)]) { $0.constraint = form }
            try run.finish()
            #expect(run[key].finishes[0] == .endOfText)
            return run[key].output()
        }
        let only = EngineConstraint.choice(Array(#"["the one text"]"#.utf8)), bound = try text(only, after: [])
        let free = try text(only, after: thoughts.opening)
        let closed = try #require(free.indices.first { free[$0...].starts(with: thoughts.closing) })
        #expect(Array(free[(closed + thoughts.closing.count)...]) == bound)
        #expect(!bound.starts(with: thoughts.closing))
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("continued from any token, it goes on as if it had never stopped", arguments: EngineUnderTest.all)
    func continuation(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.can(.constraints), run.can(.exactContinuation) else { return }
        for form in Self.forms {
            let whole = run[try text(run, form)].output()
            // Of long ones not every place, for there are many engines.
            for cut in stride(from: 1, to: whole.count, by: whole.count > Self.longest ? 5 : 1) {
                let other = cut % 2 == 0 ? run : try engine.run()
                let key = try text(other, form, shown: Array(whole[..<cut]))
                #expect(other[key].output() == Array(whole[cut...]) && other[key].finishes[0] == .endOfText, "cut at \(cut)")
                #expect(other.breaches == [])
            }
        }
    }

    @Test("what was told beforehand to be impossible ends with the field, and so does what nobody can keep", arguments: EngineUnderTest.all)
    func refused(engine: EngineUnderTest) throws {
        let run = try engine.run()
        let good = run.admit(run.prompt(20), maxTokens: 20)
        for form in [.jsonSchema(Array("{".utf8)), .jsonSchema(Array("false".utf8)), .choice(Array("[]".utf8))] as [EngineConstraint] {
            let key = try text(run, form)
            #expect(run[key].end?.reason == .failed(.unsupported("constraint")) && run[key].output().isEmpty)
            if run.can(.constraints), let reader = run.profile.constraintReader {
                #expect(throws: ConstraintProblem.self) { try reader.read(form) }
            }
        }
        #expect(run[good].end?.reason == .finished)
        run.expectRest()
        #expect(run.breaches == [])
    }

    @Test("a text that ends by itself is the same in two parts, wherever it is cut", arguments: EngineUnderTest.all)
    func answers(engine: EngineUnderTest) throws {
        let run = try engine.run()
        guard run.can(.exactContinuation) else { return }
        func text(_ run: ConformanceRun, _ seed: UInt64, shown: [TokenID] = []) throws -> EngineRequestKey {
            let key = run.admit(run.prompt(40), choices: [EngineChoice(choice: 0, shown: shown, maxTokens: nil)], seed: seed) {
                $0.sampling.ignoreEndOfText = false
                $0.sampling.maxThinkingTokens = 5
            }
            try run.finish()
            return key
        }
        for seed in 0..<3 as Range<UInt64> {
            let whole = run[try text(run, seed)]
            for cut in stride(from: 1, to: whole.output().count, by: whole.output().count > Self.longest ? 17 : 1) {
                let rest = run[try text(run, seed, shown: Array(whole.output()[..<cut]))]
                #expect(rest.output() == Array(whole.output()[cut...]) && rest.finishes[0] == whole.finishes[0], "cut at \(cut)")
            }
        }
        run.expectRest()
        #expect(run.breaches == [])
    }
}
