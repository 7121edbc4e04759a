package import ClusterModel
import JSONText

/// The body of Anthropic's `POST /v1/messages`, and of `/v1/messages/count_tokens`, which has the same prompt and asks for no answer.
package struct MessagesRequest: Hashable, Sendable {
    package enum Purpose: Hashable, Sendable { case answer, count }

    /// Its prompt is a conversation, unless the client sent tokens instead.
    package var generation: GenerationRequest
    package var delivery: Delivery
    package var unknownFields: UnknownFields

    /// `stripsPreamble`: a line about billing that some clients put before their system prompt is left out (`BillingPreamble`).
    package init(parsing body: RawSpan, for purpose: Purpose = .answer, stripsPreamble: Bool = true) throws(DialectError) {
        let object = try RequestBody.object(body)
        do throws(FieldFault) { self = try Self(object, purpose, stripsPreamble) } catch { throw error.error }
    }

    private init(_ object: JSONObject, _ purpose: Purpose, _ stripsPreamble: Bool) throws(FieldFault) {
        var body = try RequestBody(object)
        let model = try body.model()
        let sampling = try body.messageSampling(isAnswered: purpose == .answer)
        let system = try body.systemPrompt(stripsPreamble: stripsPreamble)
        var conversation = try body.turns()
        if let system { conversation.messages.insert(system, at: 0) }
        delivery = Delivery()
        delivery.isStreamed = try body.fields.flag("stream") ?? false
        try body.clientTools(into: &conversation)
        let thinking = try body.thinking()
        delivery.hidesReasoning = !thinking.isShown
        let output = try body.outputConfig()
        conversation.templateArguments = thinking.templateArguments(effort: output.effort)
        let extensions = try body.extensions()
        if extensions.isRawPrompt { throw .unsupported("nvext.use_raw_prompt", "with messages") }
        delivery.names(.messages, extensions)
        generation = GenerationRequest(model: model, answering: conversation, extensions)
        generation.sampling = sampling
        generation.take(extensions)
        generation.sampling.maxThinkingTokens = extensions.maxThinkingTokens ?? thinking.budget
        generation.constraint = output.constraint
        try body.messageLabels(into: &generation)
        try body.contextManagement()
        try body.refuse(Self.refused)
        unknownFields = body.finish()
    }

    /// What runs on Anthropic's own servers, or is kept there between requests.
    static let refused = ["container", "mcp_servers", "thread", "compaction"]
}
