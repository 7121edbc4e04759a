import LoadGeneration

/// Several policies at several loads in one table and one chart a figure: where one of them bends before the others.
struct ComparedLoads {
    struct Load {
        let name: String
        /// The same policies in the same order at each load.
        let runs: [Comparison.Run]
    }

    let loads: [Load]

    private var policies: [String] { loads.first?.runs.map(\.name) ?? [] }

    var section: ReportSection {
        let charts = [
            chart("Good requests", .share) { $0.summary.counts.goodShare },
            chart("Time to first token p99", .duration) { $0.summary[.firstToken].percentile(99)?.inSeconds },
            chart("Hit rate", .share) { run in run.figures.first { $0.name == "hit_rate" }?.value },
        ]
        let tables = charts.map { chart in
            var table = chart.table
            table.title = chart.title
            table.columns[0].title = "Run"
            return table
        }
        return ReportSection(title: "All loads", tables: tables, charts: charts.map { .bars($0) })
    }

    private func chart(_ title: String, _ style: NumberStyle, _ value: (Comparison.Run) -> Double?) -> BarChart {
        BarChart(
            title: title, axis: ChartAxis("", style: style), categories: policies,
            series: loads.map { BarChart.Series($0.name, $0.runs.map(value)) })
    }
}
