import ClusterModel
import JSONText
import TextProcessing

/// Renders with variables as they are.
func render(_ source: String, _ variables: JSONValue = [:], specials: [(name: String, text: String)] = []) throws(TemplateError) -> String {
    String(decoding: try prompt(source, variables, specials: specials).utf8, as: UTF8.self)
}

func prompt(
    _ source: String, _ variables: JSONValue = [:], specials: [(name: String, text: String)] = [], steps: Int = TextLimits.templateSteps
) throws(TemplateError) -> PromptText {
    let template = try JinjaTemplate(source: Array(source.utf8), specials: specials)
    return try template.render(
        template.variables(variables.asObject ?? JSONObject()), TemplateContext(unixSeconds: 1_767_323_045), steps: steps)
}

extension PromptText {
    /// The parts of one kind, as text with a bar between parts that do not touch.
    func parts(trusted: Bool) -> [String] {
        zip([0] + runs.map(\.end), runs).filter { $0.1.isTrusted == trusted }.map { String(decoding: utf8[$0.0..<$0.1.end], as: UTF8.self) }
    }
}
