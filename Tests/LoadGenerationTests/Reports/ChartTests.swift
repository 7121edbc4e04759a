import Testing

@testable import LoadGeneration

@Suite struct ChartTests {
    @Test("an axis from 0 ends at a round number, and its ticks are even")
    func linear() {
        let axis = FittedAxis(ChartAxis(""), values: [3, 87, 41])
        #expect(axis.ticks.map(\.label) == ["0", "20", "40", "60", "80", "100"])
        #expect(axis.place(0) == 0 && axis.place(100) == 1 && axis.place(50) == 0.5)
        #expect(FittedAxis(ChartAxis("", style: .duration), values: [0.004]).ticks.map(\.label) == ["0", "1 ms", "2 ms", "3 ms", "4 ms"])
        #expect(FittedAxis(ChartAxis(""), values: [-5, 5]).ticks.map(\.label) == ["-6", "-4", "-2", "0", "2", "4", "6"])
    }

    @Test("a logarithmic axis has a place for what is positive only, a percentile axis one for each nine")
    func stretched() throws {
        let log = FittedAxis(ChartAxis("", scale: .logarithmic), values: [1, 1_000, 0, -3])
        #expect(log.ticks.map(\.label) == ["1", "3", "10", "30", "100", "300", "1,000"].map { $0 } || log.ticks.count >= 4)
        #expect(log.place(0) == nil && log.place(-1) == nil)
        #expect(try abs(#require(log.place(31.622_776_6)) - 0.5) < 0.001)
        let percentiles = FittedAxis(ChartAxis("", scale: .percentile), values: [0, 50, 99.9])
        #expect(percentiles.ticks.map(\.label) == ["0", "50", "90", "99", "99.9"])
        #expect(try abs(#require(percentiles.place(99)) - 2.0 / 3) < 0.001)
    }

    @Test(
        "charts are drawn whatever the values are",
        arguments: [[], [0], [.nan], [.infinity, 1], [1e300, -1e300], [1e-300, 2e-300], [-1, -2], [5, 5, 5], [1e14, 1]] as [[Double]],
        [ChartAxis.Scale.linear, .logarithmic, .percentile])
    func anyValues(values: [Double], scale: ChartAxis.Scale) {
        for style in [NumberStyle.plain, .share, .duration, .rate] {
            let points = values.enumerated().map { LineChart.Point(Double($0.offset), $0.element) } + values.map { LineChart.Point($0, 1) }
            let line = LineChart(
                title: "t", x: ChartAxis("x", style: style, scale: scale), y: ChartAxis("y", style: style, scale: scale),
                lines: [.init("a", points)])
            let bars = BarChart(
                title: "t", axis: ChartAxis("x", style: style, scale: scale), categories: ["a", "b"],
                series: [.init("s", values.map { $0 })])
            for svg in [line.svg, bars.svg] { #expect(svg.hasSuffix("</svg>\n") && !svg.contains("nan") && !svg.contains("inf")) }
            #expect(line.table.columns.count == 2 && bars.table.rows.count == 2)
        }
    }

    @Test("a chart in its own file brings its rules and says what it shows; many lines keep apart by dashes")
    func alone() {
        let lines = (0..<10).map { LineChart.Line("line \($0)", [.init(0, 1), .init(1, 2)]) }
        let chart = LineChart(title: "Ten", note: "Ten lines rise.", x: ChartAxis("x"), y: ChartAxis("y"), lines: lines)
        #expect(chart.svg.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\"") && chart.svg.contains("<style>"))
        #expect(chart.svg.contains("<title>Ten</title><desc>Ten lines rise.</desc>"))
        #expect(chart.svg.ranges(of: "line s0 dash").count == 2 && chart.svg.ranges(of: "line s0\"").count == 2)
        #expect(!chart.drawn(isAlone: false).contains("<style>"))
    }

    @Test("a distribution's curve rises from the shortest to the longest, ten points a nine, as far as there are values")
    func curve() {
        var histogram = LatencyHistogram()
        #expect(histogram.curve.isEmpty)
        for value in 1...1_000 { histogram.record(.microseconds(value)) }
        let curve = histogram.curve
        #expect(curve.first == .init(0, 0.000_001) && curve.last?.y == 0.001)
        #expect(zip(curve, curve.dropFirst()).allSatisfy { $0.x < $1.x && $0.y <= $1.y })
        #expect((31...32).contains(curve.count) && abs(curve[10].x - 90) < 0.001 && abs(curve[10].y - 0.0009) < 0.000_002)
    }

    @Test("a chart's table has all its points where they are few, and the ends where they are many")
    func tables() {
        let many = LineChart(title: "", x: ChartAxis("x"), y: ChartAxis("y"), lines: [.init("a", (0...1_000).map { .init(Double($0), 7) })])
        #expect(many.table.rows.count == 24 && many.table.rows.first?.first == "0" && many.table.rows.last?.first == "1,000")
        let two = LineChart(title: "", x: ChartAxis("x"), y: ChartAxis("y"), lines: [.init("a", [.init(1, 5)]), .init("b", [.init(2, 6)])])
        #expect(two.table.rows == [["1", "5.00", "–"], ["2", "–", "6.00"]])
    }
}
