import JSONText
import Testing

@testable import LoadGeneration

@Suite struct ComparisonTests {
    private typealias Sample = LoadRecorderTests

    private var comparison: Comparison {
        let names: [(String, Double?)] = [("kv", 0.352), ("random", nil), ("round-robin", 0.1135)]
        return Comparison(
            title: "Policies", facts: [.init("workers", "8")],
            runs: names.enumerated().map { index, run in
                Comparison.Run(
                    name: run.0, summary: Sample.recorded(Sample.random(200, seed: UInt64(index))),
                    figures: [.init(name: "hit_rate", title: "Hit rate", style: .share, value: run.1)])
            })
    }

    @Test("each run is a row, each measure that there is a column, and callers' figures stand behind them")
    func table() {
        let table = comparison.table
        #expect(table.columns.map(\.title) == ["Run", "Good", "Good/s", "Failed", "TTFT p50", "TTFT p99", "E2E p99", "Cached", "Hit rate"])
        #expect(table.rows.map(\.first) == ["kv", "random", "round-robin"] && table.rows.map(\.last) == ["35.2 %", "–", "11.4 %"])
        #expect(comparison.markdown.contains("| kv | "))
        #expect(comparison.text().split(separator: "\n").allSatisfy { $0.count <= 100 })
    }

    @Test("its document holds each run's figures and whole summary")
    func json() throws {
        let document = try JSONValue(parsing: comparison.json(), limits: LoadReport.readingLimits)
        #expect(document["runs"]?[0]?["name"] == "kv" && document["runs"]?[0]?["figures"]?["hit_rate"]?.asDouble == 0.352)
        #expect(document["runs"]?[1]?["figures"]?["hit_rate"]?.isNull == true)
        #expect(try LoadSummary(reading: document["runs"]?[2]?["summary"]) == comparison.runs[2].summary)
    }

    @Test("charts compare the runs in their order, and leave out what no run has")
    func charts() {
        let titles = comparison.charts.map(\.title)
        #expect(titles.contains("Hit rate") && titles.contains("Good requests") && !titles.contains("Between tokens"))
        guard case .bars(let bars)? = comparison.charts.first(where: { $0.title == "Hit rate" }) else { return }
        #expect(bars.categories == ["kv", "random", "round-robin"] && bars.series.map(\.values) == [[0.352, nil, 0.1135]])
    }

    @Test("runs that were judged by different limits say so")
    func limits() {
        var comparison = comparison
        comparison.runs[0].summary = LoadSummary(limits: GoodputLimits(endToEnd: .seconds(1)))
        #expect(comparison.text().contains("different limits"))
        #expect(!self.comparison.text().contains("different limits"))
    }
}
