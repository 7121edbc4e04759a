import ClusterModel
import OpenAIDialect
import TextProcessing
import WireProtocol

/// How the answer to one request is read: in which forms its model thinks and calls, and what of it the engine is made to write.
struct AnswerForm: Sendable {
    let format: AnswerFormat
    let tools: ToolList
    /// The engine writes the arguments of this tool and nothing else.
    let forcedTool: String?
    let allowsParallelCalls: Bool
    /// The prompt has opened a thought.
    let startsInReasoning: Bool

    func parser() -> AnswerParser {
        if let forcedTool { return AnswerParser(format, forcing: forcedTool, startsInReasoning: startsInReasoning) }
        return AnswerParser(format, tools: tools, startsInReasoning: startsInReasoning)
    }
}

/// What a model's answers may hold, by what is asked of it: made once a model.
struct AnswerFormats: Sendable {
    let calling: AnswerFormat
    let thinking: AnswerFormat
    /// The engine is made to write a list of calls.
    let forced: AnswerFormat

    init(tools: ToolFormat?, reasoning: ReasoningFormat?, vocabulary: Vocabulary) {
        calling = AnswerFormat(tools: tools, reasoning: reasoning, vocabulary: vocabulary)
        // What a model of this kind says is in channels whatever is asked of it.
        thinking = reasoning == .harmony ? calling : AnswerFormat(tools: nil, reasoning: reasoning, vocabulary: vocabulary)
        forced = AnswerFormat(tools: .forcedList, reasoning: reasoning, vocabulary: vocabulary)
    }
}

extension Conversation {
    /// Tools that the model may call.
    var usableTools: [ToolDefinition] { toolChoice == .none ? [] : tools }
}

/// Decides how a conversation's answer is read and what binds its engine; or refuses what this model cannot do.
struct AnswerDemand {
    let model: ServedModel
    let generation: GenerationRequest
    let names: FieldNames

    /// What binds the output: the client's own wish, or a call that it demands.
    func constraint() throws(DialectError) -> OutputConstraint? {
        let wish = generation.constraint
        if wish != nil, !can(.constraints) { throw unsupported(names.format, "with any type but 'text'") }
        guard case .conversation(let conversation) = generation.prompt else { return wish }
        switch conversation.toolChoice {
        case .automatic, .none:
            return wish
        case .required, .function:
            guard can(.constraints) else {
                throw unsupported("tool_choice", "with any value but 'auto' and 'none'")
            }
            guard wish == nil else { throw unsupported("tool_choice", "together with '\(names.format)'") }
            return .jsonSchema(try ForcedCalls.schema(conversation))
        }
    }

    /// Nil: the text is the answer. `prompt` is the rendered prompt, where there is one.
    func form(after prompt: PromptText?) throws(DialectError) -> AnswerForm? {
        guard case .conversation(let conversation) = generation.prompt else { return nil }
        let tools = conversation.usableTools, formats = model.formats
        var format = tools.isEmpty ? formats.thinking : formats.calling, forcedTool: String?
        switch conversation.toolChoice {
        case .function(let name): forcedTool = name
        case .required: format = formats.forced
        case .automatic where !tools.isEmpty && format.tools == nil: throw unsupported("tools")
        case .automatic, .none: break
        }
        guard !format.isPlain || forcedTool != nil else { return nil }
        let isOpen = prompt.flatMap { prompt in format.reasoning?.isOpen(after: prompt.utf8) } ?? false
        return AnswerForm(
            format: format, tools: ToolList(tools), forcedTool: forcedTool, allowsParallelCalls: conversation.allowsParallelToolCalls,
            startsInReasoning: isOpen)
    }

    /// What workers must be able to do.
    func needs(_ constraint: OutputConstraint?) throws(DialectError) -> Capabilities {
        var needs = Capabilities()
        if constraint != nil { needs.insert(.constraints) }
        if generation.sampling.topLogprobs != nil { needs.insert(.logprobs) }
        if generation.sampling.promptLogprobs != nil { needs.insert(.promptLogprobs) }
        if generation.choices > 1 { needs.insert(.choices) }
        if !can(.logprobs), needs.contains(.logprobs) { throw unsupported(names.logprobs) }
        if !can(.promptLogprobs), needs.contains(.promptLogprobs) { throw unsupported("prompt_logprobs") }
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
