/// Picks the options out of the environment: `APUS_` and the name in upper case with `_` for `-`.
///
/// An empty variable counts as not set, because templates of deployments leave such behind. A variable that names no option is a warning
/// and not an error: one environment file may serve several processes, and tools set variables of their own.
struct EnvironmentReader {
    /// Per option of the table, what its variable holds.
    private(set) var values: [[RawValue]?]
    private(set) var issues: [ConfigIssue] = []

    init(_ table: OptionTable, environment: [String: String]) {
        values = table.options.map { option in
            guard option.sources != .commandLine, let text = environment[option.environmentName], !text.isEmpty else { return nil }
            return option.isList ? RawValue.text(text).splitAtCommas : [.text(text)]
        }
        let known = table.options.filter { $0.sources != .commandLine }.map(\.environmentName)
        let ours = environment.keys.filter { $0.hasPrefix(Option.environmentPrefix) }.sorted()
        for variable in ours where !known.contains(variable) && !Self.isServiceLink(variable, environment) {
            issues.append(
                ConfigIssue(
                    .warning, option: variable.quotedForMessage.filter { $0 != "\"" }, origin: .environment(variable),
                    problem: "no option of \(table.process.name) is read from it",
                    remedy: Suggestion.nearest(to: variable, among: known).map { "did you mean \($0)?" } ?? "remove it, or see --help"))
        }
    }

    /// Whether Kubernetes set the variable: for a Service `apus-router` every pod gets `APUS_ROUTER_SERVICE_HOST`, `APUS_ROUTER_PORT` and more.
    static func isServiceLink(_ variable: String, _ environment: [String: String]) -> Bool {
        environment.keys.contains { host in
            guard host.hasPrefix(Option.environmentPrefix), host.hasSuffix("_SERVICE_HOST") else { return false }
            let service = host.dropLast("_SERVICE_HOST".count)
            return variable.hasPrefix("\(service)_SERVICE_") || variable == "\(service)_PORT" || variable.hasPrefix("\(service)_PORT_")
        }
    }
}
