package import ClusterModel
import JSONText

/// The body of `POST /tokenize`: a text, or a conversation, whose tokens are asked for.
package struct TokenizeRequest: Hashable, Sendable {
    /// Nil: the one model that is served.
    package var model: String?
    /// A conversation or a text.
    package var prompt: GenerationRequest.Prompt
    /// The model's own tokens go around it, such as the one that begins every text.
    package var addsSpecialTokens: Bool
    /// Each token's text is told beside it.
    package var wantsTexts: Bool
    package var unknownFields: UnknownFields

    package init(parsing body: RawSpan) throws(DialectError) {
        let object = try RequestBody.object(body)
        do throws(FieldFault) { self = try Self(object) } catch { throw error.error }
    }

    private init(_ object: JSONObject) throws(FieldFault) {
        var body = try RequestBody(object)
        model = try body.optionalModel()
        if let value = body.fields.take("prompt") {
            guard let text = value.asString else { throw .type("prompt", expected: "a string", got: value) }
            if body.fields.take("messages") != nil { throw .value("prompt", expected: "either 'prompt' or 'messages', and not both") }
            prompt = .text(text)
        } else {
            var conversation = Conversation(messages: try body.messages(insteadOf: "prompt"))
            try body.tools(into: &conversation)
            try body.template(into: &conversation)
            try body.refuse(["chat_template"])
            prompt = .conversation(conversation)
        }
        // A template writes them itself.
        addsSpecialTokens = try body.fields.flag("add_special_tokens") ?? prompt.isText
        wantsTexts = try body.fields.flag("return_token_strs") ?? false
        unknownFields = body.finish()
    }
}

/// The body of `POST /detokenize`: tokens whose text is asked for.
package struct DetokenizeRequest: Hashable, Sendable {
    /// Nil: the one model that is served.
    package var model: String?
    package var tokens: [TokenID]
    package var unknownFields: UnknownFields

    package init(parsing body: RawSpan) throws(DialectError) {
        let object = try RequestBody.object(body)
        do throws(FieldFault) {
            var body = try RequestBody(object)
            model = try body.optionalModel()
            guard let elements = try body.fields.array("tokens", atMost: DialectLimits.promptTokens) else { throw .missing("tokens") }
            tokens = try RequestBody.tokens(elements, "tokens")
            unknownFields = body.finish()
        } catch { throw error.error }
    }
}

extension GenerationRequest.Prompt {
    fileprivate var isText: Bool { if case .text = self { true } else { false } }
}

extension RequestBody {
    fileprivate mutating func optionalModel() throws(FieldFault) -> String? {
        guard let value = fields.take("model") else { return nil }
        return try value.text("model", 1...DialectLimits.model)
    }

    /// Messages, of a body that needs either these or another member.
    fileprivate mutating func messages(insteadOf other: String) throws(FieldFault) -> [ChatMessage] {
        guard fields.has("messages") else { throw .missing(other) }
        return try messages()
    }
}
