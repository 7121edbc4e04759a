import ClusterHarness
import ClusterModel
import EventLoop
import LoadGeneration
import ServiceRuntime
import WireProtocol

/// `chaos run` and `chaos all`: drills one after another, a line a case as it ends, and the table of all.
enum Run {
    nonisolated static func run(_ arguments: [String]) -> ExitCode { command("chaos run", takesNames: true, arguments) }
    nonisolated static func runAll(_ arguments: [String]) -> ExitCode { command("chaos all", takesNames: false, arguments) }

    private nonisolated static func command(_ name: String, takesNames: Bool, _ arguments: [String]) -> ExitCode {
        let defaults = DrillSettings()
        var table = OptionTable(
            ProcessDescription(
                name: name,
                summary: """
                    Starts frontend, router and workers that stand beside this program, breaks them, and compares every answer with what the \
                    model says. Counts are judged; times are told, since they are the machine's as much as ours. Ends with 1 if a drill does \
                    not pass.
                    """,
                protocolVersion: WireVersion.current.description,
                operands: takesNames ? .anywhere(usage: "DRILL…") : .none,
                examples: takesNames
                    ? [
                        .init("chaos run kill freeze", "two of those that chaos list shows"),
                        .init("chaos run T10 --requests 20 --json", "by what it proves, small, as JSON"),
                    ]
                    : [
                        .init("chaos all", "every drill, one after another"),
                        .init("chaos all --size short", "each of them small, in two minutes"),
                    ]))
        let requests = table.optional(
            "requests", .integer(1...1_000_000), help: "Of each case, in place of the drill's own number.")
        let seed = table.option("seed", .integer(0...Int.max), default: Int(defaults.seed), help: "What prompts and faults are drawn from.")
        let size = table.option(
            "size", .word(), default: defaults.size,
            help: "A few requests and cases, the usual ones, or also those that last for minutes.")
        let haste = table.optional(
            "haste", .number(0.1...100), help: "Divides the times that a drill only waits through; by default 1, and 4 of short drills.")
        let only = table.optional("only", .text("WORD"), help: "Cases whose names contain this; all unless told.")
        let json = table.flag("json", help: "Prints one JSON object a case instead of the table.")
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run(let resolved):
            var settings = defaults
            settings.requests = resolved[requests]
            settings.seed = UInt64(resolved[seed])
            settings.haste = resolved[haste]
            settings.size = resolved[size]
            settings.only = resolved[only]
            let words = takesNames ? resolved.operands : Drill.all.map(\.name)
            guard !words.isEmpty else { return refuse(name, "name a drill; chaos list shows them") }
            var drills: [Drill] = []
            for word in words {
                let found = Drill.about(word)
                guard !found.isEmpty else { return refuse(name, "there is no drill \(word); chaos list shows them") }
                drills += found
            }
            let report = DrillReport(isJSON: resolved[json])
            return CommandLoop.run(name) { [drills, settings] loop, stop in await play(drills, settings, report, loop, stop) }
        }
    }

    private nonisolated static func refuse(_ name: String, _ why: String) -> ExitCode {
        complain("\(name): \(why)")
        return .usage
    }

    private static let leaveLimit = Duration.seconds(30)

    @LoopActor
    private static func play(
        _ drills: [Drill], _ settings: DrillSettings, _ report: DrillReport, _ loop: EpollLoop, _ stop: Promise<Void>
    ) async -> ExitCode {
        let stage = DrillStage(on: loop, settings) { report.tell($0) }
        let done = Promise<Void>(on: loop)
        loop.spawn {
            for drill in drills where !stop.isFulfilled {
                complain("\(drill.name): \(drill.summary)")
                await stage.run(drill)
            }
            done.fulfil(())
            stop.fulfil(())
        }
        while !stop.isFulfilled { _ = await stop.wait(until: loop.now + .seconds(3_600)) }
        guard done.isFulfilled else {
            complain("stopping; what had been started is killed")
            stage.abandon()
            // What the drill made beside processes goes with its end.
            _ = await done.wait(until: loop.now + leaveLimit)
            return .failure
        }
        report.end(stage.rows)
        return stage.rows.allSatisfy(\.passes) ? .ok : .failure
    }
}
