import ClusterHarness
import ServiceRuntime
import WireProtocol

/// `wiretool simulate`: the real services under faults in virtual time. A seed that fails here fails everywhere.
enum Simulate {
    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        let defaults = SimulationRun.Options()
        var table = OptionTable(
            ProcessDescription(
                name: "wiretool simulate",
                summary: """
                    Runs whole clusters in virtual time: frontends, routers and workers as they are, with clients that ask and leave, \
                    processes that die, freeze and drain, links that break and feeds that lose, and checks every answer against the model. Ends with \
                    1 if something does not hold.
                    """,
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init("wiretool simulate --seed 7 --verbose", "repeats one run, with its faults and the logs of its processes"),
                    .init("wiretool simulate --seed 1 --runs 1000", "runs a thousand"),
                    .init("wiretool simulate --prefill 2 --decode 2 --runs 100", "a hundred with prefill and decode apart"),
                    .init("wiretool simulate --drill all --runs 20", "each drill with twenty seeds: its worst times beside what passes"),
                    .init("wiretool simulate --streams --runs 1000", "a thousand of a worker's stream and its readers"),
                    .init("wiretool simulate --versions --runs 100", "a hundred in which today's programs meet those of later minors"),
                ]))
        let seed = table.option("seed", .integer(0...Int.max), default: 1, help: "The first seed.")
        let runs = table.option("runs", .integer(1...1_000_000), default: 1, help: "How many seeds, counted up from the first.")
        let span = table.option(
            "span", .duration(.seconds(1)...(.seconds(3_600))), default: defaults.span, help: "How long things go wrong, in virtual time.")
        let users = table.option("users", .integer(1...1_000), default: defaults.users, help: "Clients that ask again and again.")
        let routers = table.option("routers", .integer(1...8), default: defaults.shape.routers, help: "Routers.")
        let workers = table.optional(
            "workers", .integer(0...32), help: "Workers for whole requests: \(defaults.shape.workers.count), or none beside others.")
        let prefill = table.option("prefill", .integer(0...16), default: 0, help: "Workers for the prefill of split requests.")
        let decode = table.option("decode", .integer(0...16), default: 0, help: "Workers for the rest of them.")
        let frontends = table.option("frontends", .integer(1...8), default: defaults.shape.frontends, help: "Frontends.")
        let streams = table.flag(
            "streams", help: "Runs one worker and those who follow its stream instead, and compares their pictures with the worker.")
        let versions = table.flag(
            "versions", help: "Each program speaks today's minor or one of the next two, drawn from the seed.")
        table.group("Other runs")
        let recorded = table.optional(
            "record-peers", .path(), help: "Records what the programs of small clusters say to one another, into this folder.")
        let drill = table.optional(
            "drill", .words(SimulateDrills.words), help: "Plays a drill instead, by its name or the row that it proves, or all of them.")
        let size = table.option("size", .word(), default: DrillSize.whole, help: "How much a drill asks of its cluster.")
        let verbose = table.flag("verbose", help: "Prints the faults of each run, and what its processes logged.")
        table.check(workers, prefill, decode) { [workers, prefill, decode] resolved in
            let isSplit = resolved[prefill] + resolved[decode] > 0
            guard resolved[decode] == 0, resolved[workers] ?? (isSplit ? 0 : 1) == 0 else { return [] }
            return [resolved.issue(workers, problem: "nobody makes tokens", remedy: "give workers, or prefill and decode workers")]
        }
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            if let folder = resolved[recorded] { return RecordPeers.run(into: folder) }
            if let drill = resolved[drill] {
                return SimulateDrills.run(
                    drill, from: UInt64(resolved[seed]), runs: resolved[runs], resolved[size], verbose: resolved[verbose])
            }
            if resolved[streams] {
                return follow(from: UInt64(resolved[seed]), runs: resolved[runs], span: resolved[span], verbose: resolved[verbose])
            }
            var options = defaults
            options.span = resolved[span]
            options.keepsLogs = resolved[verbose]
            options.users = resolved[users]
            let isSplit = resolved[prefill] + resolved[decode] > 0,
                whole = resolved[workers] ?? (isSplit ? 0 : defaults.shape.workers.count)
            var failures = 0
            for run in 0..<resolved[runs] {
                let seed = UInt64(resolved[seed]) &+ UInt64(run)
                if isSplit { options.shape = .split(seed: seed, prefill: resolved[prefill], decode: resolved[decode]) }
                options.shape.workers = Array(repeating: .aggregated, count: whole) + (isSplit ? options.shape.workers : [])
                options.shape.routers = resolved[routers]
                options.shape.frontends = resolved[frontends]
                if resolved[versions] { options.drawVersions(seed: seed) }
                let report = SimulationRun.run(seed: seed, options)
                tell(report, verbose: resolved[verbose])
                if !report.violations.isEmpty { failures += 1 }
            }
            if resolved[runs] > 1 { say("\(resolved[runs] - failures) runs held, \(failures) did not") }
            return failures == 0 ? .ok : .failure
        }
    }

    private nonisolated static func follow(from seed: UInt64, runs: Int, span: Duration, verbose: Bool) -> ExitCode {
        var options = StreamRun.Options(), failures = 0
        options.span = span
        for run in 0..<runs {
            let report = StreamRun.run(seed: seed &+ UInt64(run), options)
            say(report.line)
            if verbose {
                for fault in report.faults { say("  \(fault)") }
                for (name, lines) in report.notices { for line in lines { say("  \(name) \(line)") } }
            }
            for violation in report.violations { say("  violated: \(violation)") }
            if !report.violations.isEmpty { failures += 1 }
        }
        if runs > 1 { say("\(runs - failures) runs held, \(failures) did not") }
        return failures == 0 ? .ok : .failure
    }

    private nonisolated static func tell(_ report: SimulationRun.Report, verbose: Bool) {
        say(report.line)
        if verbose {
            for fault in report.faults { say("  \(fault)") }
            for (name, lines) in report.logs {
                for line in lines { say("  \(name) \(line)") }
            }
        }
        for violation in report.violations { say("  violated: \(violation)") }
    }
}
