import ClusterModel
import Scheduling
import Testing

@Suite("Costs")
struct CostTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let prefill: Double
        let decode: Double
        let total: Double
        var settings = SelectionSettings.dynamo
        var inputs = CostInputs()
        var testDescription: String { name }

        init(
            _ name: String, _ prefill: Double, _ decode: Double, _ total: Double,
            _ change: (inout SelectionSettings, inout CostInputs) -> Void = { _, _ in }
        ) {
            self.name = name
            (self.prefill, self.decode, self.total) = (prefill, decode, total)
            inputs.prefillTokens = 64
            inputs.heldBlocks = 10
            inputs.heldRequests = 4
            inputs.match.device = 4
            inputs.match.active = 2
            change(&settings, &inputs)
        }
    }

    /// A prompt of 100 tokens in blocks of 16, where 64 tokens wait and 10 blocks are held; 4 blocks of it are cached, 2 of them held by others.
    /// (64 + 100) / 16 − 4 = 6.25 blocks to compute, 10 + 7 − 2 = 15 to hold.
    static let golden = [
        Row("kv: blocks to compute and blocks to hold", 6.25, 15, 21.25),
        Row("kv: the scale of prefill", 12.5, 15, 27.5) { settings, _ in settings.prefillLoadScale = 2 },
        Row("kv: half a credit", 8.25, 15, 23.25) { settings, _ in settings.overlapCredit = 0.5 },
        Row("kv: blocks of the host and the disk count three quarters and one", 4.5, 15, 19.5) { _, inputs in
            inputs.match.host = 2
            inputs.match.disk = 1
        },
        Row("kv: blocks of a shared store count half", 5.25, 15, 20.25) { _, inputs in inputs.match.external = 2 },
        Row("kv: what is cached beyond what is to be computed is worth nothing", 0, 15, 15) { settings, inputs in
            settings.overlapCredit = 10
        },
        Row("kv: a decaying credit, halved where one such request more waits", 10.5, 15, 25.5) { settings, inputs in
            settings.overlapCreditDecay = 1
            inputs.prefillTokens = 100
        },
        Row("kv: weight 0 leaves what is held", 0, 15, 15) { settings, _ in settings.weigh(overlap: 0) },
        Row("kv: weight 3 of old", 18.75, 15, 33.75) { settings, _ in settings.weigh(overlap: 3) },
        Row("kv: without its own prompt", 4, 15, 19) { settings, _ in settings.trackPrefill = false },
        Row("kv: no reuse assumed", 6.25, 17, 23.25) { settings, _ in settings.assumeReuse = false },
        Row("kv: what is held not tracked", 6.25, 0, 6.25) { settings, _ in settings.trackActiveBlocks = false },
        Row("kv: half a block more for each request there", 6.25, 17, 23.25) { settings, _ in settings.activeRequestWeight = 0.5 },
        Row("lmetric: one term times the other", 6.25, 15, 100) { settings, _ in settings.policy = .lmetric },
        Row("lmetric: nothing to compute is free", 0, 15, 0) { settings, inputs in
            settings.policy = .lmetric
            settings.overlapCredit = 10
        },
        Row("latency: 5 + 100 x 0.1, and 20 x (10 + 15 x 0.5)", 15, 350, 365) { settings, inputs in
            settings.policy = .latency
            inputs.latency = LatencyEstimate(prefillFixed: 5, prefillToken: 0.1, step: 10, stepBlock: 0.5)
        },
        Row("latency: nothing to compute takes no time", 0, 350, 350) { settings, inputs in
            settings.policy = .latency
            settings.overlapCredit = 10
            inputs.latency = LatencyEstimate(prefillFixed: 5, prefillToken: 0.1, step: 10, stepBlock: 0.5)
        },
        Row("least-loaded: requests, and full steps of waiting prefill", 0, 0, 4.25) { settings, inputs in
            settings.policy = .leastLoaded
            inputs.stepTokens = 256
        },
        Row("least-loaded: a usual step where none is known", 0, 0, 4.03125) { settings, _ in settings.policy = .leastLoaded },
        Row("round-robin: the last turn", 0, 0, 9) { settings, inputs in
            settings.policy = .roundRobin
            inputs.lastTurn = 9
        },
    ]

    @Test("D.3: a cost is what the table says, term by term", arguments: golden)
    func costs(_ row: Row) {
        let cost = CostFormula(settings: row.settings, tokens: 100, blockSize: 16, outputTokens: 20).cost(of: row.inputs)
        #expect(abs(cost.prefill - row.prefill) < 1e-5)
        #expect(abs(cost.decode - row.decode) < 1e-5)
        #expect(abs(cost.total - row.total) < 1e-4)
        #expect(cost.deviceBlocks == row.inputs.match.device)
    }

    struct Priced: Sendable, CustomTestStringConvertible {
        let name: String
        let interference: Double
        let eviction: Double
        let prefill: Double
        let decode: Double
        let total: Double
        var formula: CostFormula
        var inputs = CostInputs()
        var testDescription: String { name }

        init(
            _ name: String, _ interference: Double, _ eviction: Double, _ prefill: Double, _ decode: Double, _ total: Double,
            disturbs: Bool = true,
            turnover: Float = 10, _ change: (inout SelectionSettings) -> Void = { _ in }
        ) {
            self.name = name
            (self.interference, self.eviction, self.prefill, self.decode, self.total) = (interference, eviction, prefill, decode, total)
            inputs.prefillTokens = 64
            inputs.heldBlocks = 10
            inputs.heldRequests = 4
            inputs.match.device = 4
            inputs.match.active = 2
            inputs.turnover = turnover
            inputs.latency = LatencyEstimate(prefillFixed: 5, prefillToken: 0.1, step: 10, stepBlock: 0.5)
            var settings = SelectionSettings()
            change(&settings)
            formula = CostFormula(settings: settings, tokens: 100, blockSize: 16, outputTokens: 20)
            formula.disturbsDecoding = disturbs
            formula.leastTurnover = 10
        }
    }

    /// The same prompt with our weights: 3 of its 7 blocks are computed, beside 4 requests; 15 / 32 = 0.46875 for what is held.
    static let priced = [
        Priced("a held block costs a thirty-second of a computed one", 0, 0, 6.25, 0.46875, 6.71875, disturbs: false),
        Priced("3 blocks delay each of 4 requests by a fiftieth", 0.24, 0, 6.49, 0.46875, 6.95875),
        Priced("a request delays nobody where no weight is on it", 0, 0, 6.25, 0.46875, 6.71875) { $0.interferenceWeight = 0 },
        Priced("half a cache more was written than at the least", 0, 3, 9.25, 0.46875, 9.71875, disturbs: false, turnover: 10.5),
        Priced("one cache more, and as much for many more", 0, 6, 12.25, 0.46875, 12.71875, disturbs: false, turnover: 99),
        Priced("less than the least, or not known, costs nothing", 0, 0, 6.25, 0.46875, 6.71875, disturbs: false, turnover: 0),
        Priced("no weight on evictions", 0, 0, 6.25, 0.46875, 6.71875, disturbs: false, turnover: 99) { $0.evictionWeight = 0 },
        Priced("both, and the scale is of all", 0.24, 6, 24.98, 0.46875, 25.44875, turnover: 99) { $0.prefillLoadScale = 2 },
        Priced("what is cached to the last block disturbs nobody", 0, 0, 0, 0.46875, 0.46875, turnover: 99) { $0.overlapCredit = 10 },
        Priced("without its own prompt nothing is computed", 0, 0, 4, 0.46875, 4.46875, turnover: 99) { $0.trackPrefill = false },
        Priced("lmetric multiplies it with what is held, unweighed", 0.24, 6, 12.49, 15, 199.84, turnover: 99) { $0.policy = .lmetric },
        Priced("latency: 5 + 12.49 x 16 x 0.1, and half of 20 x (10 + 15 x 0.5)", 0.24, 6, 24.984, 175, 199.984, turnover: 99) {
            $0.policy = .latency
            $0.decodeLoadScale = 0.5
        },
    ]

    @Test("a prefill costs those who decode beside it, and what it pushes out", arguments: priced)
    func prices(_ row: Priced) {
        let cost = row.formula.cost(of: row.inputs)
        #expect(abs(cost.interference - row.interference) < 1e-5)
        #expect(abs(cost.eviction - row.eviction) < 1e-5)
        #expect(abs(cost.prefill - row.prefill) < 1e-4)
        #expect(abs(cost.decode - row.decode) < 1e-4)
        #expect(abs(cost.total - row.total) < 1e-3)
    }

    @Test("a cache was written anew as often as its blocks were; one without a size never")
    func turnover() {
        var turnover = CacheTurnover(from: 2)
        for _ in 0..<300 { turnover.wrote(10, of: 1_000) }
        #expect(abs(turnover.times - 5) < 1e-9)
        var unknown = CacheTurnover()
        unknown.wrote(10, of: 0)
        #expect(unknown.times == 0)
    }

    @Test("load is the larger of what the ledger and the worker know, but decayed blocks are believed where the ledger misses nobody")
    func load() {
        var load = CandidateLoad()
        load.waitingTokens = 100
        load.bookedTokens = 50
        load.ledgerTokens = 120
        #expect(load.prefillTokens == 150)
        load.ledgerTokens = 180
        #expect(load.prefillTokens == 180)
        load.requests = 3
        load.bookedRequests = 1
        load.ledgerRequests = 3
        load.activeBlocks = 40
        load.ledgerBlocks = 30
        #expect(load.heldRequests == 4 && load.heldBlocks == 40)
        load.ledgerRequests = 4
        #expect(load.heldBlocks == 30)
        load.ledgerRequests = 5
        load.ledgerBlocks = 70
        #expect(load.heldRequests == 5 && load.heldBlocks == 70)
    }

    @Test("numbers as large as they can be give costs that are numbers")
    func extremes() {
        var inputs = CostInputs()
        inputs.prefillTokens = .max
        inputs.heldBlocks = .max
        inputs.heldRequests = .max
        inputs.match.active = .max
        inputs.match.device = .max
        for policy in SelectionPolicy.allCases {
            for tokens in [0, 1, UInt32.max] {
                var settings = SelectionSettings()
                settings.policy = policy
                settings.overlapCreditDecay = 1e12
                var formula = CostFormula(settings: settings, tokens: tokens, blockSize: 0, outputTokens: .max)
                formula.disturbsDecoding = true
                inputs.turnover = tokens == 0 ? .greatestFiniteMagnitude : .infinity
                #expect(formula.cost(of: inputs).total.isFinite && formula.unit > 0)
            }
        }
    }

    @Test("a latency model learns the line that the durations lie on, and follows when it moves")
    func learning() throws {
        var model = LatencyModel()
        #expect(model.estimate == nil)
        var random = SeededRandom(seed: 3)
        func feed(_ fixed: Double, _ token: Double, _ step: Double, _ block: Double) {
            for _ in 0..<400 {
                let tokens = UInt32(1 + random.next() % 4_000), held = random.next() % 800
                model.prefilled(tokens: tokens, in: .nanoseconds(Int64((fixed + token * Double(tokens)) * 1e6)))
                model.decoded(tokens: 50, in: .nanoseconds(Int64(50 * (step + block * Double(held)) * 1e6)), heldBlocks: held)
            }
        }
        feed(8, 0.2, 12, 0.01)
        let first = try #require(model.estimate)
        #expect(abs(first.prefillFixed - 8) < 0.5 && abs(first.prefillToken - 0.2) < 0.002)
        #expect(abs(first.step - 12) < 0.1 && abs(first.stepBlock - 0.01) < 0.0005)
        feed(1, 0.05, 30, 0.02)
        let second = try #require(model.estimate)
        #expect(abs(second.prefillToken - 0.05) < 0.005 && abs(second.step - 30) < 1)
    }

    @Test("one measured length is laid on the tokens, nonsense is ignored, and nothing comes out negative")
    func fewMeasurements() throws {
        var model = LatencyModel()
        model.prefilled(tokens: 0, in: .seconds(1))
        model.prefilled(tokens: 5, in: .zero)
        model.decoded(tokens: 0, in: .seconds(1), heldBlocks: 0)
        #expect(model == LatencyModel())
        for _ in 0..<10 { model.prefilled(tokens: 100, in: .milliseconds(20)) }
        model.decoded(tokens: 10, in: .milliseconds(100), heldBlocks: 50)
        let estimate = try #require(model.estimate)
        #expect(abs(estimate.prefillToken - 0.2) < 1e-4 && abs(estimate.prefillFixed) < 1e-3)
        #expect(abs(estimate.step - 10) < 1e-4 && estimate.stepBlock == 0)
        // The longer the faster: no line of ours.
        for tokens in 1...100 { model.prefilled(tokens: UInt32(tokens), in: .milliseconds(200 - tokens)) }
        let odd = try #require(model.estimate)
        #expect(odd.prefillToken >= 0 && odd.prefillFixed >= 0)
    }
}
