import JSONText
import Scheduling
package import ServiceRuntime
import WireProtocol

/// `router --replay-decision FILE`: makes a recorded decision again and says whether it comes out the same.
package struct DecisionReplayCommand: Sendable {
    private let file: OptionKey<String?>

    package init(in table: inout OptionTable) {
        table.group("Looking back")
        file = table.optional(
            "replay-decision", .path("FILE"),
            help: "Makes the recorded decision in this file again, prints both choices, and ends: 0 if they are equal, 1 if not.")
    }

    /// Nil: nothing of this kind was asked for.
    package func run(_ resolved: ResolvedConfiguration, files: FileReader = .system) -> (code: ExitCode, output: String, complaint: String)?
    {
        guard let path = resolved[file] else { return nil }
        func refuse(_ reason: String) -> (ExitCode, String, String) { (.usage, "", "router: \(path): \(reason)\n") }
        let records: [DecisionRecord]
        do { records = try Self.records(in: try JSONValue(parsing: try files.read(path, Self.longest))) } catch let error as FileReadError {
            return refuse(error.reason)
        } catch { return refuse("no record of a decision: \(error)") }
        let replays = records.map { ($0, DecisionReplay(of: $0)) }, areEqual = replays.allSatisfy { $1.agrees(with: $0) }
        return (areEqual ? .ok : .failure, replays.map(Self.report).joined(separator: "\n"), "")
    }

    /// In the order in which they were made: a record may have with it the one before.
    private static func records(in json: JSONValue) throws(DecisionFault) -> [DecisionRecord] {
        let last = decision(in: json)
        guard let before = last["before"] else { return [try DecisionRecord(last)] }
        return [try DecisionRecord(before), try DecisionRecord(last)]
    }

    /// A record, and an answer around it.
    private static let longest = Limits.explainBytes * 4

    /// The record itself, or one inside an answer of the API: `{"decision": …}`, `{"nvext": {"decision": …}}`.
    private static func decision(in json: JSONValue) -> JSONValue { json["nvext"]?["decision"] ?? json["decision"] ?? json }

    private static func report(_ record: DecisionRecord, _ replay: DecisionReplay) -> String {
        var text = "request \(record.facts.request), attempt \(record.facts.attempt)\n"
        for (leg, chosen) in zip(record.legs, replay.chosen) { text += table(leg, chosen) }
        func places(_ shape: DecisionShape, _ chosen: [Int]) -> String {
            var told = record
            told.shape = shape
            for index in told.legs.indices { told.legs[index].chosen = chosen[index] }
            return "\(shape): " + told.taken.map { "\($0.candidates[$0.chosen].placement)" }.joined(separator: ", ")
        }
        let recorded = places(record.shape, record.legs.map(\.chosen)), made = places(replay.shape, replay.chosen)
        text += "recorded   \(recorded)\nrecomputed \(made)\n"
        return text + (replay.agrees(with: record) ? "equal\n" : "NOT EQUAL\n")
    }

    private static func table(_ leg: DecisionRecord.Leg, _ chosen: Int) -> String {
        let formula = leg.rule.formula
        var text = "\n\(leg.rule.leg), by \(leg.rule.means)"
        if leg.rule.means == .policy { text += " \(formula.settings.policy.rawValue)" }
        text +=
            ": \(formula.tokens) tokens in \(Int(formula.blocks)) blocks; \(leg.counts.considered) considered, \(leg.counts.eligible) eligible, "
        text += "\(leg.counts.busy) busy, \(leg.counts.leftOut) left out\n"
        var rows = [["", "placement", "prefill tokens", "held blocks", "requests", "cached", "prefill", "decode", "total"]]
        for place in leg.candidates.indices {
            let inputs = leg.candidates[place].inputs, cost = leg.cost(of: place)
            let mark =
                (place == leg.chosen ? "recorded" : "") + (place == chosen ? (place == leg.chosen ? ", recomputed" : "recomputed") : "")
            rows.append([
                mark, "\(leg.candidates[place].placement)", "\(inputs.prefillTokens)", "\(inputs.heldBlocks)", "\(inputs.heldRequests)",
                "\(inputs.match.cached)", "\(rounded(cost.prefill))", "\(rounded(cost.decode))", "\(rounded(cost.total))",
            ])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].utf8.count }.max() ?? 0 }
        for row in rows {
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.utf8.count) }
            text += cells.joined(separator: "  ") + "\n"
        }
        return text
    }

    private static func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
}
