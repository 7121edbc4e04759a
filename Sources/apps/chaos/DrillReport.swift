import ClusterModel
import ClusterHarness
import JSONText
import ServiceRuntime

/// Tells of the cases of drills: a line as each ends, then all as a table; or a JSON object each.
struct DrillReport: Sendable {
    let isJSON: Bool

    /// As soon as it is over.
    func tell(_ row: DrillRow) {
        if isJSON { return StandardStreams.output(Self.json(row) + "\n") }
        let name = [row.drill, row.name].filter { !$0.isEmpty }.joined(separator: ": ")
        complain("  \(name): \(Self.verdict(row))")
        for failure in row.failures { complain("    \(failure)") }
    }

    func end(_ rows: [DrillRow]) {
        guard !isJSON else { return }
        var table = TextTable([
            "drill", "proves", "case", "requests", "complete", "errors", "left", "lost", "wrong", "hung", "held", "moved", "worst gap",
            "detected", "healed", "at rest", "verdict",
        ])
        for row in rows {
            let counts = [row.requests, row.complete, row.errors, row.left, row.lost, row.wrong, row.hung, row.held].map(String.init)
            let times = [row.worstGap, row.detected, row.healed, row.rested].map { $0.map { "\($0.inMilliseconds) ms" } ?? "-" }
            table.add([row.drill, Self.proves(row), row.name] + counts + [row.moved.map(String.init) ?? "-"] + times + [Self.verdict(row)])
        }
        StandardStreams.output("\n" + table.lines.map { $0 + "\n" }.joined())
        for row in rows where !row.notes.isEmpty {
            let notes = row.notes.map { "\($0.name): \($0.value)" }.joined(separator: "; ")
            StandardStreams.output("\n\(row.drill), \(row.name): \(notes)")
        }
        let run = rows.filter { $0.skipped == nil }, skipped = rows.count - run.count
        let tail = skipped == 0 ? "" : ", \(skipped) were skipped"
        StandardStreams.output("\n\n\(run.count { $0.passes }) of \(run.count) cases pass\(tail).\n")
    }

    private static func proves(_ row: DrillRow) -> String { Drill.named(row.drill)?.proves ?? "-" }

    private static func verdict(_ row: DrillRow) -> String {
        if let skipped = row.skipped { return "skipped: \(skipped)" }
        return row.passes ? "passes" : "fails"
    }

    private static func json(_ row: DrillRow) -> String {
        var object = JSONObject()
        object["drill"] = .string(row.drill)
        object["proves"] = .string(proves(row))
        object["case"] = .string(row.name)
        object["passes"] = .bool(row.passes)
        if let skipped = row.skipped { object["skipped"] = .string(skipped) }
        let counts = [
            ("requests", row.requests), ("complete", row.complete), ("errors", row.errors), ("left", row.left), ("lost", row.lost),
            ("wrong", row.wrong), ("hung", row.hung), ("held", row.held), ("moved", row.moved),
        ]
        for (name, count) in counts { object[name] = count.map { .number(JSONNumber(Int64($0))) } ?? .null }
        let times = [
            ("worst_gap", row.worstGap), ("detected", row.detected), ("healed", row.healed), ("rested", row.rested),
        ]
        for (name, time) in times { object["\(name)_ms"] = time.map { .number(JSONNumber($0.inMilliseconds)) } ?? .null }
        var notes = JSONObject()
        for note in row.notes { notes[note.name] = .string(note.value) }
        object["notes"] = .object(notes)
        object["failures"] = .array(row.failures.map(JSONValue.string))
        return String(decoding: JSONValue.object(object).encoded(), as: UTF8.self)
    }
}
