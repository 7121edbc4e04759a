/// A part of a report: tables, and charts that stand on the page only.
package struct ReportSection: Hashable, Sendable {
    package enum Chart: Hashable, Sendable {
        case lines(LineChart)
        case bars(BarChart)

        package var title: String {
            switch self {
            case .lines(let chart): chart.title
            case .bars(let chart): chart.title
            }
        }

        /// A file of its own.
        package var svg: String { drawn(isAlone: true) }

        func drawn(isAlone: Bool) -> String {
            switch self {
            case .lines(let chart): chart.drawn(isAlone: isAlone)
            case .bars(let chart): chart.drawn(isAlone: isAlone)
            }
        }

        package var table: ReportTable {
            switch self {
            case .lines(let chart): chart.table
            case .bars(let chart): chart.table
            }
        }

        var note: String {
            switch self {
            case .lines(let chart): chart.note
            case .bars(let chart): chart.note
            }
        }
    }

    package var title: String
    /// A sentence or two below the title; empty: none.
    package var note: String
    package var tables: [ReportTable]
    package var charts: [Chart]

    package init(title: String, note: String = "", tables: [ReportTable] = [], charts: [Chart] = []) {
        self.title = title
        self.note = note
        self.tables = tables
        self.charts = charts
    }
}
