import ClusterModel
import Testing

@testable import LoadGeneration

@Suite struct RunSeriesTests {
    private typealias Sample = LoadRecorderTests

    @Test("what happened stands in the span in which it happened; the time to the first token where the request was due")
    func places() {
        let series = Sample.recorded([
            Sample.outcome(due: 0, sent: 150, first: 450, ended: 1_050, output: 7),
            Sample.outcome(due: 250, ended: 350, end: .failed("x")),
            Sample.outcome(due: 250, sent: 950, ended: 950, end: .unsent),
        ]).series
        #expect(series.width == .milliseconds(100))
        #expect(series.spans.map(\.begun) == [0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
        #expect(series.spans.map(\.ended) == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1])
        #expect(series.spans.map(\.failed) == [0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0])
        #expect(series.spans.map(\.firstTokens) == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        #expect(series.spans.map(\.tokens) == [0, 0, 0, 0, 0, 1, 1, 2, 1, 1, 1])
        let first = series.firstToken(50, inSpan: 0)?.inSeconds ?? 0
        #expect(first >= 0.45 && first <= 0.45 * 1.04)
        #expect(series.firstToken(50, inSpan: 1) == nil && series.firstToken(50, inSpan: 4_000) == nil)
    }

    @Test("a run of any length fits: spans grow two into one, and nothing is lost", arguments: [26, 1_000, 90_000, 4_000_000_000])
    func growth(seconds: Int) {
        let outcomes = Sample.random(300, seed: 9) + [Sample.outcome(due: seconds * 1_000, ended: seconds * 1_000, output: 3)]
        let summary = Sample.recorded(outcomes), series = summary.series
        #expect(series.spans.count <= RunSeries.mostSpans)
        #expect(series.width * series.spans.count >= .seconds(seconds))
        #expect(series.spans.reduce(0) { $0 + $1.tokens } == summary.counts.outputTokens)
        #expect(series.spans.reduce(0) { $0 + $1.begun } == summary.counts.offered - summary.counts.unsent)
        #expect(series.spans.reduce(0) { $0 + $1.begun } == series.spans.reduce(0) { $0 + $1.ended })
        #expect(series.spans.reduce(0) { $0 + $1.firstTokens } == summary[.firstToken].count)
        let slots = series.spans.indices.flatMap { series.filledSlots(ofSpan: $0) }
        #expect(slots.reduce(0) { $0 + $1.count } == summary[.firstToken].count)
    }

    @Test("the order in which requests end does not matter")
    func order() {
        let outcomes = Sample.random(500, seed: 21)
        let forward = Sample.recorded(outcomes), backward = Sample.recorded(outcomes.reversed())
        #expect(forward.series.spans.map(\.begun) == backward.series.spans.map(\.begun))
        #expect(forward.counts == backward.counts && forward.histograms == backward.histograms)
    }
}
