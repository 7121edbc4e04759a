import ClusterModel
import Engines
import Testing

@Suite("How the reference engine draws tokens")
struct ReferenceSamplingTests {
    private let run: ReferenceRun
    private let prompt: [TokenID] = [5, 9, 2, 77, 31, 8, 60]

    init() throws { run = ReferenceRun(try ReferenceFiles.model(ReferenceFiles.micro)) }

    /// What could be first, the likeliest first.
    private func first() throws -> [ScoredToken] { Array(try run.answer(prompt, 1) { $0.topLogprobs = 96 }.scores[0].dropFirst()) }

    @Test("logprobs are those of a distribution, and a greedy token is the likeliest one")
    func logprobs() throws {
        let answer = try run.answer(prompt, 3) { $0.topLogprobs = 96 }
        for (token, scores) in zip(answer.tokens, answer.scores) {
            #expect(scores[0] == scores[1] && scores[0].token == token)
            // Far apart enough for the sum to be one: the series of the exponential is enough for a test.
            let sum = scores.dropFirst().reduce(0) { $0 + exponential(Double($1.logprob)) }
            #expect(abs(sum - 1) < 1e-4)
        }
        let more = try run.answer(prompt, 1) { $0.topLogprobs = 1_000 }
        #expect(more.scores[0].count == 97, "no more than there are tokens")
    }

    /// By squaring: independent of the engine's.
    private func exponential(_ power: Double) -> Double {
        var result = 1 + power / 1_048_576
        for _ in 0..<20 { result *= result }
        return result
    }

    @Test("whatever leaves only the best token gives the greedy one, at any temperature and seed")
    func onlyBest() throws {
        let best = try first()[0].token
        let settings: [(inout EngineSampling) -> Void] = [
            { $0.topK = 1 }, { $0.topP = 0.000_1 }, { $0.minP = 1 }, { $0.temperature = 1e-9 },
        ]
        for (index, setting) in settings.enumerated() {
            for seed in 0..<10 as Range<UInt64> {
                let answer = try run.answer(prompt, 1) {
                    $0.temperature = 3
                    $0.seed = seed
                    setting(&$0)
                }
                #expect(answer.tokens == [best], "setting \(index)")
            }
        }
    }

    @Test("top-k, top-p and min-p leave as many tokens as they say, and each of those comes")
    func cuts() throws {
        let scores = try first(), weights = scores.map { exponential(Double($0.logprob)) }
        func drawn(_ change: @escaping (inout EngineSampling) -> Void) throws -> Set<TokenID> {
            Set(
                try (0..<150 as Range<UInt64>).flatMap { seed in
                    try run.answer(prompt, 1) {
                        $0.temperature = 1
                        $0.seed = seed
                        change(&$0)
                    }.tokens
                })
        }
        #expect(try drawn { $0.topK = 3 } == Set(scores[..<3].map(\.token)))
        #expect(try drawn { $0.topP = Float(weights[0] + weights[1] / 2) } == Set(scores[..<2].map(\.token)))
        let least = (weights[1] + weights[2]) / 2 / weights[0]
        #expect(try drawn { $0.minP = Float(least) } == Set(scores[..<2].map(\.token)))
    }

    @Test("tokens come as often as they are likely, hot ones more evenly")
    func frequencies() throws {
        let best = try first()[0]
        func share(_ temperature: Float) throws -> Double {
            let hits = try (0..<400 as Range<UInt64>).count { seed in
                try run.answer(prompt, 1) {
                    $0.temperature = temperature
                    $0.seed = seed
                }.tokens == [best.token]
            }
            return Double(hits) / 400
        }
        let likely = exponential(Double(best.logprob)), warm = try share(1)
        // Four standard deviations; the seeds are the same in every run.
        #expect(abs(warm - likely) < 4 * (likely * (1 - likely) / 400).squareRoot())
        #expect(try share(0.5) > warm && share(5) < warm)
    }

    @Test("where all tokens are as likely, each position draws for itself, and each seed")
    func positions() throws {
        func tokens(_ seed: UInt64) throws -> [TokenID] {
            try run.answer(prompt, 40) {
                $0.temperature = 1e6
                $0.seed = seed
                $0.ignoreEndOfText = true
            }.tokens
        }
        let one = try tokens(1)
        #expect(Set(one).count > 20)
        #expect(zip(one, try tokens(2)).count { $0 == $1 } < 5)
    }

    @Test("biases make tokens come, and keep them away; those of no token are ignored")
    func biases() throws {
        let scores = try first()
        let forced = try run.answer(prompt, 4) {
            $0.logitBias = [EngineLogitBias(token: 33, bias: 100), EngineLogitBias(token: 5_000, bias: 100)]
        }
        #expect(forced.tokens == [33, 33, 33, 33])
        let banned = try run.answer(prompt, 1) { $0.logitBias = [EngineLogitBias(token: scores[0].token, bias: -100)] }
        #expect(banned.tokens == [scores[1].token])
    }

    @Test("penalties count from their origin: what came before may come again, what came behind comes less")
    func penalties() throws {
        func tokens(_ origin: Int, _ change: @escaping (inout EngineSampling) -> Void) throws -> [TokenID] {
            try run.answer(prompt, 60, penaltyOrigin: origin) {
                $0.ignoreEndOfText = true
                change(&$0)
            }.tokens
        }
        let plain = try tokens(7) { _ in }
        #expect(Set(plain).count < 60, "the greedy text repeats itself")
        for change: (inout EngineSampling) -> Void in [{ $0.presencePenalty = 100 }, { $0.frequencyPenalty = 100 }] {
            let output = try tokens(7, change)
            #expect(Set(output).count == 60, "each comes once while there are others")
            #expect(!Set(output).isDisjoint(with: prompt))
            #expect(Set(try tokens(0, change)).isDisjoint(with: prompt))
            #expect(Set(try tokens(3, change)).isDisjoint(with: prompt[3...]))
        }
        let repeated = try tokens(7) { $0.repetitionPenalty = 1.5 }
        #expect(Set(repeated).count > Set(plain).count)
        #expect(try tokens(7) { $0.repetitionPenalty = 1 } == plain)
    }

    @Test("an end of the text ends it, not before minTokens, and not where it is ignored")
    func ends() throws {
        let end = EngineLogitBias(token: 95, bias: 100)
        let first = try run.answer(prompt, 9) { $0.logitBias = [end] }
        #expect(first.tokens == [95] && first.finish == .endOfText)
        let held = try run.answer(prompt, 9, minTokens: 5) { $0.logitBias = [end] }
        #expect(held.tokens.count == 5 && held.tokens.firstIndex(of: 95) == 4 && held.finish == .endOfText)
        let ignored = try run.answer(prompt, 3) {
            $0.logitBias = [end]
            $0.ignoreEndOfText = true
        }
        #expect(ignored.tokens == [95, 95, 95] && ignored.finish == .length)
    }
}
