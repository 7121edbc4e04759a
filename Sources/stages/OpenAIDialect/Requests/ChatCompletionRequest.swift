package import ClusterModel
import JSONText

/// The body of `POST /v1/chat/completions`.
package struct ChatCompletionRequest: Hashable, Sendable {
    /// Its prompt is a conversation, unless the client sent tokens instead.
    package var generation: GenerationRequest
    package var delivery: Delivery
    package var unknownFields: UnknownFields

    package init(parsing body: RawSpan) throws(DialectError) {
        let object = try RequestBody.object(body)
        do throws(FieldFault) {
            var body = try RequestBody(object)
            let model = try body.model()
            var conversation = Conversation(messages: try body.messages())
            delivery = try body.delivery()
            let sampling = try body.sampling()
            try body.tools(into: &conversation)
            try body.template(into: &conversation)
            let constraint = try body.constraint()
            let extensions = try body.extensions()
            let prompt = extensions.isRawPrompt ? try Self.rawPrompt(conversation) : .conversation(conversation)
            delivery.names(.chat, extensions)
            generation = GenerationRequest(model: model, answering: conversation, prompt: prompt, extensions)
            generation.sampling = sampling
            generation.sampling.topLogprobs = try body.chatLogprobs()
            generation.choices = try body.choices()
            generation.constraint = constraint
            generation.take(extensions)
            try body.labels(into: &generation)
            try body.refuse(Self.refused)
            try body.refuse(unless: Self.fixed)
            try body.textOnly()
            unknownFields = body.finish()
        } catch { throw error.error }
    }

    /// `functions` is the older form of `tools`.
    static let refused = RequestBody.refusedEverywhere + ["functions", "function_call", "audio", "chat_template", "echo"]

    /// The template writes a model's own tokens itself.
    static let fixed = RequestBody.fixedEverywhere + [(name: "add_special_tokens", value: false)]

    /// Checked, and of no effect: no template has a place for it.
    static let verbosities = ["low", "medium", "high"]

    /// What stands for the prompt of a conversation without its template: the one thing that is said in it.
    private static func rawPrompt(_ conversation: Conversation) throws(FieldFault) -> GenerationRequest.Prompt {
        guard conversation.messages.count == 1, conversation.tools.isEmpty, conversation.messages[0].role == .user,
            case .text(let text) = conversation.messages[0].content
        else { throw .unsupported("nvext.use_raw_prompt", "with anything but one message of a user, in one text and without tools") }
        return .text(text)
    }
}

extension GenerationRequest {
    /// Tokens that the client gave stand in the place of `prompt`, and of nothing else that the conversation says.
    init(model: String, answering conversation: Conversation, prompt: Prompt? = nil, _ extensions: ExtensionFields) {
        self.init(model: model, prompt: extensions.promptTokens.map { .tokens($0) } ?? prompt ?? .conversation(conversation))
        calling = conversation.calling
    }

    mutating func take(_ extensions: ExtensionFields) {
        hints = extensions.hints
        if let most = extensions.maxThinkingTokens { sampling.maxThinkingTokens = most }
        if extensions.isGreedy { sampling.temperature = 0 }
    }
}

extension RequestBody {
    /// `logprobs` switches them on, `top_logprobs` says how many alternatives there are.
    fileprivate mutating func chatLogprobs() throws(FieldFault) -> UInt32? {
        let wanted = try fields.flag("logprobs") ?? false
        let most = try fields.integer("top_logprobs", in: 0...DialectLimits.topLogprobs)
        guard wanted else {
            if let most, most > 0 { throw .value("top_logprobs", expected: "'logprobs' to be true") }
            return nil
        }
        return UInt32(most ?? 0)
    }

    mutating func template(into conversation: inout Conversation) throws(FieldFault) {
        conversation.addsGenerationPrompt = try fields.flag("add_generation_prompt") ?? true
        conversation.continuesLastMessage = try fields.flag("continue_final_message") ?? false
        if conversation.continuesLastMessage {
            // Both cannot be had; the default gives way, a client's own word does not.
            guard conversation.messages.last?.role == .assistant else {
                throw .value("continue_final_message", expected: "the last message to be the assistant's")
            }
            conversation.addsGenerationPrompt = false
        }
        if let value = fields.take("chat_template_kwargs") {
            guard let object = value.asObject else { throw .type("chat_template_kwargs", expected: "an object", got: value) }
            if !object.isEmpty { conversation.templateArguments = String(decoding: value.encoded(), as: UTF8.self) }
        }
        if let documents = try fields.array("documents", atMost: DialectLimits.documents) {
            for (index, document) in documents.enumerated() where document.asObject == nil {
                throw .type("documents[\(index)]", expected: "an object", got: document)
            }
            conversation.addTemplateArguments([("documents", .array(documents))])
        }
        if let effort = try fields.word("reasoning_effort", of: Self.efforts) { conversation.think(effort) }
    }

    static let efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]

    fileprivate mutating func textOnly() throws(FieldFault) {
        _ = try fields.word("verbosity", of: ChatCompletionRequest.verbosities)
        let kinds = try fields.texts("modalities", atMost: DialectLimits.hintWords, bytes: 0...DialectLimits.label) ?? []
        if let index = kinds.firstIndex(where: { $0 != "text" }) { throw .unsupported("modalities[\(index)]", "with any value but 'text'") }
    }
}
