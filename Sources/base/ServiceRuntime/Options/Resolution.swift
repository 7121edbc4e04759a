/// What became of all sources together: every value, and every problem.
package struct Resolution: Sendable {
    /// Complete only if `errors` is empty.
    package let configuration: ResolvedConfiguration
    /// All problems, in the order: command line, environment, file, values by option, checks.
    package let issues: [ConfigIssue]

    package var errors: [ConfigIssue] { issues.filter { $0.severity == .error } }
    package var warnings: [ConfigIssue] { issues.filter { $0.severity == .warning } }
}

extension OptionTable {
    /// Reads all sources, then judges every option, then runs the checks. Flags outrank the environment, that the file, that the defaults.
    ///
    /// A function of its arguments alone: nothing else is looked at, and it never stops at the first problem.
    package func resolve(arguments: [String], environment: [String: String], files: FileReader) -> Resolution {
        let commandLine = CommandLineParser(self, arguments: arguments)
        let variables = EnvironmentReader(self, environment: environment)
        var issues = commandLine.issues + variables.issues

        func sources(_ index: Int) -> [(values: [RawValue], origin: ConfigOrigin)] {
            var found: [(values: [RawValue], origin: ConfigOrigin)] = []
            if let values = commandLine.values[index] { found.append((values, .flag)) }
            if let values = variables.values[index] { found.append((values, .environment(options[index].environmentName))) }
            return found
        }

        var file: (path: String, values: [[RawValue]?])?
        if let path = sources(standard.config.index).first?.values.first?.asWritten, !path.isEmpty {
            let read = ConfigFile(self, path: path, reader: files)
            file = (path, read.values)
            issues += read.issues
        }

        var entries: [ResolvedConfiguration.Entry] = []
        for (index, option) in options.enumerated() {
            var found = sources(index)
            if let file, let values = file.values[index] { found.append((values, .file(file.path))) }
            entries.append(judge(option, found, files, environment, &issues))
        }

        let configuration = ResolvedConfiguration(options: options, entries: entries, operands: commandLine.operands)
        for check in checks where check.options.allSatisfy({ entries[$0].stored != nil }) { issues += check.body(configuration) }
        return Resolution(configuration: configuration, issues: issues)
    }

    /// The first source decides. The others are judged too: a mistake that hides behind a flag bites on the day the flag goes.
    private func judge(
        _ option: Option, _ sources: [(values: [RawValue], origin: ConfigOrigin)], _ files: FileReader, _ environment: [String: String],
        _ issues: inout [ConfigIssue]
    ) -> ResolvedConfiguration.Entry {
        var decided: ResolvedConfiguration.Entry?
        for (values, origin) in sources {
            let stored: (any StoredValue)?
            let shown: RawValue
            switch option.read(values, files) {
            case .value(let value, let text): (stored, shown) = (value, text)
            case .problems(let problems):
                (stored, shown) = (nil, .absent)
                for problem in problems {
                    issues.append(
                        ConfigIssue(
                            decided == nil ? .error : .warning, option: option.spelled(in: origin), origin: origin,
                            problem: problem.problem, remedy: remedy(problem, origin, environment)))
                }
            }
            if decided == nil { decided = ResolvedConfiguration.Entry(stored: stored, shown: shown, origin: origin) }
        }
        if let decided { return decided }
        if option.necessity == .required {
            issues.append(
                ConfigIssue(
                    option: option.flag, origin: .default, problem: "it is required and has no default",
                    remedy: "give \(option.flag) \(option.placeholder), set \(option.environmentName), or write \(option.name) in the file")
            )
        }
        return ResolvedConfiguration.Entry(stored: option.defaultStored, shown: option.defaultValue, origin: .default)
    }

    private func remedy(_ problem: ValueProblem, _ origin: ConfigOrigin, _ environment: [String: String]) -> String {
        guard case .environment(let variable) = origin, EnvironmentReader.isServiceLink(variable, environment) else {
            return problem.remedy
        }
        return "Kubernetes sets it for a Service of that name: set enableServiceLinks to false in the pod, or rename the Service"
    }
}
