import ClusterModel
import JSONText
import Testing

@testable import LoadGeneration

@Suite struct LoadRecorderTests {
    /// Moments in milliseconds.
    static func outcome(
        due: Int, sent: Int? = nil, first: Int? = nil, ended: Int, end: RequestOutcome.End = .complete, prompt: UInt32 = 100,
        cached: UInt32? = nil, output: UInt32 = 0, tenant: UInt32 = 0
    ) -> RequestOutcome {
        var outcome = RequestOutcome(
            due: .milliseconds(due), sent: .milliseconds(sent ?? due), firstToken: first.map { .milliseconds($0) },
            ended: .milliseconds(ended), end: end, promptTokens: prompt, cachedTokens: cached, outputTokens: output)
        outcome.tenant = tenant
        return outcome
    }

    static func recorded(_ outcomes: [RequestOutcome], limits: GoodputLimits = GoodputLimits()) -> LoadSummary {
        var recorder = LoadRecorder(limits: limits)
        for outcome in outcomes { recorder.ended(outcome) }
        return recorder.summary
    }

    @Test("the time to the first token is measured from when it was due, and beside that from when it was sent")
    func coordinatedOmission() {
        let summary = Self.recorded([Self.outcome(due: 1_000, sent: 3_000, first: 3_500, ended: 4_500, output: 11)])
        #expect(summary[.firstToken].max == .milliseconds(2_500))
        #expect(summary[.serviceFirstToken].max == .milliseconds(500))
        #expect(summary[.sendDelay].max == .milliseconds(2_000))
        #expect(summary[.endToEnd].max == .milliseconds(3_500))
        #expect(summary[.perToken].max == .milliseconds(100))
    }

    @Test("a piece of several tokens counts as as many gaps that sum up to its own, and as one pause")
    func pieces() {
        var recorder = LoadRecorder()
        recorder.gap(.microseconds(100))
        recorder.gap(.microseconds(103), tokens: 4)
        recorder.gap(.seconds(1), tokens: 0)
        let tokens = recorder.summary[.betweenTokens], pieces = recorder.summary[.betweenPieces]
        #expect(tokens.count == 5)
        #expect(tokens.min == .microseconds(25) && tokens.percentile(80) == .microseconds(26) && tokens.max == .microseconds(100))
        #expect(tokens.sumMicroseconds == 203)
        #expect(pieces.count == 2)
        #expect(pieces.max == .microseconds(103))
    }

    @Test("failures are in no latency but their own, and every request that was offered counts against goodput")
    func failures() {
        let limits = GoodputLimits(timeToFirstToken: .milliseconds(500))
        let summary = Self.recorded(
            [
                Self.outcome(due: 0, first: 400, ended: 1_000, output: 10),
                Self.outcome(due: 0, first: 600, ended: 1_000, output: 20),
                Self.outcome(due: 0, ended: 5, end: .failed("http_429")),
                Self.outcome(due: 0, first: 100, ended: 5_000, end: .failed("timeout"), output: 7),
                Self.outcome(due: 0, first: 100, ended: 200, end: .left, output: 1),
                Self.outcome(due: 0, sent: 10_000, ended: 10_000, end: .unsent),
            ], limits: limits)
        #expect(summary.counts.offered == 6)
        #expect(summary.counts.complete == 2 && summary.counts.left == 1 && summary.counts.failed == 2 && summary.counts.unsent == 1)
        #expect(summary.counts.goodShare == 1.0 / 6)
        #expect(summary.counts.goodOutputTokens == 10 && summary.counts.outputTokens == 38)
        #expect(summary[.firstToken].count == 4)
        #expect(summary[.endToEnd].count == 2)
        #expect(summary[.untilFailure].count == 2 && summary[.untilFailure].max == .seconds(5))
        #expect(summary[.sendDelay].max == .seconds(10))
        #expect(summary.failuresByKind.map(\.kind) == ["http_429", "timeout"])
        #expect(summary.span == .seconds(10))
        #expect(summary.goodPerSecond == 0.1)
    }

    @Test("cached tokens are a share of the prompts of which it was said, and never more than a prompt")
    func cached() {
        let summary = Self.recorded([
            Self.outcome(due: 0, ended: 1, prompt: 1_000), Self.outcome(due: 0, ended: 1, prompt: 100, cached: 64),
            Self.outcome(due: 0, ended: 1, prompt: 100, cached: 4_000_000_000),
        ])
        #expect(summary.counts.cachedShare == 0.82)
        #expect(summary.counts.promptTokens == 1_200)
    }

    @Test("kinds of failures and tenants are told apart up to a bound, the rest is one")
    func bounds() {
        let outcomes = (0..<UInt32(200)).map { number in
            Self.outcome(
                due: 0, ended: 1, end: .failed(number < 100 ? "kind\(number)" : String(repeating: "x", count: 1_000)), tenant: number)
        }
        let summary = Self.recorded(outcomes)
        #expect(summary.failuresByKind.count == LoadSummary.mostKinds + 1)
        #expect(summary.failuresByKind.last?.kind == nil && summary.failuresByKind.last?.count == 200 - UInt64(LoadSummary.mostKinds))
        #expect(summary.countsByTenant.count == LoadSummary.mostTenants + 1)
        #expect(summary.countsByTenant.reduce(0) { $0 + $1.counts.failed } == 200)
        let long = Self.recorded([Self.outcome(due: 0, ended: 1, end: .failed(String(repeating: "é", count: 1_000)))])
        #expect(long.failuresByKind.first?.kind?.utf8.count ?? 0 <= LoadSummary.kindBytes)
        #expect(long.failuresByKind.first?.kind?.hasPrefix("éé") == true)
    }

    @Test("the offered rate counts the gaps between requests, not the ends")
    func offered() {
        let summary = Self.recorded((0...10).map { Self.outcome(due: $0 * 100, ended: 5_000) })
        #expect(summary.offeredPerSecond == 10)
        #expect(Self.recorded([Self.outcome(due: 5, ended: 5_000)]).offeredPerSecond == nil)
        var parts = Self.recorded([Self.outcome(due: 0, ended: 5), Self.outcome(due: 100, ended: 5)])
        parts.parts = 3
        #expect(parts.offeredPerSecond == nil)
        #expect(Self.recorded([]).span == .zero && Self.recorded([]).goodPerSecond == nil)
    }

    // MARK: Many hosts

    /// Requests of every kind, by seed.
    static func random(_ count: Int, seed: UInt64) -> [RequestOutcome] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in
            let due = Int.random(in: 0...200_000, using: &random), sent = due + Int.random(in: 0...50, using: &random)
            let first = sent + Int.random(in: 1...4_000, using: &random), ended = first + Int.random(in: 0...20_000, using: &random)
            let ends: [RequestOutcome.End] = [.complete, .complete, .left, .failed("http_503"), .failed("timeout"), .unsent]
            let end = ends.randomElement(using: &random) ?? .complete
            let cached: UInt32? = Bool.random(using: &random) ? 17 : nil
            return outcome(
                due: due, sent: sent, first: end == .unsent ? nil : first, ended: end == .unsent ? sent : ended, end: end, cached: cached,
                output: end == .unsent ? 0 : UInt32.random(in: 1...300, using: &random), tenant: UInt32.random(in: 0...3, using: &random))
        }
    }

    @Test("summaries of two hosts are the summary of one that measured all, also over JSON")
    func merging() throws {
        let outcomes = Self.random(2_000, seed: 11), limits = GoodputLimits(timeToFirstToken: .milliseconds(1_500), endToEnd: .seconds(12))
        var early = Self.recorded(outcomes.filter { $0.ended < .seconds(20) }, limits: limits)
        let late = Self.recorded(outcomes.filter { $0.ended >= .seconds(20) }, limits: limits)
        #expect(early.series.width < late.series.width)
        var read = try LoadSummary(reading: Self.written(early))
        #expect(read == early)
        let other = try LoadSummary(reading: Self.written(late))
        try read.merge(other)
        try early.merge(late)
        #expect(read == early)
        var whole = Self.recorded(outcomes, limits: limits)
        whole.parts = 2
        #expect(whole.series.spans.map(\.begun) == early.series.spans.map(\.begun))
        #expect(whole.counts == early.counts && whole.histograms == early.histograms && whole.tenants == early.tenants)
        #expect(whole.firstDue == early.firstDue && whole.lastDue == early.lastDue && whole.lastEnd == early.lastEnd)
    }

    static func written(_ summary: LoadSummary) throws -> JSONValue {
        var writer = JSONWriter()
        summary.write(to: &writer)
        return try JSONValue(parsing: writer.finish())
    }

    @Test("summaries under different limits are not summed up, and the refusal names both")
    func differentLimits() {
        var one = LoadSummary(limits: GoodputLimits(timeToFirstToken: .seconds(2)))
        let refused = #expect(throws: SummaryMergeError.self) {
            try one.merge(LoadSummary(limits: GoodputLimits(timePerToken: .milliseconds(25))))
        }
        #expect(refused?.description.contains("ttft ≤ 2 s") == true && refused?.description.contains("tpot ≤ 25 ms") == true)
    }

    @Test(
        "a summary that was tampered with is refused by the member's name",
        arguments: [
            ("format", 2, "format"), ("parts", 0, "parts"), ("requests", [:], "requests.complete"), ("latency", [:], "latency.ttft"),
            ("failures", [["kind": 3, "count": 1]], "failures[0].kind"), ("tenants", [["tenant": -1]], "tenants[0].complete"),
            ("series", ["width_ms": 150, "spans": []], "series.width_ms"), ("first_due_ms", "x", "first_due_ms"),
            ("last_due_ms", 1_000_000_000_001, "last_due_ms"),
            (
                "series", ["width_ms": 100, "spans": [["begun": 1, "ended": 0, "failed": 0, "tokens": 0, "ttft_slots_us": [3]]]],
                "series.spans[0].ttft_slots_us"
            ),
        ] as [(String, JSONValue, String)])
    func refusals(member: String, value: JSONValue, named: String) throws {
        guard case .object(var object) = try Self.written(Self.recorded(Self.random(10, seed: 5))) else { return }
        object[member] = value
        let refused = #expect(throws: SummaryReadError.self) { try LoadSummary(reading: .object(object)) }
        #expect(refused?.member == named)
    }
}
