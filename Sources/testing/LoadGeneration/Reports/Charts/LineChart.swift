/// Lines over an axis: what grows with a load, what changes over time, the curve of a distribution.
package struct LineChart: Hashable, Sendable {
    package struct Point: Hashable, Sendable {
        package var x: Double
        package var y: Double

        package init(_ x: Double, _ y: Double) {
            self.x = x
            self.y = y
        }
    }

    package struct Line: Hashable, Sendable {
        package var name: String
        /// By `x`. What is not finite, or has no place on its axis, is passed over.
        package var points: [Point]

        package init(_ name: String, _ points: [Point]) {
            self.name = name
            self.points = points
        }
    }

    package var title: String
    /// What there is to see, for those who cannot see it; empty: the title says it.
    package var note: String
    package var x: ChartAxis
    package var y: ChartAxis
    package var lines: [Line]

    package init(title: String, note: String = "", x: ChartAxis, y: ChartAxis, lines: [Line]) {
        self.title = title
        self.note = note
        self.x = x
        self.y = y
        self.lines = lines
    }

    /// A file of its own, for a guide or a page of others.
    package var svg: String { drawn(isAlone: true) }

    func drawn(isAlone: Bool) -> String {
        var canvas = SVGCanvas(width: ChartStyle.width, height: ChartStyle.height)
        canvas.text(title.cut(to: ChartStyle.titleLetters), x: 16, y: 26, style: "title", hint: title)
        canvas.legend(lines.map(\.name), x: 16, y: 38, room: ChartStyle.legendRoom)
        let top = 66 + SVGCanvas.legendHeight(lines.map(\.name), room: ChartStyle.legendRoom), bottom = ChartStyle.height - 46
        let across = FittedAxis(x, values: lines.flatMap { $0.points.map(\.x) }, ticks: 6)
        let upward = FittedAxis(y, values: lines.flatMap { $0.points.map(\.y) })
        let left = 24 + 7 * Double(upward.ticks.map(\.label.count).max() ?? 0), right = ChartStyle.width - 22
        for tick in upward.ticks {
            let place = bottom - tick.place * (bottom - top)
            canvas.line(left, place, right, place, style: tick.place == 0 ? "axis" : "grid")
            canvas.text(tick.label, x: left - 8, y: place + 4, anchor: .end)
        }
        for tick in across.ticks {
            let place = left + tick.place * (right - left)
            canvas.line(place, bottom, place, bottom + 4, style: "axis")
            canvas.text(tick.label, x: place, y: bottom + 19, anchor: .middle)
        }
        canvas.line(left, bottom, right, bottom, style: "axis")
        canvas.text(y.title, x: 16, y: top - 10)
        canvas.text(x.title, x: right, y: bottom + 38, anchor: .end)
        for (index, line) in lines.enumerated() {
            let places = line.points.compactMap { point -> (x: Double, y: Double)? in
                guard let across = across.place(point.x), let upward = upward.place(point.y) else { return nil }
                return (left + across * (right - left), bottom - upward * (bottom - top))
            }
            canvas.path(places, style: "line s\(ChartStyle.colour(index))\(ChartStyle.isDashed(index) ? " dash" : "")", hint: line.name)
        }
        return canvas.finish(title: title, note: note, isAlone: isAlone)
    }

    // MARK: As a table

    /// Rows of a table that stands for a chart: few enough to read.
    private static let mostRows = 24

    /// The points of all lines by `x`; of many, some at even distances.
    package var table: ReportTable {
        let all = Set(lines.flatMap { $0.points.map(\.x) }).filter(\.isFinite).sorted()
        let shown =
            all.count <= LineChart.mostRows ? all : (0..<LineChart.mostRows).map { all[$0 * (all.count - 1) / (LineChart.mostRows - 1)] }
        let values = lines.map { line in Dictionary(line.points.map { ($0.x, $0.y) }, uniquingKeysWith: { $1 }) }
        return ReportTable(
            columns: [.init(x.title)] + lines.map { .init($0.name) },
            rows: shown.map { place in [x.style.tick(place)] + values.map { y.style.text($0[place]) } })
    }
}
