import ServiceRuntime
import WireProtocol

/// Loads, replays and simulates. Each command is one file of this folder.
@main
struct Main {
    nonisolated static func main() {
        let commands = CommandSet(
            program: "loadgen",
            summary: "Puts load on any server of OpenAI's API, and simulates fleets under load without one.",
            protocolVersion: WireVersion.current.description,
            commands: [
                .init(name: "run", effect: "put load on a server, and report what its users would see", run: Run.run),
                .init(name: "simulate", effect: "run a load on a fleet that does not exist, in virtual time", run: Simulate.run),
                .init(name: "compare", effect: "run it under several policies, in one table", run: Compare.run),
                .init(name: "merge", effect: "join the reports of many hosts into one", run: Merge.run),
                .init(
                    name: "null-server", effect: "answer at once, to see what a load costs its generator", run: NullServerCommand.run),
            ])
        commands.main()
    }
}

func complain(_ line: String) { StandardStreams.complain(line + "\n") }
