import Glibc
import ServiceRuntime
import WireProtocol

/// Watches, prints and checks the wire. Each command is one file of this folder.
@main
struct Main {
    nonisolated static func main() {
        let commands = CommandSet(
            program: "wiretool", summary: "Prints and checks the messages of an Apus cluster.",
            protocolVersion: WireVersion.current.description,
            commands: [
                .init(
                    name: "respond", effect: "answer every kind of link on one address, for checking other implementations",
                    run: Respond.run),
                .init(name: "greet", effect: "open one link, ask one question, say goodbye; also as a version to come", run: Greet.run),
                .init(name: "print", effect: "decode messages given in hexadecimal", run: Print.run),
                .init(name: "watch", effect: "show what a living cluster does, or the events of one worker", run: Watch.run),
                .init(
                    name: "record", effect: "write what a living cluster is asked, without any text, for replay and simulation",
                    run: RecordCommand.run),
                .init(name: "key", effect: "draw a key for a tenant, and its entry for the tenants' file", run: Key.run),
                .init(name: "kinds", effect: "list every kind of message with its number", run: Kinds.run),
                .init(name: "chaos", effect: "run two peers under faults in virtual time, and print the trace's hash", run: Chaos.run),
                .init(
                    name: "pretend", effect: "say what a large cluster that does not exist would say, for what follows clusters",
                    run: Pretend.run),
                .init(
                    name: "simulate", effect: "run whole clusters under faults in virtual time, and judge every answer", run: Simulate.run),
            ])
        commands.main()
    }
}

func complain(_ line: String) { StandardStreams.complain(line + "\n") }

/// Prints at once: whoever started this process may be waiting for the line.
func say(_ line: String) {
    print(line)
    fflush(nil)
}
