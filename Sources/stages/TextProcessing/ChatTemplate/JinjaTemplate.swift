package import ClusterModel
package import JSONText

/// A model's chat template in Jinja, compiled once: the language, its white space and its printing of values are those of the environment that
/// Hugging Face's `apply_chat_template` makes.
///
/// Words of the template and the texts of special tokens are trusted; words that came from the client are not, through everything that a
/// template does to them.
package struct JinjaTemplate: ChatTemplate {
    /// What a variable from outside is.
    private enum Outside {
        case constant(OutsideConstant)
        case messages, tools, addsGenerationPrompt
        /// Whatever the client gave under this name; `documents` is None where nothing was given.
        case argument(String)
    }

    private let compiled: CompiledTemplate
    private let outside: [Outside]
    private let reserved: Set<String>
    /// How messages are laid out for it.
    let shape: MessageShape

    /// `specials` are variables such as `bos_token`, with the texts of the model's special tokens.
    package init(source: [UInt8], specials: [(name: String, text: String)] = []) throws(TemplateError) {
        let statements = try TemplateParser.statements(of: source)
        compiled = try TemplateCompiler.compile(statements)
        shape = MessageShape(of: statements)
        reserved = Set(specials.map(\.name) + ["messages", "tools", "add_generation_prompt"] + OutsideConstant.functions.map(\.rawValue))
        outside = compiled.names.map { name in
            if let special = specials.last(where: { $0.name == name }) {
                return .constant(.text(TemplateText(Array(special.text.utf8), isTrusted: true)))
            }
            if let function = TemplateFunction(rawValue: name) { return .constant(.function(function)) }
            switch name {
            case "messages": return .messages
            case "tools": return .tools
            case "add_generation_prompt": return .addsGenerationPrompt
            default: return .argument(name)
            }
        }
    }

    package func render(_ conversation: Conversation, _ context: TemplateContext) throws(TemplateError) -> PromptText {
        let arguments = try self.arguments(of: conversation)
        let variables = ConversationVariables(shape: shape)
        let messages = variables.messages(of: conversation)
        let tools = variables.tools(of: conversation)
        let isContinued = conversation.continuesLastMessage
        let values = outside.map { outside -> TemplateValue in
            switch outside {
            case .constant(let constant): constant.value
            case .messages: messages
            case .tools: tools
            case .addsGenerationPrompt: .bool(conversation.addsGenerationPrompt && !isContinued)
            case .argument(let name): Self.value(of: name, in: arguments)
            }
        }
        let size = ConversationSize(of: conversation)
        let prompt = try run(context, values, steps: Self.steps(for: size), expecting: size.bytes)
        return isContinued ? try Continuation(of: conversation).cut(prompt) : prompt
    }

    /// Variables as they are, `messages` among them, ready for this template: for comparing with other implementations.
    package struct Variables {
        fileprivate let values: [TemplateValue]
    }

    package func variables(_ object: JSONObject) -> Variables {
        func value(_ name: String) -> TemplateValue { object[name].map { ValueParser.value($0) } ?? .undefined }
        let values = outside.map { outside -> TemplateValue in
            switch outside {
            case .constant(let constant): constant.value
            case .messages: value("messages")
            case .tools: value("tools")
            case .addsGenerationPrompt: value("add_generation_prompt")
            case .argument(let name): value(name)
            }
        }
        return Variables(values: values)
    }

    package func render(_ variables: Variables, _ context: TemplateContext, steps: Int) throws(TemplateError) -> PromptText {
        try run(context, variables.values, steps: steps, expecting: 0)
    }

    /// `expecting` bytes from outside.
    private func run(
        _ context: TemplateContext, _ values: [TemplateValue], steps: Int, expecting: Int
    ) throws(TemplateError) -> PromptText {
        let rendering = Rendering(slots: compiled.slots, context: values, steps: steps, unixSeconds: context.unixSeconds)
        rendering.output.reserve(bytes: Self.usualBytes + expecting, runs: Self.usualRuns)
        try compiled.run(rendering)
        let prompt = rendering.output.prompt()
        guard prompt.utf8.count <= TextLimits.promptBytes else { throw .tooLong(limit: TextLimits.promptBytes) }
        return prompt
    }

    /// Of a prompt beside what its client wrote; where there are more it grows.
    private static let usualBytes = 4096
    private static let usualRuns = 64

    // MARK: The client's arguments

    private static let argumentsField = "chat_template_kwargs"

    private func arguments(of conversation: Conversation) throws(TemplateError) -> JSONObject? {
        guard let text = conversation.templateArguments else { return nil }
        guard let object = (try? JSONValue(parsing: text))?.asObject else {
            throw .unsupported(param: Self.argumentsField, reason: "must be a JSON object")
        }
        for member in object.members where reserved.contains(member.name) {
            throw .unsupported(param: "\(Self.argumentsField).\(member.name)", reason: "the template has its own value for it")
        }
        return object
    }

    private static func value(of name: String, in arguments: JSONObject?) -> TemplateValue {
        if let value = arguments?[name] { return ValueParser.value(value) }
        return name == "documents" ? .none : .undefined
    }

    /// What a rendering may cost.
    package static func steps(for conversation: Conversation) -> Int { steps(for: ConversationSize(of: conversation)) }

    private static func steps(for size: ConversationSize) -> Int {
        var steps = TextLimits.templateSteps + size.text * TextLimits.templateStepsPerTextByte
        steps += (size.calls + size.json) * TextLimits.templateStepsPerJSONByte + size.entries * TextLimits.templateStepsPerMessage
        steps += min(size.entries * size.entries * TextLimits.templateStepsPerPair, TextLimits.templateStepsOfPairs)
        return min(steps, TextLimits.templateStepsAtMost)
    }
}

/// A variable that has the same value in each rendering.
private enum OutsideConstant {
    case text(TemplateText)
    case function(TemplateFunction)

    static let functions: [TemplateFunction] = [.range, .namespace, .dict, .raiseException, .now]

    var value: TemplateValue {
        switch self {
        case .text(let text): .text(text)
        case .function(let function): .function(function)
        }
    }
}
