import ServiceRuntime
import WireProtocol

/// Breaks clusters of real processes, and says what came of it. Each command is one file of this folder.
@main
struct Main {
    nonisolated static func main() {
        let commands = CommandSet(
            program: "chaos",
            summary: "Starts clusters of real processes on this machine, breaks them in known ways, and judges every answer.",
            protocolVersion: WireVersion.current.description,
            commands: [
                .init(name: "list", effect: "list the drills", run: List.run),
                .init(name: "run", effect: "run drills, by name", run: Run.run),
                .init(name: "all", effect: "run every drill", run: Run.runAll),
            ])
        commands.main()
    }
}

func complain(_ line: String) { StandardStreams.complain(line + "\n") }
