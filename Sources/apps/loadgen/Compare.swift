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
                summary:
                    "Runs one load on one simulated fleet under several policies, at one pace or at several shares of what it can carry.",
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init("loadgen compare --trace conversation.jsonl --loads 0.7,0.9,1.1", "the usual policies, from easy to too much"),
                    .init("loadgen compare --trace t.jsonl --policies kv,latency --prefill 4 --decode 4", "two, on a split fleet"),
                ]))
        let fleet = FleetCommandOptions(in: &table)
        table.group("Policies and loads")
        let policies = table.list(
            "policies", .words(FleetPolicy.names),
            default: ["dynamo", "round-robin", "random", "least-loaded", "overlap-only", "kv", "lmetric", "latency"],
            count: 1...FleetPolicy.names.count, help: "How workers are chosen.")
        let loads = table.list(
            "loads", .number(0.01...10), count: 0...16, help: "Shares of what the fleet can carry, which is measured first; none: as it is."
        )
        let title = table.optional("title", .text(), help: "The report's title.")
        let markdown = table.optional("markdown", .path("FILE"), help: "Also writes what was simulated and the tables, for a document.")
        let charts = table.optional(
            "charts", .path("FOLDER"),
            help: "Also writes each chart as a drawing, into a folder that is there; its name says the load and the chart.")
        let files = ReportFiles(&table)
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            do throws(RunFailure) {
                let report = try compare(
                    try fleet.setting(resolved), resolved[policies], loads: resolved[loads], title: resolved[title] ?? "Policies")
                var code = files.deliver(report, resolved)
                if let path = resolved[markdown], !OutputFile.write(Array(document(report).utf8), to: path) { code = .failure }
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
        var sections: [ReportSection] = [], runs: [(name: String, value: JSONValue)] = [], all: [ComparedLoads.Load] = []
        var paces: [(name: String, workload: Workload)] = []
        let line = ProgressLine()
        if loads.isEmpty {
            paces.append(("As it was", setting.workload))
        } else {
            let capacity = try Simulate.capacity(setting.workload, setting.options(.kv), line)
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
                let result = FleetSimulation.run(pace.workload, options, progress: { line.show("\(pace.name): \(name)", $0, of: $1) })
                compared.append(FleetReport(result, options).run(named: name))
            }
            all.append(ComparedLoads.Load(name: pace.name, runs: compared))
            let report = Comparison(title: pace.name, runs: compared).report
            sections += report.sections.map { section in
                var section = section
                section.title = pace.name
                return section
            }
            runs.append(("\(pace.name)", report.members.first { $0.name == "runs" }?.value ?? .null))
        }
        line.close()
        if all.count > 1 { sections.insert(ComparedLoads(loads: all).section, at: 0) }
        var report = LoadReport(title: title, facts: facts, sections: sections)
        report.members = [("paces", .array(runs.map { ["name": .string($0.name), "runs": $0.value] }))]
        return report
    }

    /// What was simulated, and the tables.
    private nonisolated static func document(_ report: LoadReport) -> String {
        let facts = ReportTable(
            columns: [.init("Simulated", isNumber: false), .init("", isNumber: false)], rows: report.facts.map { [$0.name, $0.value] })
        return facts.markdown + "\n" + report.markdown
    }

    /// One file a chart, named after its section and its title: `at-0-90-of-capacity-good-requests.svg`.
    private nonisolated static func write(_ report: LoadReport, into folder: String) -> Bool {
        for section in report.sections {
            for chart in section.charts {
                let name = [section.title, chart.title].map(fileWords).joined(separator: "-")
                guard OutputFile.write(Array(chart.svg.utf8), to: "\(folder)/\(name).svg") else { return false }
            }
        }
        return true
    }

    private nonisolated static func fileWords(_ title: String) -> String {
        title.lowercased().split { !$0.isLetter && !$0.isNumber }.joined(separator: "-")
    }
}
