import ClusterModel
import OpenAIDialect
import TextProcessing
import WireProtocol

/// Decides how a conversation's answer is read and what binds its engine; or refuses what this model cannot do.
struct AnswerDemand {
    /// Whose demand it is.
    private let asked: Preparation
    private var model: ServedModel { asked.model }

    init(_ asked: Preparation) { self.asked = asked }

    /// What binds the output: the client's own wish, or a call that it demands.
    func constraint() throws(DialectError) -> OutputConstraint? {
        let wish = asked.generation.constraint
        if wish != nil, !can(.constraints) { throw unsupported(asked.delivery.fieldNames.format, "with any type but 'text'") }
        guard let demanded = try demandedCall() else { return try wish.map { (wish) throws(DialectError) in try checked(wish) } }
        guard wish == nil else { throw unsupported("tool_choice", "together with '\(asked.delivery.fieldNames.format)'") }
        return try checked(demanded)
    }

    /// The member of the client's body that `constraint` comes from.
    var constraintName: String { asked.generation.calling?.mustCall == true ? "tool_choice" : asked.delivery.fieldNames.format }

    private func demandedCall() throws(DialectError) -> OutputConstraint? {
        guard let calling = asked.generation.calling, calling.mustCall else { return nil }
        guard can(.constraints) else { throw unsupported("tool_choice", "with any value but 'auto' and 'none'") }
        return .jsonSchema(ForcedCalls.schema(calling))
    }

    /// A worker's link carries so much and no more.
    private func checked(_ constraint: OutputConstraint) throws(DialectError) -> OutputConstraint {
        guard constraint.source.utf8.count > Limits.constraintBytes else { return constraint }
        let isOfTools = asked.generation.calling?.mustCall == true
        throw DialectError(
            message: isOfTools
                ? "Invalid 'tools': expected at most \(Limits.constraintBytes) bytes of parameters together where a call is demanded."
                : "Invalid '\(asked.delivery.fieldNames.format)': expected at most \(Limits.constraintBytes) bytes.",
            param: isOfTools ? "tools" : asked.delivery.fieldNames.format, code: "string_above_max_length")
    }

    /// Nil: the text is the answer. `text` is that of the prompt, unless it was given as tokens.
    func form(after prompt: [TokenID], _ text: PromptText?) throws(DialectError) -> AnswerForm? {
        guard let calling = asked.generation.calling else { return nil }
        let tools = calling.usableTools, formats = model.formats
        var format = tools.isEmpty ? formats.thinking : formats.calling, forcedTool: String?
        switch calling.choice {
        case .function(let name): forcedTool = name
        case .required: format = formats.forced
        case .automatic where !tools.isEmpty && format.tools == nil: throw unsupported("tools")
        case .automatic, .none: break
        }
        guard !format.isPlain || forcedTool != nil else { return nil }
        return AnswerForm(
            format: format, tools: ToolList(tools), forcedTool: forcedTool, allowsParallelCalls: calling.allowsParallel,
            startsInReasoning: format.reasoning.map { isOpen($0, after: prompt, text) } ?? false)
    }

    private func isOpen(_ reasoning: ReasoningFormat, after prompt: [TokenID], _ text: PromptText?) -> Bool {
        if let text { return reasoning.isOpen(after: text.utf8) }
        // A token is one byte at the least.
        let last = Array(prompt.suffix(reasoning.mostOpeningBytes))
        var end: [UInt8] = []
        model.text.decode(last.span, showsSpecials: true, into: &end)
        return reasoning.isOpen(after: end)
    }

    /// What workers must be able to do.
    func needs(_ constraint: OutputConstraint?) throws(DialectError) -> Capabilities {
        var needs = Capabilities()
        if constraint != nil { needs.insert(.constraints) }
        if asked.generation.sampling.topLogprobs != nil { needs.insert(.logprobs) }
        if asked.generation.choices > 1 { needs.insert(.choices) }
        if !can(.logprobs), needs.contains(.logprobs) { throw unsupported(asked.delivery.fieldNames.logprobs) }
        if !can(.choices), needs.contains(.choices) { throw unsupported("n", "with more than 1") }
        return needs
    }

    /// A model of which nothing is known has no worker at the moment: whoever comes back decides.
    private func can(_ ability: Capabilities) -> Bool { model.card.capabilities.isEmpty || model.card.capabilities.contains(ability) }

    private func unsupported(_ name: String, _ reason: String = "") -> DialectError {
        DialectError(
            message: "Unsupported parameter: '\(name)' is not supported by this model\(reason.isEmpty ? "" : " \(reason)").", param: name,
            code: "unsupported_parameter")
    }
}

extension ToolCalling {
    /// Nothing but a call is an answer.
    var mustCall: Bool {
        switch choice {
        case .required, .function: true
        case .automatic, .none: false
        }
    }
}

extension OutputConstraint {
    /// As a worker is told it.
    var source: String {
        switch self {
        case .jsonObject: ""
        case .jsonSchema(let text), .regex(let text), .grammar(let text), .choice(let text): text
        }
    }
}
