import ClusterHarness
import ServiceRuntime

/// `wiretool simulate --drill`: drills in virtual time, a table of their worst times beside what passes.
enum SimulateDrills {
    private static let everything = "all"

    /// What may be asked for: names, and the rows that they prove.
    static let words: [String] = {
        var words = [everything]
        for drill in VirtualDrill.all {
            for word in [drill.name, drill.proves] where !words.contains(word) { words.append(word) }
        }
        return words
    }()

    nonisolated static func run(_ word: String, from seed: UInt64, runs: Int, _ size: DrillSize, verbose: Bool) -> ExitCode {
        let drills = word == everything ? VirtualDrill.all : VirtualDrill.named(word)
        var summaries: [VirtualDrillSummary] = [], failures = 0
        let progress = RunProgress(of: drills.count * runs, areTold: verbose)
        for (place, drill) in drills.enumerated() {
            var summary = VirtualDrillSummary(drill)
            for run in 0..<runs {
                progress.show(place * runs + run, failures)
                let report = drill.run(seed: seed &+ UInt64(run), size, keepsLogs: verbose)
                summary.add(report)
                if verbose || !report.violations.isEmpty { progress.close() }
                if verbose { say(report.line) }
                tell(report, verbose: verbose)
                if !report.violations.isEmpty { failures += 1 }
            }
            summaries.append(summary)
            progress.close()
            // A table of many seeds takes a while.
            if drills.count > 1 || runs > 1 { say("\(drill.name): \(summary.held) of \(summary.runs) runs held") }
        }
        var table = TextTable(VirtualDrillSummary.head)
        for summary in summaries { table.add(summary.row) }
        say("")
        for line in table.lines { say(line) }
        return failures == 0 ? .ok : .failure
    }

    private nonisolated static func tell(_ report: VirtualDrillReport, verbose: Bool) {
        if verbose {
            for (name, lines) in report.logs { for line in lines { say("  \(name) \(line)") } }
        }
        guard !report.violations.isEmpty else { return }
        if !verbose { say(report.line) }
        for violation in report.violations { say("  violated: \(violation)") }
        say("  repeat with: \(report.repeated)")
    }
}
