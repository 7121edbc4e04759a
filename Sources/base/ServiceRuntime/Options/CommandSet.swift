import Glibc

/// A program that is several commands: the first word chooses one, which reads the rest.
package struct CommandSet: Sendable {
    package struct Command: Sendable {
        let name: String
        let effect: String
        let run: @Sendable ([String]) -> ExitCode

        package init(name: String, effect: String, run: @escaping @Sendable ([String]) -> ExitCode) {
            self.name = name
            self.effect = effect
            self.run = run
        }
    }

    private let program: String
    private let summary: String
    private let protocolVersion: String
    private let commands: [Command]

    package init(program: String, summary: String, protocolVersion: String, commands: [Command]) {
        self.program = program
        self.summary = summary
        self.protocolVersion = protocolVersion
        self.commands = commands
    }

    /// Runs what the process was started for.
    package func main() -> Never { exit(run(Array(CommandLine.arguments.dropFirst())).rawValue) }

    func run(_ words: [String]) -> ExitCode {
        if let name = words.first, let command = commands.first(where: { $0.name == name }) {
            return command.run(Array(words.dropFirst()))
        }
        switch words.first {
        case "--completion":
            guard let topic = words.dropFirst().first.flatMap(CompletionTopic.init) else {
                let known = CompletionTopic.allCases.map(\.rawValue).joined(separator: ", ")
                StandardStreams.complain("\(program): --completion wants one of \(known)\n")
                return .usage
            }
            StandardStreams.output(completion(topic))
            return .ok
        case "--version":
            StandardStreams.output(BuildInfo.line(process: program, protocolVersion: protocolVersion) + "\n")
            return .ok
        case nil, "--help", "-h", "help":
            StandardStreams.output(help + "\n")
            return .ok
        case let word?:
            StandardStreams.complain("\(program): there is no command \(String(word.prefix(40)).quotedForMessage); see \(program) --help\n")
            return .usage
        }
    }

    func completion(_ topic: CompletionTopic) -> String {
        guard topic == .words else { return CompletionScript(program: program).text(topic) }
        let own = [("--help", "Prints the commands, and exits."), ("--version", "Prints the version, and exits.")]
        return (commands.map { ($0.name, $0.effect) } + own).map { CompletionWord(word: $0, value: .nothing, help: $1).line }.joined()
    }

    private var help: String {
        let width = commands.map(\.name.count).max() ?? 0
        let lines = commands.map { "  \($0.name)\(String(repeating: " ", count: width - $0.name.count + 2))\($0.effect)" }
        return """
            Usage: \(program) COMMAND [OPTIONS]

            \(summary)

            \(lines.joined(separator: "\n"))

            \(program) COMMAND --help shows a command's options. Exit codes: 0 well, 1 failed, 2 wrong usage.
            """
    }
}

/// A command's options, read and resolved.
package enum CommandInvocation: Sendable {
    case run(ResolvedConfiguration)
    /// `--help` was answered, or mistakes were told.
    case end(ExitCode)

    package init(_ table: OptionTable, _ arguments: [String]) {
        switch table.invocation(arguments: arguments, environment: ProcessEnvironment.read(), files: .system) {
        case .run(let configuration, let warnings):
            for warning in warnings { StandardStreams.complain("\(warning)\n") }
            self = .run(configuration)
        case .exit(let code, let output, let diagnostics):
            StandardStreams.output(output)
            StandardStreams.complain(diagnostics)
            self = .end(code)
        }
    }
}
