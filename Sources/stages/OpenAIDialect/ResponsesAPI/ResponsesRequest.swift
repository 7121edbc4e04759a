package import ClusterModel
import JSONText

/// The body of `POST /v1/responses`.
///
/// Nothing is kept between requests: what a client wants remembered it sends again, and what names something kept is refused.
package struct ResponsesRequest: Hashable, Sendable {
    /// Its prompt is a conversation, unless the client sent tokens instead.
    package var generation: GenerationRequest
    package var delivery: Delivery
    package var unknownFields: UnknownFields

    package init(parsing body: RawSpan) throws(DialectError) {
        let object = try RequestBody.object(body)
        do throws(FieldFault) { self = try Self(object) } catch { throw error.error }
    }

    private init(_ object: JSONObject) throws(FieldFault) {
        var body = try RequestBody(object), echo = ResponseEcho()
        let model = try body.model()
        try body.refuseKept()
        var conversation = Conversation(messages: try body.input(echo: &echo))
        delivery = Delivery()
        delivery.isStreamed = try body.isStreamedResponse()
        let sampling = try body.responseSampling(echo: &echo)
        try body.flatTools(into: &conversation, echo: &echo)
        try body.template(into: &conversation)
        try body.reasoning(into: &conversation, echo: &echo)
        let constraint = try body.textForm(echo: &echo)
        let extensions = try body.extensions()
        // The template makes the prompt of a conversation; there is no raw one to be used.
        if extensions.isRawPrompt { throw .unsupported("nvext.use_raw_prompt", "with input") }
        generation = GenerationRequest(model: model, answering: conversation, extensions)
        generation.sampling = sampling
        generation.constraint = constraint
        generation.take(extensions)
        echo.temperature = generation.sampling.temperature
        try body.responseLabels(into: &generation, echo: &echo)
        try body.refuse(Self.refused)
        try body.refuse(unless: ChatCompletionRequest.fixed)
        if let choices = try body.fields.integer("n", in: 1...DialectLimits.choices), choices > 1 {
            throw .unsupported("n", "with more than 1 here")
        }
        delivery.names(.responses, extensions)
        delivery.repeated = echo.json(model: model)
        unknownFields = body.finish()
    }

    /// Words of the other APIs that this one has its own for, and what would have to be done and is not.
    static let refused =
        RequestBody.refusedEverywhere + [
            "messages", "response_format", "logprobs", "functions", "function_call", "modalities",
            "audio", "chat_template", "echo", "suffix", "context_management",
        ]
}

extension RequestBody {
    static let kept = ["previous_response_id", "conversation", "prompt"]
    /// What the other APIs call the limit of an answer.
    static let otherLimits = ["max_tokens", "max_completion_tokens"]
    static let summaries = ["auto", "concise", "detailed"]

    /// What could only be meant of a service that keeps conversations.
    fileprivate mutating func refuseKept() throws(FieldFault) {
        let why = "here: this service keeps no conversations, so send all of it as 'input'"
        for name in Self.kept where fields.take(name) != nil { throw .unsupported(name, why) }
        if try fields.flag("background") == true {
            throw .unsupported("background", "here: this service keeps no responses that could be asked for later")
        }
    }

    fileprivate mutating func isStreamedResponse() throws(FieldFault) -> Bool {
        let isStreamed = try fields.flag("stream") ?? false
        guard var options = try fields.object("stream_options") else { return isStreamed }
        do throws(FieldFault) { _ = try options.flag("include_obfuscation") } catch { throw error.inside("stream_options") }
        options.listUnknown(in: "stream_options.", into: &unknown)
        return isStreamed
    }

    /// The fields of this API, and the other APIs' further ones where there is no word for them here.
    fileprivate mutating func responseSampling(echo: inout ResponseEcho) throws(FieldFault) -> SamplingParameters {
        for name in Self.otherLimits where fields.take(name) != nil {
            throw .unsupported(name, "here: 'max_output_tokens' is the limit")
        }
        let most = try fields.integer("max_output_tokens", in: 1...DialectLimits.maxTokens)
        var sampling = try sampling()
        sampling.maxTokens = most.map { UInt32($0) }
        if let most, sampling.minTokens > most { throw .value("min_tokens", expected: "no more than max_output_tokens") }
        echo.maxOutputTokens = most
        echo.maxToolCalls = try fields.integer("max_tool_calls", in: 1...DialectLimits.maxTokens)
        echo.temperature = sampling.temperature
        echo.topP = sampling.topP
        let alternatives = try fields.integer("top_logprobs", in: 0...DialectLimits.topLogprobs)
        let isIncluded = try included().contains(Self.logprobs)
        if isIncluded || alternatives ?? 0 > 0 { sampling.topLogprobs = UInt32(alternatives ?? 0) }
        echo.topLogprobs = alternatives ?? 0
        return sampling
    }

    private static let logprobs = "message.output_text.logprobs"

    /// What answers may have beside their output. Most of it is of tools that are not here: then there is none of it.
    static let includable = [
        logprobs, "reasoning.encrypted_content", "file_search_call.results", "web_search_call.results", "web_search_call.action.sources",
        "message.input_image.image_url", "computer_call_output.output.image_url", "code_interpreter_call.outputs",
    ]

    private mutating func included() throws(FieldFault) -> [String] {
        let words = try fields.texts("include", atMost: DialectLimits.hintWords, bytes: 0...DialectLimits.label) ?? []
        for (index, word) in words.enumerated() where !Self.includable.contains(word) {
            throw .word("include[\(index)]", word, expected: Self.includable)
        }
        return words
    }

    /// How much a model is to think is a matter of its template.
    fileprivate mutating func reasoning(into conversation: inout Conversation, echo: inout ResponseEcho) throws(FieldFault) {
        guard var reasoning = try fields.object("reasoning") else { return }
        do throws(FieldFault) {
            for name in ["summary", "generate_summary"] { _ = try reasoning.word(name, of: Self.summaries) }
            _ = try reasoning.word("context", of: ["auto", "current_turn", "all_turns"])
            echo.effort = try reasoning.word("effort", of: Self.efforts)
        } catch { throw error.inside("reasoning") }
        reasoning.listUnknown(in: "reasoning.", into: &unknown)
        if let effort = echo.effort { conversation.think(effort) }
    }

    fileprivate mutating func responseLabels(into request: inout GenerationRequest, echo: inout ResponseEcho) throws(FieldFault) {
        echo.metadata = try metadata()
        // What all endpoints check comes last: a member is read once.
        echo.safetyIdentifier = try fields.text("safety_identifier", atMost: DialectLimits.label)
        try labels(into: &request)
        echo.user = request.user
        echo.cacheKey = request.cacheKey
        request.user = request.user ?? echo.safetyIdentifier
        // A prompt that is too long is refused under either, and the answer says so.
        _ = try fields.word("truncation", of: ["auto", "disabled"])
    }

    private mutating func metadata() throws(FieldFault) -> [(name: String, value: String)] {
        let name = "metadata"
        guard let value = fields.take(name) else { return [] }
        guard let object = value.asObject else { throw .type(name, expected: "an object", got: value) }
        guard object.count <= DialectLimits.metadata else {
            throw .value(name, expected: "at most \(DialectLimits.metadata) members", code: "object_above_max_properties")
        }
        var metadata: [(name: String, value: String)] = []
        for member in object.members {
            guard member.name.utf8.count <= DialectLimits.metadataName else {
                throw .value(name, expected: "names of at most \(DialectLimits.metadataName) bytes")
            }
            // The name is the client's own word.
            do throws(FieldFault) {
                metadata.append((member.name, try member.value.text("*", 0...DialectLimits.metadataValue)))
            } catch { throw error.inside(name) }
        }
        return metadata
    }
}

extension ObjectReader {
    /// A text that is one of a few words.
    mutating func word(_ name: String, of words: [String]) throws(FieldFault) -> String? {
        guard let word = try text(name, atMost: DialectLimits.json.bytes) else { return nil }
        guard words.contains(word) else { throw .word(name, word, expected: words) }
        return word
    }
}
