import Glibc
import ServiceRuntime
import WireProtocol

/// Watches, prints and checks the wire. Each command is one file of this folder.
@main
struct Main {
    nonisolated static func main() {
        let words = Array(CommandLine.arguments.dropFirst())
        guard let name = words.first, let command = commands.first(where: { $0.name == name }) else {
            let wantsHelp = words.isEmpty || words[0] == "--help" || words[0] == "help"
            if words.first == "--version" {
                print(BuildInfo.line(process: "wiretool", protocolVersion: WireVersion.current.description))
                exit(ExitCode.ok.rawValue)
            }
            if !wantsHelp { complain("wiretool: there is no command \(words[0].prefix(40)); see wiretool --help") }
            if wantsHelp { print(help) }
            exit(wantsHelp ? ExitCode.ok.rawValue : ExitCode.usage.rawValue)
        }
        exit(command.run(Array(words.dropFirst())).rawValue)
    }

    private nonisolated static let commands: [Command] = [
        Command(name: "respond", effect: "answer every kind of link on one address, for checking other implementations", run: Respond.run),
        Command(name: "greet", effect: "open one link, ask one question, say goodbye; also as a version to come", run: Greet.run),
        Command(name: "print", effect: "decode messages given in hexadecimal", run: Print.run),
        Command(name: "watch", effect: "print the events of a living worker, one a line", run: Watch.run),
        Command(name: "kinds", effect: "list every kind of message with its number", run: Kinds.run),
        Command(name: "chaos", effect: "run two peers under faults in virtual time, and print the trace's hash", run: Chaos.run),
        Command(name: "simulate", effect: "run whole clusters under faults in virtual time, and judge every answer", run: Simulate.run),
    ]

    private struct Command: Sendable {
        let name: String
        let effect: String
        let run: @Sendable ([String]) -> ExitCode
    }

    private nonisolated static var help: String {
        let width = commands.map(\.name.count).max() ?? 0
        let lines = commands.map { "  \($0.name)\(String(repeating: " ", count: width - $0.name.count + 2))\($0.effect)" }
        return """
            Usage: wiretool COMMAND [OPTIONS]

            Prints and checks the messages of an Apus cluster.

            \(lines.joined(separator: "\n"))

            wiretool COMMAND --help shows a command's options. Exit codes: 0 well, 1 failed, 2 wrong usage.
            """
    }
}

func complain(_ line: String) {
    let text = line + "\n"
    _ = text.withCString { write(2, $0, strlen($0)) }
}

/// Prints at once: whoever started this process may be waiting for the line.
func say(_ line: String) {
    print(line)
    fflush(nil)
}

/// Resolves a command's options, or answers `--help` and mistakes.
func configuration(_ table: OptionTable, _ arguments: [String]) -> Result<ResolvedConfiguration, CommandEnd> {
    switch table.invocation(arguments: arguments, environment: ProcessEnvironment.read(), files: .system) {
    case .run(let configuration, let warnings):
        for warning in warnings { complain("\(warning)") }
        return .success(configuration)
    case .exit(let code, let output, let diagnostics):
        if !output.isEmpty { print(output, terminator: "") }
        if !diagnostics.isEmpty { complain(String(diagnostics.dropLast())) }
        return .failure(CommandEnd(code: code))
    }
}

struct CommandEnd: Error {
    let code: ExitCode
}
