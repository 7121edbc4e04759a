package import JSONText

/// Several runs beside one another: policies under one load, one policy under several.
package struct Comparison: Sendable {
    /// A number of a run that its summary does not have, such as a hit rate: shown for all runs that have it.
    package struct Figure: Hashable, Sendable {
        /// In JSON, `snake_case`.
        package var name: String
        /// At the head of the column.
        package var title: String
        package var style: NumberStyle
        package var value: Double?

        package init(name: String, title: String, style: NumberStyle = .plain, value: Double?) {
            self.name = name
            self.title = title
            self.style = style
            self.value = value
        }
    }

    package struct Run: Sendable {
        package var name: String
        package var summary: LoadSummary
        package var figures: [Figure]

        package init(name: String, summary: LoadSummary, figures: [Figure] = []) {
            self.name = name
            self.summary = summary
            self.figures = figures
        }
    }

    package var title: String
    package var facts: [LoadReport.Fact]
    package var runs: [Run]
    /// Behind the table and charts of the comparison itself.
    package var sections: [ReportSection]

    package init(title: String, facts: [LoadReport.Fact] = [], runs: [Run], sections: [ReportSection] = []) {
        self.title = title
        self.facts = facts
        self.runs = runs
        self.sections = sections
    }

    // MARK: What it shows

    private struct Column {
        let title: String
        let style: NumberStyle
        let values: [Double?]

        var isEmpty: Bool { values.allSatisfy { $0 == nil } }
    }

    private func column(_ title: String, _ style: NumberStyle, _ value: (LoadSummary) -> Double?) -> Column {
        Column(title: title, style: style, values: runs.map { value($0.summary) })
    }

    private func percentile(_ title: String, _ measure: LatencyMeasure, _ percent: Double) -> Column {
        column(title, .duration) { $0[measure].percentile(percent)?.inSeconds }
    }

    /// The callers' figures by name, in the order in which the runs bring them.
    private var figureColumns: [Column] {
        var heads: [Figure] = []
        for figure in runs.flatMap(\.figures) where !heads.contains(where: { $0.name == figure.name }) { heads.append(figure) }
        return heads.map { head in
            Column(title: head.title, style: head.style, values: runs.map { run in run.figures.first { $0.name == head.name }?.value })
        }
    }

    private var columns: [Column] {
        [
            column("Good", .share) { $0.counts.goodShare }, column("Good/s", .plain) { $0.goodPerSecond },
            column("Failed", .share) { $0.counts.failedShare }, percentile("TTFT p50", .firstToken, 50),
            percentile("TTFT p99", .firstToken, 99), percentile("ITL p50", .betweenTokens, 50), percentile("ITL p99", .betweenTokens, 99),
            percentile("E2E p99", .endToEnd, 99), column("Cached", .share) { $0.counts.cachedShare },
        ].filter { !$0.isEmpty } + figureColumns
    }

    /// One row a run.
    package var table: ReportTable {
        let columns = columns
        return ReportTable(
            columns: [.init("Run", isNumber: false)] + columns.map { .init($0.title) },
            rows: runs.indices.map { row in [runs[row].name] + columns.map { $0.style.text($0.values[row]) } })
    }

    package var charts: [ReportSection.Chart] {
        let names = runs.map(\.name)
        func bars(_ title: String, _ columns: [Column]) -> ReportSection.Chart? {
            let filled = columns.filter { !$0.isEmpty }
            guard let style = filled.first?.style else { return nil }
            return .bars(
                BarChart(
                    title: title, axis: ChartAxis("", style: style), categories: names,
                    series: filled.map { BarChart.Series($0.title, $0.values) }))
        }
        func curves(_ title: String, _ measure: LatencyMeasure) -> ReportSection.Chart? {
            let lines = runs.filter { $0.summary[measure].count > 0 }.map { LineChart.Line($0.name, $0.summary[measure].curve) }
            guard !lines.isEmpty else { return nil }
            return .lines(
                LineChart(
                    title: title, x: ChartAxis("percentile", scale: .percentile), y: ChartAxis("", style: .duration, scale: .logarithmic),
                    lines: lines))
        }
        return [
            bars("Good requests", [column("good share", .share) { $0.counts.goodShare }]),
            bars("Time to first token", [percentile("p50", .firstToken, 50), percentile("p99", .firstToken, 99)]),
            bars("Between tokens", [percentile("p50", .betweenTokens, 50), percentile("p99", .betweenTokens, 99)]),
            bars("Prompt tokens cached", [column("cached", .share) { $0.counts.cachedShare }]),
            curves("Time to first token, by percentile", .firstToken), curves("End to end, by percentile", .endToEnd),
        ].compactMap { $0 } + figureColumns.compactMap { bars($0.title, [$0]) }
    }

    // MARK: Rendering

    /// The same as a report without a summary of its own.
    package var report: LoadReport {
        var report = LoadReport(
            title: title, facts: facts, sections: [ReportSection(title: "Runs", note: note, tables: [table], charts: charts)] + sections)
        report.members = [("runs", .array(runs.map(\.json)))]
        return report
    }

    private var note: String {
        let limits = Set(runs.map(\.summary.limits))
        guard let shared = limits.first, limits.count == 1 else {
            return "The runs were judged by different limits: their good requests do not compare."
        }
        return "Good: complete, and within \(shared.sentence)."
    }

    package func text(width: Int = 100) -> String { report.text(width: width) }
    package var markdown: String { report.markdown }
    package var html: String { report.html }
    /// A report's document with the member `runs`: each with `name`, `figures` and its `summary`.
    package func json(_ style: JSONWriter.Style = .compact) -> [UInt8] { report.json(style) }
}

extension Comparison.Run {
    fileprivate var json: JSONValue {
        var figures = JSONObject()
        for figure in self.figures { figures[figure.name] = figure.value.map { .double($0) } ?? .null }
        return ["name": .string(name), "figures": .object(figures), "summary": summary.json]
    }
}
