import ClusterModel

/// What every report says of a summary, as tables and charts.
struct SummarySections {
    private let summary: LoadSummary

    init(_ summary: LoadSummary) { self.summary = summary }

    var all: [ReportSection] { [requests, latency] + [failures, tenants, course].compactMap { $0 } }

    // MARK: Counts

    private var requests: ReportSection {
        let counts = summary.counts
        let ends = ReportTable(
            columns: ["Offered", "Complete", "Good", "Failed", "Left", "Not sent", "Good share"].map { .init($0) },
            rows: [
                [counts.offered, counts.complete, counts.good, counts.failed, counts.left, counts.unsent].map(\.grouped)
                    + [NumberStyle.share.text(counts.goodShare)]
            ])
        let rates = ReportTable(
            columns: ["Offered/s", "Complete/s", "Good/s", "Output tokens/s", "Prompt tokens/s", "Cached"].map { .init($0) },
            rows: [
                [
                    summary.offeredPerSecond, summary.completePerSecond, summary.goodPerSecond, summary.outputTokensPerSecond,
                    summary.promptTokensPerSecond,
                ].map { NumberStyle.plain.text($0) } + [NumberStyle.share.text(counts.cachedShare)]
            ])
        let hosts = summary.parts > 1 ? " Measured by \(summary.parts) hosts." : ""
        return ReportSection(
            title: "Requests",
            note: "Good: complete, and within \(summary.limits.sentence). Over \(summary.span.shortText).\(hosts)", tables: [ends, rates])
    }

    private var failures: ReportSection? {
        let kinds = summary.failuresByKind
        guard !kinds.isEmpty else { return nil }
        let rows = kinds.sorted { ($1.count, $0.kind ?? "\u{10FFFF}") < ($0.count, $1.kind ?? "\u{10FFFF}") }.map { kind, count in
            [kind ?? "other kinds", count.grouped, NumberStyle.share.text(Double(count) / Double(max(1, summary.counts.offered)))]
        }
        return ReportSection(
            title: "Failures",
            tables: [ReportTable(columns: [.init("Kind", isNumber: false), .init("Requests"), .init("Of all")], rows: rows)])
    }

    private var tenants: ReportSection? {
        let tenants = summary.countsByTenant
        guard tenants.count > 1 else { return nil }
        let rows = tenants.map { tenant, counts in
            [tenant.map { "\($0)" } ?? "others", counts.offered.grouped, counts.complete.grouped, counts.failed.grouped]
                + [NumberStyle.share.text(counts.goodShare), counts.outputTokens.grouped, NumberStyle.share.text(counts.cachedShare)]
        }
        let titles = ["Tenant", "Offered", "Complete", "Failed", "Good share", "Output tokens", "Cached"]
        return ReportSection(title: "Tenants", tables: [ReportTable(columns: titles.map { .init($0) }, rows: rows)])
    }

    // MARK: Latency

    private static let shown: [(title: String, percent: Double)] = [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)]

    private var latency: ReportSection {
        let rows = LatencyMeasure.allCases.filter { summary[$0].count > 0 }.map { measure in
            let histogram = summary[measure]
            let values = [histogram.mean] + SummarySections.shown.map { histogram.percentile($0.percent) } + [histogram.max]
            return [measure.title, histogram.count.grouped] + values.map { $0?.shortText ?? "–" }
        }
        let titles = ["Count", "Mean"] + SummarySections.shown.map(\.title) + ["Max"]
        let beyond = LatencyMeasure.allCases.reduce(0) { $0 + summary[$1].beyond }
        return ReportSection(
            title: "Latency",
            note: "From the moment a request was due, unless it says otherwise; failed requests stand apart."
                + (beyond > 0 ? " \(beyond.grouped) durations were longer than an hour and count as one." : ""),
            tables: [ReportTable(columns: [.init("", isNumber: false)] + titles.map { .init($0) }, rows: rows)],
            charts: [
                curves("Time to first token", [(.firstToken, "from when due"), (.serviceFirstToken, "from when sent")]),
                curves("Between tokens", [(.betweenTokens, "tokens"), (.betweenPieces, "pieces")]),
                curves("End to end", [(.endToEnd, "end to end")]),
            ].compactMap { $0 })
    }

    private func curves(_ title: String, _ measures: [(measure: LatencyMeasure, name: String)]) -> ReportSection.Chart? {
        let filled = measures.filter { summary[$0.measure].count > 0 }
        guard !filled.isEmpty else { return nil }
        return .lines(
            LineChart(
                title: title, note: "What so many percent of them do not exceed: \(title.lowercased()).",
                x: ChartAxis("percentile", style: .plain, scale: .percentile), y: ChartAxis("", style: .duration),
                lines: filled.map { LineChart.Line($0.name, summary[$0.measure].curve) }))
    }

    // MARK: The course of the run

    private var course: ReportSection? {
        let series = summary.series
        guard series.spans.count > 1 else { return nil }
        let width = series.width.inSeconds
        func line(_ name: String, _ value: (Int, RunSeries.Span) -> Double?) -> LineChart.Line {
            LineChart.Line(
                name,
                series.spans.enumerated().compactMap { index, span in
                    value(index, span).map { LineChart.Point((Double(index) + 0.5) * width, $0) }
                })
        }
        var inFlight = 0.0
        let open = line("in flight") { _, span in
            inFlight += Double(span.begun) - Double(span.ended)
            return inFlight
        }
        let time = ChartAxis("time", style: .duration)
        var requests = [line("begun") { Double($1.begun) / width }, line("ended") { Double($1.ended) / width }]
        if summary.counts.failed + summary.counts.unsent > 0 { requests.append(line("failed") { Double($1.failed) / width }) }
        let first =
            [line("p50") { index, _ in series.firstToken(50, inSpan: index)?.inSeconds }]
            + [line("p99") { index, _ in series.firstToken(99, inSpan: index)?.inSeconds }]
        return ReportSection(
            title: "Course of the run",
            note: "In spans of \(series.width.shortText); the time to the first token stands where the request was due.",
            charts: [
                .lines(LineChart(title: "Requests a second", x: time, y: ChartAxis("", style: .rate), lines: requests)),
                .lines(LineChart(title: "Requests in flight", x: time, y: ChartAxis("", style: .plain), lines: [open])),
                .lines(
                    LineChart(
                        title: "Output tokens a second", x: time, y: ChartAxis("", style: .rate),
                        lines: [line("tokens") { Double($1.tokens) / width }])),
                .lines(LineChart(title: "Time to first token over time", x: time, y: ChartAxis("", style: .duration), lines: first)),
            ])
    }
}

extension LatencyHistogram {
    /// Percentiles at even distances of a stretched axis, as far as the count carries: the last point is the longest.
    package var curve: [LineChart.Point] {
        guard count > 0 else { return [] }
        var points: [LineChart.Point] = [], rest = 100.0
        while rest * Double(count) >= 100 {
            points.append(.init(100 - rest, percentile(100 - rest)?.inSeconds ?? 0))
            rest *= 0.794_328_234_7  // ten points a nine
        }
        points.append(.init(100 - rest, max?.inSeconds ?? 0))
        return points
    }
}

extension GoodputLimits {
    var sentence: String { description == "none" ? "no limits" : description }
}
