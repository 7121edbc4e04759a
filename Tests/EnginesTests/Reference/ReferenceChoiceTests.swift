import ClusterModel
import Engines
import Testing

@Suite("Several choices of the reference engine")
struct ReferenceChoiceTests {
    private let model: LlamaModel

    init() throws { model = try ReferenceFiles.model(ReferenceFiles.micro) }

    /// In blocks of 16: two that are shared, and a third of eight tokens.
    private static let prompt = (1...40).map { TokenID($0) }

    private struct Result {
        var texts: [UInt8: [TokenID]] = [:]
        var prefillTokens = 0
        var problems: [String] = []
    }

    /// With a `batch` of so many tokens; after so many steps one choice is cancelled.
    private func run(
        _ choices: [EngineChoice], temperature: Float = 1, seed: UInt64 = 3, batch: UInt32 = 64, cancelling cancelled: (Int, UInt8)? = nil
    ) throws -> Result {
        let engine = ReferenceRun(model) {
            $0.room.maxBatchedTokens = batch
            $0.room.maxSequences = 4
        }.engine
        var sampling = EngineSampling()
        sampling.temperature = temperature
        sampling.seed = seed
        sampling.ignoreEndOfText = true
        engine.admit(
            EngineRequest(
                key: EngineRequestKey(1), rank: Rank(0), prompt: Self.prompt, sampling: sampling, choices: choices, contextLimit: 200))
        var result = Result(), output = StepOutput(), steps = 0
        while engine.hasWork, steps < 500 {
            if let (step, choice) = cancelled, step == steps { engine.cancel(EngineRequestKey(1), choice: choice) }
            steps += 1
            output.removeAll()
            _ = try engine.step(at: .zero, into: &output)
            for (run, token) in zip(output.runs, output.tokens) { result.texts[run.choice, default: []].append(token) }
            result.prefillTokens += output.prefillTokens
            result.problems += engine.checkInvariants()
        }
        return result
    }

    private func choices(_ count: UInt8) -> [EngineChoice] { (0..<count).map { EngineChoice(choice: $0, maxTokens: 9) } }

    @Test("each has the text that it would have alone, and the prompt is computed once for all", arguments: [4, 5, 7, 11, 64] as [UInt32])
    func once(batch: UInt32) throws {
        let together = try run(choices(4), batch: batch)
        #expect(together.prefillTokens == Self.prompt.count && together.problems == [])
        for number in 0..<4 as Range<UInt8> {
            let alone = try run([EngineChoice(choice: 0, maxTokens: 9)], seed: 3 + UInt64(number))
            #expect(together.texts[number] == alone.texts[0], "choice \(number)")
        }
        #expect(Set(together.texts.values).count > 1, "temperature makes them differ")
    }

    @Test("whichever is cancelled, and in whichever step, the others keep their texts", arguments: 0..<14, [0, 1, 2] as [UInt8])
    func cancelled(step: Int, choice: UInt8) throws {
        let whole = try run(choices(3), batch: 5), rest = try run(choices(3), batch: 5, cancelling: (step, choice))
        #expect(rest.problems == [])
        for number in 0..<3 as Range<UInt8> where number != choice {
            #expect(rest.texts[number] == whole.texts[number], "choice \(number)")
        }
        let cut = rest.texts[choice] ?? []
        #expect(cut == Array((whole.texts[choice] ?? []).prefix(cut.count)))
    }

    @Test("choices that go on from texts of their own have the texts that they would have had")
    func continued() throws {
        let whole = try run(choices(3))
        let shown = [0: 3, 1: 0, 2: 5] as [UInt8: Int]
        let rest = (0..<3 as Range<UInt8>).map { number in
            let count = shown[number] ?? 0
            return EngineChoice(choice: number, shown: Array((whole.texts[number] ?? []).prefix(count)), maxTokens: UInt32(9 - count))
        }
        let continued = try run(rest)
        #expect(continued.problems == [])
        for number in 0..<3 as Range<UInt8> {
            #expect((continued.texts[number] ?? []) == Array((whole.texts[number] ?? []).dropFirst(shown[number] ?? 0)))
        }
    }
}
