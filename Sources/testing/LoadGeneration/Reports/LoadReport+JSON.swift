package import JSONText

extension LoadReport {
    static let kind = "load_report"
    /// Of the document around the summary, which has a number of its own.
    static let formatVersion: UInt64 = 1

    /// For reading a report that the operator chose: nine histograms and a series, with room for what callers add.
    package static let readingLimits = JSONLimits(depth: 16, bytes: 64 << 20, values: 4 << 20)

    private static let names: Set = ["kind", "format", "title", "facts", "summary", "sections"]

    /// `kind`, `format`, `title`, `facts` (an object of texts), `summary` (`LoadSummary.write`) and `sections` (those of the caller), under these names for
    /// good; then the caller's own members.
    package func json(_ style: JSONWriter.Style = .compact) -> [UInt8] {
        var writer = JSONWriter(style: style)
        writer.beginObject()
        writer.member("kind", LoadReport.kind)
        writer.member("format", LoadReport.formatVersion)
        writer.member("title", title)
        writer.key("facts")
        var facts = JSONObject()
        for fact in self.facts { facts[fact.name] = .string(fact.value) }
        writer.value(.object(facts))
        if let summary {
            writer.key("summary")
            summary.write(to: &writer)
        }
        writer.key("sections")
        writer.beginArray()
        for section in sections { section.write(to: &writer) }
        writer.endArray()
        var members = JSONObject()
        for member in self.members where !LoadReport.names.contains(member.name) { members[member.name] = member.value }
        for member in members.members {
            writer.key(member.name)
            writer.value(member.value)
        }
        writer.endObject()
        return writer.finish()
    }

    /// Reads title, facts and summary of a document that `json` wrote: what can be merged. Sections and members of the caller are passed over.
    package init(reading document: JSONValue) throws(SummaryReadError) {
        let reader = try SummaryReader(document, path: "")
        guard try reader.text("kind") == LoadReport.kind else { throw reader.problem("kind", "is not \"\(LoadReport.kind)\"") }
        guard try reader.count("format") == LoadReport.formatVersion else {
            throw reader.problem("format", "is not \(LoadReport.formatVersion): another version wrote this")
        }
        guard reader.has("summary") else { throw reader.problem("summary", "is missing: there is nothing to merge") }
        var facts: [Fact] = []
        if reader.has("facts") {
            for name in try reader.object("facts").names { facts.append(Fact(name, try reader.object("facts").text(name))) }
        }
        self.init(
            title: try reader.text("title"), facts: facts, summary: try LoadSummary(reading: reader.value("summary"), path: "summary"))
    }

    /// One report of what many hosts measured in one run. Facts that all share stay; of others, each host's stands.
    package static func merging(_ reports: [LoadReport]) throws(SummaryMergeError) -> LoadReport? {
        guard var merged = reports.first else { return nil }
        for report in reports.dropFirst() {
            guard let summary = report.summary else { continue }
            if merged.summary == nil { merged.summary = summary } else { try merged.summary?.merge(summary) }
            for fact in report.facts {
                guard let place = merged.facts.firstIndex(where: { $0.name == fact.name }) else {
                    merged.facts.append(fact)
                    continue
                }
                let values = merged.facts[place].value.split(separator: separator)
                if !values.contains(fact.value[...]) { merged.facts[place].value += separator + fact.value }
            }
        }
        merged.sections = []
        merged.members = []
        return merged
    }

    private static let separator = " | "
}

extension ReportSection {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("title", title)
        if !note.isEmpty { writer.member("note", note) }
        writer.key("tables")
        writer.beginArray()
        for table in tables {
            writer.beginObject()
            writer.member("title", table.title)
            writer.key("columns")
            writer.value(.array(table.columns.map { .string($0.title) }))
            writer.key("rows")
            writer.value(.array(table.rows.map { .array($0.map { .string($0) }) }))
            writer.endObject()
        }
        writer.endArray()
        writer.key("charts")
        writer.beginArray()
        for chart in charts { chart.write(to: &writer) }
        writer.endArray()
        writer.endObject()
    }
}

extension ReportSection.Chart {
    /// Lines have `points`, bars have `values` for the `categories`.
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("title", title)
        switch self {
        case .lines(let chart):
            writer.member("x", chart.x.title)
            writer.member("y", chart.y.title)
            writer.key("lines")
            writer.value(
                .array(
                    chart.lines.map { line in
                        ["name": .string(line.name), "points": .array(line.points.map { [.double($0.x), .double($0.y)] })]
                    }))
        case .bars(let chart):
            writer.member("axis", chart.axis.title)
            writer.key("categories")
            writer.value(.array(chart.categories.map { .string($0) }))
            writer.key("series")
            writer.value(
                .array(
                    chart.series.map { series in
                        ["name": .string(series.name), "values": .array(series.values.map { $0.map { .double($0) } ?? .null })]
                    }))
        }
        writer.endObject()
    }
}

extension JSONValue {
    /// Null for what JSON cannot say.
    package static func double(_ value: Double) -> JSONValue { JSONNumber(value).map { .number($0) } ?? .null }
}
