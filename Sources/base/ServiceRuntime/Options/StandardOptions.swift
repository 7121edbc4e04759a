/// How log lines are written.
package enum LogFormat: String, CaseIterable, Sendable {
    /// `human` when standard error is a terminal, else `json`.
    case auto
    case json
    case human
}

/// The options that every process has.
package struct StandardOptions: Sendable {
    package let config: OptionKey<String?>
    /// The name of a level: `trace`, `debug`, `info`, `warning`, `error`.
    package let logLevel: OptionKey<String>
    package let logFormat: OptionKey<LogFormat>
    let printConfig: OptionKey<Bool>
    let checkConfig: OptionKey<Bool>
    let completion: OptionKey<CompletionTopic?>
    let version: OptionKey<Bool>
    let help: OptionKey<Bool>

    static let group = "Process"
    /// The names of the logger's levels, least first.
    static let logLevels = ["trace", "debug", "info", "warning", "error"]

    init(in table: inout Declaring) {
        config = table.optional(
            "config", .path("FILE"), sources: .outsideFile,
            help: "Reads options from a JSON file; flags and environment variables outrank it.",
            details: """
                A key is an option's name without dashes in front: {"listen": "…"}. A key whose value is an object is a prefix: \
                {"queue": {"entries": 100}} sets queue-entries. Keys that are no option are errors.
                """)
        logLevel = table.option("log-level", .words(Self.logLevels), default: "info", help: "Logs events of this level and above.")
        logFormat = table.option(
            "log-format", .word(), default: .auto, help: "One JSON object a line, or text for people; auto is text on a terminal.")
        printConfig = table.flag(
            "print-config", sources: .commandLine, help: "Prints every option's value and where it came from as JSON, and exits.")
        checkConfig = table.flag(
            "check-config", sources: .commandLine, help: "Checks flags, environment and file, prints all problems, and exits.")
        completion = table.optional(
            "completion", .word(), sources: .commandLine,
            help: "Prints what a shell completes command lines with, and exits: source <(NAME --completion bash).")
        version = table.flag("version", sources: .commandLine, help: "Prints the version, and exits.")
        help = table.flag("help", sources: .commandLine, help: "Prints this text, and exits; -h for short.")
    }
}
