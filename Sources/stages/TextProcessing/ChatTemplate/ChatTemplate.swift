package import ClusterModel

/// Turns a conversation into a model's prompt. Made once per model, used by many threads.
package protocol ChatTemplate: Sendable {
    func render(_ conversation: Conversation, _ context: TemplateContext) throws(TemplateError) -> PromptText
}

/// What a template may ask of the world, handed in so that the same inputs give the same prompt.
package struct TemplateContext: Hashable, Sendable {
    /// Of the request's arrival: some templates print the date.
    package var unixSeconds: Int64

    package init(unixSeconds: Int64) { self.unixSeconds = unixSeconds }
}

/// Why a conversation has no prompt. Never quotes it.
package enum TemplateError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The template has no form for this part of the conversation, such as `messages[2].tool_calls`.
    case unsupported(param: String, reason: String)
    /// The template's own refusal, in its words.
    case refused(reason: String)
    /// The template's source is no template that is understood here; `line` counts from 1.
    case invalid(line: Int, reason: String)
    /// An expression of the template has no value for this conversation: often the template's fault, at times the client's.
    case failed(line: Int, reason: String)
    /// A bound of `TextLimits` that stands in the template's way.
    case limit(line: Int, reason: String)
    /// The prompt would be longer than this many bytes.
    case tooLong(limit: Int)

    package var description: String {
        switch self {
        case .unsupported(let param, let reason): "\(param): \(reason)"
        case .refused(let reason): "the model's chat template refuses this conversation: \(reason)"
        case .invalid(let line, let reason): "the model's chat template cannot be used: line \(line): \(reason)"
        case .failed(let line, let reason): "the model's chat template fails in line \(line): \(reason)"
        case .limit(let line, let reason): "the model's chat template exceeds a limit in line \(line): \(reason)"
        case .tooLong(let limit): "the prompt is longer than \(limit) bytes"
        }
    }
}
