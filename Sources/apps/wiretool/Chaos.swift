import ServiceRuntime
import TestSupport
import WireProtocol

/// `wiretool chaos`: two peers under faults in virtual time. A seed that fails here fails everywhere.
enum Chaos {
    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        var table = OptionTable(
            ProcessDescription(
                name: "wiretool chaos",
                summary: "Runs two peers over a simulated network that cuts, breaks and drops, and checks what must hold all the same.",
                protocolVersion: WireVersion.current.description,
                examples: [
                    .init("wiretool chaos --seed 7", "repeats one run; its trace is the same on every machine"),
                    .init("wiretool chaos --seed 1 --runs 1000", "runs a thousand"),
                ]))
        let seed = table.option("seed", .integer(0...Int.max), default: 1, help: "The first seed.")
        let runs = table.option("runs", .integer(1...1_000_000), default: 1, help: "How many seeds, counted up from the first.")
        let span = table.option(
            "span", .duration(.seconds(1)...(.seconds(3_600))), default: .seconds(30), help: "How long things go wrong, in virtual time.")
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            var failures = 0
            for run in 0..<resolved[runs] {
                let report = ChaosRun.run(seed: UInt64(resolved[seed]) &+ UInt64(run), for: resolved[span])
                say(report.line)
                for violation in report.violations { say("  \(violation)") }
                if !report.violations.isEmpty { failures += 1 }
            }
            return failures == 0 ? .ok : .failure
        }
    }
}
