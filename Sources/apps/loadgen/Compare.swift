import FleetSimulation
import JSONText
import LoadGeneration
import ServiceRuntime
import WireProtocol

/// `loadgen compare`: one load under several policies, in one table.
enum Compare {
    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        var table = OptionTable(
            ProcessDescription(
                name: "loadgen compare",
                summary: "Runs one load on one simulated fleet under several policies, at one pace or at several shares of what it can carry.",
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init("loadgen compare --trace conversation.jsonl --loads 0.7,0.9,1.1", "all policies, from easy to too much"),
                    .init("loadgen compare --trace t.jsonl --policies kv,latency --prefill 4 --decode 4", "two, on a split fleet"),
                ]))
        let fleet = FleetCommandOptions(in: &table)
        table.group("Policies and loads")
        let policies = table.list(
            "policies", .words(FleetPolicy.names),
            default: ["dynamo", "round-robin", "random", "least-loaded", "overlap-only", "kv", "latency"],
            count: 1...FleetPolicy.names.count, help: "How workers are chosen.")
        let loads = table.list(
            "loads", .number(0.01...10), count: 0...16, help: "Shares of what the fleet can carry, which is measured first; none: as it is.")
        let title = table.optional("title", .text(), help: "The report's title.")
        let markdown = table.optional("markdown", .path("FILE"), help: "Also writes the tables for a document.")
        let charts = table.optional("charts", .path("FOLDER"), help: "Also writes each chart as a drawing, into a folder that is there.")
        let files = ReportFiles(&table)
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            do throws(RunFailure) {
                let report = try compare(
                    try fleet.setting(resolved), resolved[policies], loads: resolved[loads], title: resolved[title] ?? "Policies")
                var code = files.deliver(report, resolved)
                if let path = resolved[markdown], !OutputFile.write(Array(report.markdown.utf8), to: path) { code = .failure }
                if let folder = resolved[charts], !write(report, into: folder) { code = .failure }
                return code
            } catch {
                complain("loadgen compare: \(error.text)")
                return error.code
            }
        }
    }

    private nonisolated static func compare(
        _ setting: FleetSetting, _ policies: [String], loads: [Double], title: String
    ) throws(RunFailure) -> LoadReport {
        var facts = FleetReport.facts(of: setting.workload, setting.options)
        var sections: [ReportSection] = [], runs: [(name: String, value: JSONValue)] = []
        var paces: [(name: String, workload: Workload)] = []
        if loads.isEmpty {
            paces.append(("As it was", setting.workload))
        } else {
            let capacity = try Simulate.capacity(setting.workload, setting.options(.kv))
            facts.append(.init("capacity", "\(decimals(capacity, 2)) requests a second"))
            for load in loads {
                paces.append(("At \(decimals(load, 2)) of capacity", try setting.workload.offered(share: load, of: capacity)))
            }
        }
        for pace in paces {
            var compared: [Comparison.Run] = []
            for name in policies {
                guard let policy = FleetPolicy.named(name) else { continue }
                let options = setting.options(policy)
                compared.append(FleetReport(FleetSimulation.run(pace.workload, options), options).run(named: name))
            }
            let report = Comparison(title: pace.name, runs: compared).report
            sections += report.sections.map { section in
                var section = section
                section.title = pace.name
                return section
            }
            runs.append(("\(pace.name)", report.members.first { $0.name == "runs" }?.value ?? .null))
        }
        var report = LoadReport(title: title, facts: facts, sections: sections)
        report.members = [("paces", .array(runs.map { ["name": .string($0.name), "runs": $0.value] }))]
        return report
    }

    /// One file a chart, by the number of its section and its title.
    private nonisolated static func write(_ report: LoadReport, into folder: String) -> Bool {
        for (number, section) in report.sections.enumerated() {
            for chart in section.charts {
                let words = chart.title.lowercased().split { !$0.isLetter && !$0.isNumber }.joined(separator: "-")
                guard OutputFile.write(Array(chart.svg.utf8), to: "\(folder)/\(number + 1)-\(words).svg") else { return false }
            }
        }
        return true
    }
}
