import JSONText
import LoadGeneration
import ServiceRuntime
import WireProtocol

/// `loadgen merge`: one report of what many hosts measured, exactly as if one had.
enum Merge {
    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        var table = OptionTable(
            ProcessDescription(
                name: "loadgen merge",
                summary: """
                    Joins the JSON reports of hosts that put load on one server at the same time. Percentiles are those of all their requests: the files hold \
                    whole distributions.
                    """,
                protocolVersion: WireVersion.current.description, operands: .anywhere(usage: "REPORT.json REPORT.json…"),
                examples: [.init("loadgen merge a.json b.json --html both.html", "prints one report of both, and writes it as a page")]))
        let title = table.optional("title", .text(), help: "The merged report's title; the first report's unless told.")
        let files = ReportFiles(&table)
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            guard !resolved.operands.isEmpty else { return refuse("there is no report to merge; name their files", .usage) }
            var merged: LoadReport?
            for path in resolved.operands {
                do throws(Unreadable) {
                    let report = try read(path)
                    merged = try join(merged, report, path)
                } catch { return refuse(error.description, .failure) }
            }
            guard var merged else { return .failure }
            if let title = resolved[title] { merged.title = title }
            return files.deliver(merged, resolved)
        }
    }

    private struct Unreadable: Error { let description: String }

    private nonisolated static func read(_ path: String) throws(Unreadable) -> LoadReport {
        let bytes: [UInt8]
        do throws(FileReadError) {
            bytes = try FileReader.system.read(path, LoadReport.readingLimits.bytes)
        } catch { throw Unreadable(description: "\(error)") }
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: bytes, limits: LoadReport.readingLimits)
        } catch { throw Unreadable(description: "\(path) is no JSON: \(error)") }
        do throws(SummaryReadError) {
            return try LoadReport(reading: document)
        } catch { throw Unreadable(description: "\(path) is no report of a run: \(error)") }
    }

    private nonisolated static func join(_ merged: LoadReport?, _ report: LoadReport, _ path: String) throws(Unreadable) -> LoadReport? {
        guard let merged else { return report }
        do throws(SummaryMergeError) {
            return try LoadReport.merging([merged, report])
        } catch { throw Unreadable(description: "\(path) is of another run: \(error)") }
    }

    private nonisolated static func refuse(_ why: String, _ code: ExitCode) -> ExitCode {
        StandardStreams.complain("loadgen merge: \(why)\n")
        return code
    }
}
