import ServiceRuntime
import TextProcessing

/// How the model writes calls of tools and thoughts, where its operator says so.
struct FormatOptions: Sendable {
    let toolFormat: OptionKey<String?>
    let reasoningFormat: OptionKey<String?>

    /// Nothing is looked for in what the model says.
    private static let none = "none"

    init(in table: inout OptionTable) {
        toolFormat = table.optional(
            "tool-format", .words(ToolFormat.named.map(\.rawValue) + [Self.none]),
            help: "How the model writes calls of tools; none: they are not looked for. By default the chat template tells.")
        reasoningFormat = table.optional(
            "reasoning-format", .words(ReasoningFormat.allCases.map(\.rawValue) + [Self.none]),
            help: "How the model writes thoughts; none: they are not looked for. By default the chat template tells.")
    }

    /// As frontends will read the model; nil: no thoughts.
    func reasoning(_ resolved: ResolvedConfiguration, _ folder: ModelFolder?) -> ReasoningFormat? {
        guard let name = resolved[reasoningFormat] else { return folder?.reasoning }
        return ReasoningFormat(rawValue: name)
    }
}
