import Scheduling

/// A decision of the policy `kv` with all that follows from it, in fleets of different sizes and for short and long prompts.
///
/// Counted and timed: lookup, choice, record, booking with the index's share; then what workers say of one request, up to its end. Not in it:
/// messages, whose lists of hashes are each lease's own, and hashing, which is the frontend's.
struct Decisions: BenchmarkCase {
    let name = "decision"
    private static let fleets = [8, 64, 512]
    private static let prompts: [(name: String, tokens: UInt32)] = [("2k", 2_000), ("100k", 100_000)]
    private static let counted = 2_000

    func run(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        var figures: [Figure] = []
        for prompt in Self.prompts {
            // A long prompt's time is that of its blocks, which are looked up, held and released one by one.
            let isJudged = prompt.tokens <= 2_000
            var whole: [Double] = []
            for placements in Self.fleets {
                let name = "\(placements) placements, \(prompt.name) tokens"
                var fleet = try DecisionFleet(placements: placements, tokens: prompt.tokens)
                let times = try Self.times(&fleet, settings), allocations = try Self.allocations(&fleet)
                guard fleet.overlap > 0 else { throw BenchmarkFailure("nothing was found") }
                whole.append(times.decisions.median + times.rest.median)
                figures += [
                    Figure("\(name): a decision, p50", times.decisions.median, "µs"),
                    Figure(
                        "\(isJudged ? "T37: " : "")\(name): a decision, p99", times.decisions.percentile(99), "µs",
                        isJudged ? .atMost(200) : nil),
                    Figure("\(name): its events and end, p50", times.rest.median, "µs"),
                    Figure("\(name): allocations a decision", allocations, "", .atMost(0), kind: .allocations),
                ]
            }
            figures.append(
                Figure(
                    "\(isJudged ? "T37: " : "")\(prompt.name) tokens: all of it with 512 placements, to 8", whole[2] / whole[0], "times",
                    isJudged ? .atMost(4) : nil))
        }
        return figures
    }

    /// Of short prompts: those of long ones are the index's, whose operations have a count of their own. A short run has the smallest fleet
    /// alone, since the others take long to fill.
    func instructions(_ settings: Settings) throws(BenchmarkFailure) -> [Figure] {
        let prompt = Self.prompts[0]
        var figures: [Figure] = [], counts: [Double] = []
        for placements in settings.isQuick ? Self.fleets.prefix(1) : Self.fleets[...] {
            let count = try DecisionFleet.instructions(placements: placements, tokens: prompt.tokens)
            counts.append(count)
            figures.append(Figure("\(placements) placements, \(prompt.name) tokens: instructions", count, "", kind: .instructions))
        }
        guard !settings.isQuick else { return figures }
        let growth = counts[counts.count - 1] / counts[0]
        return figures + [Figure("T37: instructions with 512 placements, to 8", growth, "times", .atMost(4))]
    }

    private static func times(
        _ fleet: inout DecisionFleet, _ settings: Settings
    ) throws(BenchmarkFailure) -> (decisions: [Double], rest: [Double]) {
        var decisions: [Double] = [], rest: [Double] = []
        for turn in 0..<(settings.isQuick ? 1_000 : 20_000) {
            let start = Measuring.nanoseconds
            try fleet.decide()
            let middle = Measuring.nanoseconds
            fleet.events()
            rest.append(Double(Measuring.nanoseconds - middle) / 1_000)
            decisions.append(Double(middle - start) / 1_000)
            if turn % counted == 0 { fleet.tidy() }
        }
        return (decisions, rest)
    }

    private static func allocations(_ fleet: inout DecisionFleet) throws(BenchmarkFailure) -> Double {
        fleet.tidy()
        var failure: BenchmarkFailure?
        let count = Measuring.allocations {
            for _ in 0..<counted {
                do throws(BenchmarkFailure) { try fleet.run() } catch { failure = error }
            }
        }
        if let failure { throw failure }
        return Double(count) / Double(counted)
    }
}
