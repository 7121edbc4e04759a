/// Puts an SVG together. All text is escaped here; places have one digit behind the point.
struct SVGCanvas {
    private(set) var body = ""
    let width: Double
    let height: Double

    init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    enum Anchor: String { case start, middle, end }

    mutating func text(_ text: String, x: Double, y: Double, anchor: Anchor = .start, style: String = "", hint: String? = nil) {
        let attributes = (anchor == .start ? "" : " text-anchor=\"\(anchor.rawValue)\"") + (style.isEmpty ? "" : " class=\"\(style)\"")
        let title = hint.map { "<title>\($0.markup)</title>" } ?? ""
        body += "<text x=\"\(x.fixed(1))\" y=\"\(y.fixed(1))\"\(attributes)>\(title)\(text.markup)</text>\n"
    }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, style: String) {
        body += "<line x1=\"\(x1.fixed(1))\" y1=\"\(y1.fixed(1))\" x2=\"\(x2.fixed(1))\" y2=\"\(y2.fixed(1))\" class=\"\(style)\"/>\n"
    }

    mutating func box(x: Double, y: Double, width: Double, height: Double, style: String, round: Double = 0, hint: String? = nil) {
        let corners = round > 0 ? " rx=\"\(round.fixed(1))\"" : "",
            size = "width=\"\(max(0, width).fixed(1))\" height=\"\(max(0, height).fixed(1))\""
        let inside = hint.map { "><title>\($0.markup)</title></rect>" } ?? "/>"
        body += "<rect x=\"\(x.fixed(1))\" y=\"\(y.fixed(1))\" \(size)\(corners) class=\"\(style)\"\(inside)\n"
    }

    mutating func path(_ points: [(x: Double, y: Double)], style: String, hint: String) {
        guard let first = points.first else { return }
        guard points.count > 1 else {
            body +=
                "<circle cx=\"\(first.x.fixed(1))\" cy=\"\(first.y.fixed(1))\" r=\"3\" class=\"\(style)\"><title>\(hint.markup)</title></circle>\n"
            return
        }
        let places = points.map { "\($0.x.fixed(1)) \($0.y.fixed(1))" }.joined(separator: "L")
        body += "<path d=\"M\(places)\" class=\"\(style)\"><title>\(hint.markup)</title></path>\n"
    }

    /// `isAlone`: a file of its own, with the rules that a page would have.
    func finish(title: String, note: String, isAlone: Bool) -> String {
        let size = "\(width.fixed(0)) \(height.fixed(0))"
        let attributes = isAlone ? " xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width.fixed(0))\" height=\"\(height.fixed(0))\"" : ""
        let rules = isAlone ? "<style>\(ChartStyle.rules)</style>\n" : ""
        return """
            <svg\(attributes) viewBox="0 0 \(size)" class="chart" role="img" aria-label="\(title.markup)">
            <title>\(title.markup)</title><desc>\(note.markup)</desc>
            \(rules)<rect width="100%" height="100%" class="back"/>
            \(body)</svg>

            """
    }

    // MARK: Legends

    private static let legendRow = 19.0

    /// Where each name stands, and in which row.
    private static func legendPlaces(_ names: [String], room: Double) -> [(x: Double, row: Int)] {
        var left = 0.0, row = 0
        return names.map { name in
            let width = 38 + Double(min(name.count, longestName)) * 7
            if left > 0, left + width > room {
                left = 0
                row += 1
            }
            defer { left += width }
            return (left, row)
        }
    }

    private static let longestName = 30

    /// One line needs no legend: the chart's title names it.
    static func legendHeight(_ names: [String], room: Double) -> Double {
        names.count > 1 ? Double((legendPlaces(names, room: room).last?.row ?? 0) + 1) * legendRow + 4 : 0
    }

    /// Names with their colours, in as many rows as they need.
    mutating func legend(_ names: [String], x: Double, y: Double, room: Double) {
        guard names.count > 1 else { return }
        for (index, place) in SVGCanvas.legendPlaces(names, room: room).enumerated() {
            let shown = names[index].cut(to: SVGCanvas.longestName), dash = ChartStyle.isDashed(index) ? " dash" : ""
            let left = x + place.x, baseline = y + Double(place.row) * SVGCanvas.legendRow + 12
            line(left, baseline - 4, left + 18, baseline - 4, style: "line s\(ChartStyle.colour(index))\(dash)")
            text(shown, x: left + 24, y: baseline, hint: shown == names[index] ? nil : names[index])
        }
    }
}
