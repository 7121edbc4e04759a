import JSONText

/// All figures of a run, as a table for people and as JSON for programs.
struct Report {
    struct Row {
        let caseName: String
        let figure: Figure
    }

    private(set) var rows: [Row] = []

    mutating func add(_ figures: [Figure], of caseName: String) {
        rows += figures.map { Row(caseName: caseName, figure: $0) }
    }

    func table() -> String {
        let head = ["case", "figure", "budget", "measured", "met"]
        let lines =
            [head]
            + rows.map { row in
                let met = row.figure.met.map { $0 ? "yes" : "NO" } ?? ""
                return [row.caseName, row.figure.name, row.figure.budgetText, row.figure.measuredText, met]
            }
        let widths = head.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            let cells = line.indices.map { line[$0] + String(repeating: " ", count: widths[$0] - line[$0].count) }
            return cells.joined(separator: "  ") + "\n"
        }.joined()
    }

    /// `{"budgets":[{"name","budget","measured","met"}],"figures":[{"name","measured","unit"}]}`
    func json() -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("budgets")
        writer.beginArray()
        for row in rows {
            guard let met = row.figure.met else { continue }
            writer.beginObject()
            writer.key("name")
            writer.string("\(row.caseName): \(row.figure.name)")
            writer.key("budget")
            writer.string(row.figure.budgetText)
            writer.key("measured")
            writer.number(row.figure.measured)
            writer.key("met")
            writer.bool(met)
            writer.endObject()
        }
        writer.endArray()
        writer.key("figures")
        writer.beginArray()
        for row in rows {
            writer.beginObject()
            writer.key("name")
            writer.string("\(row.caseName): \(row.figure.name)")
            writer.key("measured")
            writer.number(row.figure.measured)
            writer.key("unit")
            writer.string(row.figure.unit)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return String(decoding: writer.finish(), as: UTF8.self) + "\n"
    }
}
