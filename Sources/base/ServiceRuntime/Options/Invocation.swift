/// What a command line asks for.
package enum Invocation: Sendable {
    /// Run with this; the warnings are for the log.
    case run(ResolvedConfiguration, warnings: [ConfigIssue])
    /// Write both texts and leave.
    case exit(ExitCode, output: String, diagnostics: String)
}

extension OptionTable {
    /// Decides between a run and an answer (`--help`, `--version`, `--print-config`, `--check-config`, a list of problems).
    package func invocation(arguments: [String], environment: [String: String], files: FileReader) -> Invocation {
        let resolution = resolve(arguments: arguments, environment: environment, files: files)
        // Whoever asks for help has it, whatever else is wrong.
        if resolution.asks(standard.help) { return .exit(.ok, output: help, diagnostics: "") }
        if resolution.asks(standard.version) {
            let line = BuildInfo.line(process: process.name, protocolVersion: process.protocolVersion)
            return .exit(.ok, output: "\(line)\n", diagnostics: "")
        }
        if let topic = resolution.completion(standard.completion) { return .exit(.ok, output: completion(topic), diagnostics: "") }
        let diagnostics = diagnostics(resolution.issues)
        guard resolution.errors.isEmpty else { return .exit(.usage, output: "", diagnostics: diagnostics) }
        if resolution.asks(standard.printConfig) {
            return .exit(.ok, output: "\(resolution.configuration.printed)\n", diagnostics: diagnostics)
        }
        if resolution.asks(standard.checkConfig) {
            return .exit(.ok, output: "\(process.name): the configuration is good\n", diagnostics: diagnostics)
        }
        return .run(resolution.configuration, warnings: resolution.warnings)
    }

    /// All problems, errors first, one a line.
    private func diagnostics(_ issues: [ConfigIssue]) -> String {
        let errors = issues.filter { $0.severity == .error }
        let warnings = issues.filter { $0.severity == .warning }
        var lines = (errors + warnings).map { "\(process.name): \($0)\n" }
        if !errors.isEmpty {
            lines.append("\(process.name): \(errors.count) \(errors.count == 1 ? "error" : "errors"); see \(process.name) --help\n")
        }
        return lines.joined()
    }
}

extension Resolution {
    fileprivate func asks(_ key: OptionKey<Bool>) -> Bool {
        configuration.entries[key.index].stored is Stored<Bool> && configuration[key]
    }

    /// Asked for in words that are known; whatever else is wrong, a shell gets its answer.
    fileprivate func completion(_ key: OptionKey<CompletionTopic?>) -> CompletionTopic? {
        configuration.entries[key.index].stored is Stored<CompletionTopic?> ? configuration[key] : nil
    }
}
