import ClusterHarness
import ServiceRuntime
import WireProtocol

/// `chaos list`: what can be run.
enum List {
    nonisolated static func run(_ arguments: [String]) -> ExitCode {
        let table = OptionTable(
            ProcessDescription(
                name: "chaos list", summary: "Lists the drills: their names, the rows of required behaviour that they prove, what they do.",
                protocolVersion: WireVersion.current.description, examples: [.init("chaos list", "one line a drill")]))
        switch CommandInvocation(table, arguments) {
        case .end(let code): return code
        case .run:
            var text = TextTable(["drill", "proves", "what happens"])
            for drill in Drill.all { text.add([drill.name, drill.proves, drill.summary]) }
            StandardStreams.output(text.lines.map { $0 + "\n" }.joined())
            return .ok
        }
    }
}
