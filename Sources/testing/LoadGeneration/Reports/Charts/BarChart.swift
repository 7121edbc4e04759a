/// Bars beside one another, a group for each of a few things that are compared.
package struct BarChart: Hashable, Sendable {
    package struct Series: Hashable, Sendable {
        package var name: String
        /// One a category; nil: there is none.
        package var values: [Double?]

        package init(_ name: String, _ values: [Double?]) {
            self.name = name
            self.values = values
        }
    }

    package var title: String
    /// What there is to see, for those who cannot see it; empty: the title says it.
    package var note: String
    /// What the bars' lengths measure, from 0.
    package var axis: ChartAxis
    package var categories: [String]
    package var series: [Series]

    package init(title: String, note: String = "", axis: ChartAxis, categories: [String], series: [Series]) {
        self.title = title
        self.note = note
        self.axis = axis
        self.categories = categories
        self.series = series
    }

    /// A file of its own, for a guide or a page of others.
    package var svg: String { drawn(isAlone: true) }

    func drawn(isAlone: Bool) -> String {
        let bar = 16.0, group = Double(max(1, series.count)) * (bar + 2) + 12, rows = Double(categories.count) * group
        let top = 44 + SVGCanvas.legendHeight(series.map(\.name), room: ChartStyle.legendRoom), bottom = top + rows
        var canvas = SVGCanvas(width: ChartStyle.width, height: bottom + (axis.title.isEmpty ? 28 : 48))
        canvas.text(title.cut(to: ChartStyle.titleLetters), x: 16, y: 26, style: "title", hint: title)
        canvas.legend(series.map(\.name), x: 16, y: 38, room: ChartStyle.legendRoom)
        let names = categories.map { $0.cut(to: 22) }
        let left = 26 + 7.2 * Double(names.map(\.count).max() ?? 0), right = ChartStyle.width - 76
        var measured = axis
        measured.scale = .linear  // a bar's length compares only from 0
        let fitted = FittedAxis(measured, values: series.flatMap { $0.values.compactMap { $0 } }, ticks: 4)
        for tick in fitted.ticks {
            let place = left + tick.place * (right - left)
            canvas.line(place, top, place, bottom, style: tick.place == 0 ? "axis" : "grid")
            canvas.text(tick.label, x: place, y: bottom + 18, anchor: .middle)
        }
        let zero = left + (fitted.place(0) ?? 0) * (right - left)
        for (row, name) in names.enumerated() {
            let begin = top + Double(row) * group + 6
            canvas.text(name, x: left - 8, y: begin + (group - 12) / 2 + 4, anchor: .end, hint: categories[row])
            for (index, series) in series.enumerated() {
                guard row < series.values.count, let value = series.values[row], let place = fitted.place(value) else { continue }
                let end = left + place * (right - left), y = begin + Double(index) * (bar + 2)
                let shown = axis.style.text(value)
                canvas.box(
                    x: min(zero, end), y: y, width: abs(end - zero), height: bar, style: "f\(ChartStyle.colour(index))", round: 2,
                    hint: "\(categories[row]), \(series.name): \(shown)")
                canvas.text(shown, x: max(zero, end) + 6, y: y + bar - 4)
            }
        }
        canvas.text(axis.title, x: right, y: bottom + 37, anchor: .end)
        return canvas.finish(title: title, note: note, isAlone: isAlone)
    }

    package var table: ReportTable {
        ReportTable(
            columns: [.init("", isNumber: false)] + series.map { .init($0.name) },
            rows: categories.enumerated().map { row, name in
                [name] + series.map { axis.style.text(row < $0.values.count ? $0.values[row] : nil) }
            })
    }
}
