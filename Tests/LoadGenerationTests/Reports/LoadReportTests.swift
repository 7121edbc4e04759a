import ClusterModel
import JSONText
import Testing

@testable import LoadGeneration

@Suite struct LoadReportTests {
    private typealias Sample = LoadRecorderTests

    /// Names and codes of a hostile server.
    private static let hostile = "<script>alert('1')</script>&\u{1B}[2J\u{202E}\n|`"

    private func report(seed: UInt64 = 1, facts: [LoadReport.Fact] = [.init("policy", "kv")], extra: [RequestOutcome] = []) -> LoadReport {
        let limits = GoodputLimits(timeToFirstToken: .seconds(2), timePerToken: .milliseconds(25))
        var recorder = LoadRecorder(limits: limits)
        for outcome in Sample.random(400, seed: seed) + extra {
            recorder.ended(outcome)
            recorder.gap(.milliseconds(20))
        }
        return LoadReport(title: "A run", facts: facts, summary: recorder.summary)
    }

    // MARK: Text

    @Test("the terminal's text keeps to its width, aligns its columns, and shows what was measured")
    func text() {
        var report = report()
        report.sections = [
            ReportSection(
                title: "Wide", note: String(repeating: "word ", count: 60),
                tables: [ReportTable(columns: (0..<40).map { .init("column \($0)") }, rows: [(0..<40).map { "\($0 * 1_000)" }])])
        ]
        for width in [60, 100] {
            let lines = report.text(width: width).split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.allSatisfy { $0.count <= width }, "\(lines.filter { $0.count > width })")
            #expect(lines.contains { $0.hasSuffix("39000") })
        }
        let text = report.text()
        for word in ["A run", "policy  kv", "Good share", "Time to first token", "p99", "http_503", "Tenant"] {
            #expect(text.contains(word), "\(word)")
        }
        #expect(!text.contains("Course of the run"))
    }

    @Test("a table's numbers stand to the right, its texts to the left, and what is too long is cut")
    func table() {
        let table = ReportTable(
            columns: [.init("Name", isNumber: false), .init("N")],
            rows: [["a", "1"], ["bcdefghijklmnopqrstuvwxyz", "1,234"], ["short"], ["x", "2", "3"]])
        let expected = """
            Name               N
            ────────────────────
            a                  1
            bcdefghijklm…  1,234
            short
            x                  2

            """
        #expect(table.text(width: 26) == expected)
        #expect(table.markdown.split(separator: "\n").count == 6)
        #expect(table.markdown.hasPrefix("| Name | N |\n| --- | ---: |\n| a | 1 |\n"))
    }

    // MARK: JSON

    @Test("the JSON document's members are these, and a caller's own stand beside them but never in their place")
    func json() throws {
        var report = report()
        report.sections = [
            ReportSection(
                title: "S", tables: [ReportTable(columns: [.init("c")], rows: [["1"]])],
                charts: [
                    .lines(
                        LineChart(title: "l", x: ChartAxis("x"), y: ChartAxis("y"), lines: [.init("a", [.init(1, 2), .init(.nan, 3)])])),
                    .bars(BarChart(title: "b", axis: ChartAxis("z"), categories: ["k"], series: [.init("s", [nil])])),
                ])
        ]
        report.members = [("hit_rate", 0.35), ("summary", "mine"), ("hit_rate", 0.36)]
        let document = try JSONValue(parsing: report.json(), limits: LoadReport.readingLimits)
        #expect(document.asObject.map { Array($0.names) } == ["kind", "format", "title", "facts", "summary", "sections", "hit_rate"])
        #expect(document["facts"]?["policy"] == "kv" && document["hit_rate"]?.asDouble == 0.36)
        let summary = try #require(document["summary"])
        #expect(
            summary.asObject.map { Array($0.names) } == [
                "format", "parts", "goodput_limits", "first_due_ms", "last_due_ms", "last_end_ms", "span_s", "requests", "rates", "latency",
                "failures", "tenants", "series",
            ])
        #expect(
            summary["latency"]?.asObject.map { Array($0.names) } == [
                "ttft", "ttft_service", "itl", "chunk_gap", "tpot", "e2e", "failure", "send_delay",
            ])
        for name in ["count", "mean_ms", "min_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms"] {
            #expect(summary["latency"]?["ttft"]?[name]?.asDouble != nil, "\(name)")
        }
        #expect(summary["latency"]?["itl"]?["p50_ms"]?.asDouble == 20)
        #expect(summary["goodput_limits"]?["ttft_ms"]?.asDouble == 2_000)
        let charts = try #require(document["sections"]?[0]?["charts"])
        #expect(charts[0]?["lines"]?[0]?["points"]?[1]?[0]?.isNull == true && charts[1]?["series"]?[0]?["values"]?[0]?.isNull == true)
    }

    @Test("what was written is read back: the same title, facts and summary")
    func reading() throws {
        let report = report()
        let read = try LoadReport(reading: JSONValue(parsing: report.json(.pretty), limits: LoadReport.readingLimits))
        #expect(read.title == report.title && read.facts == report.facts && read.summary == report.summary)
        for (text, member) in [
            ("{}", "kind"), (#"{"kind": "load_report", "format": 9}"#, "format"), (#"{"kind": "load_report", "format": 1}"#, "summary"),
            (#"{"kind": "load_report", "format": 1, "title": "x", "summary": {}}"#, "summary.format"), ("[]", ""),
        ] {
            let refused = #expect(throws: SummaryReadError.self) { try LoadReport(reading: JSONValue(parsing: text)) }
            #expect(refused?.member == member)
        }
    }

    @Test("reports of two hosts become one, with the facts of both; different limits are refused")
    func merging() throws {
        let one = report(seed: 1, facts: [.init("policy", "kv"), .init("host", "a")]),
            other = report(seed: 2, facts: [.init("policy", "kv"), .init("host", "b")])
        let merged = try #require(try LoadReport.merging([one, other]))
        #expect(merged.facts == [.init("policy", "kv"), .init("host", "a | b")])
        #expect(merged.summary?.counts.offered == 800 && merged.summary?.parts == 2)
        let again = try #require(try LoadReport.merging([merged, other]))
        #expect(again.facts == merged.facts && again.summary?.parts == 3)
        #expect(try LoadReport.merging([]) == nil)
        let lenient = LoadReport(title: "x", summary: LoadSummary())
        #expect(throws: SummaryMergeError.self) { try LoadReport.merging([one, lenient]) }
    }

    // MARK: Pages and charts

    @Test("nothing that a server or a caller says becomes markup, a control sequence or a turn of direction")
    func escaping() throws {
        let hostile = Self.hostile
        var report = report(facts: [.init(hostile, hostile)], extra: [Sample.outcome(due: 1, ended: 2, end: .failed(hostile))])
        report.title = hostile
        report.sections = [
            ReportSection(
                title: hostile, note: hostile, tables: [ReportTable(title: hostile, columns: [.init(hostile)], rows: [[hostile]])],
                charts: [
                    .lines(
                        LineChart(
                            title: hostile, note: hostile, x: ChartAxis(hostile), y: ChartAxis(hostile),
                            lines: [.init(hostile, []), .init(hostile, [])])),
                    .bars(
                        BarChart(
                            title: hostile, note: hostile, axis: ChartAxis(hostile), categories: [hostile],
                            series: [.init(hostile, [1]), .init(hostile, [2])])),
                ])
        ]
        for page in [report.html] + report.sections[0].charts.map(\.svg) {
            #expect(!page.contains("<script") && !page.contains("\u{1B}") && !page.contains("\u{202E}"))
            try checkMarkup(page)
        }
        for text in [report.text(), report.markdown] { #expect(!text.contains("\u{1B}") && !text.contains("\u{202E}")) }
        #expect(!report.markdown.contains(" <script"))
        #expect(try JSONValue(parsing: report.json(), limits: LoadReport.readingLimits)["title"]?.asString == hostile)
    }

    @Test("a page is one file: it loads nothing, runs nothing, and has a table beside each chart")
    func page() throws {
        let html = report().html
        try checkMarkup(html)
        for word in ["http:", "https:", "src=", "href=", "url(", "@import", "onload", "<script"] {
            #expect(!html.contains(word), "\(word)")
        }
        #expect(html.contains("prefers-color-scheme:dark") && html.contains("width=device-width") && html.contains("lang=\"en\""))
        let charts = html.ranges(of: "<svg").count
        #expect(charts >= 6 && html.ranges(of: "<details>").count == charts && html.ranges(of: "role=\"img\"").count == charts)
        #expect(html.ranges(of: "<desc>").count == charts)
    }

    /// Every tag that is opened is closed, in order: what a browser would repair in ways of its own.
    private func checkMarkup(_ text: String) throws {
        let empty: Set<Substring> = ["meta", "!doctype"]
        var open: [Substring] = []
        for piece in text.split(separator: "<", omittingEmptySubsequences: false).dropFirst() {
            let tag = try #require(piece.split(separator: ">", maxSplits: 1, omittingEmptySubsequences: false).first)
            let name = tag.prefix { $0 != " " && $0 != "/" || $0 == "/" && tag.first == "/" }
            if name.hasPrefix("/") {
                #expect(open.popLast() == name.dropFirst(), "at <\(tag)>")
            } else if !tag.hasSuffix("/"), !empty.contains(name) {
                open.append(name)
            }
        }
        #expect(open.isEmpty)
    }
}
