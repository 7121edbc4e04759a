package import ClusterModel
import JSONText

/// The body of `POST /v1/completions`.
package struct CompletionRequest: Hashable, Sendable {
    /// Its prompt is a text or tokens.
    package var generation: GenerationRequest
    package var delivery: Delivery
    package var unknownFields: UnknownFields

    package init(parsing body: RawSpan) throws(DialectError) {
        let object = try RequestBody.object(body)
        do throws(FieldFault) { self = try Self(object) } catch { throw error.error }
    }

    private init(_ object: JSONObject) throws(FieldFault) {
        var body = try RequestBody(object)
        let model = try body.model()
        let prompt = try body.prompt()
        delivery = try body.delivery()
        delivery.echoesPrompt = try body.fields.flag("echo") ?? false
        let sampling = try body.sampling()
        let constraint = try body.constraint()
        let extensions = try body.extensions()
        generation = GenerationRequest(model: model, prompt: extensions.promptTokens.map { .tokens($0) } ?? prompt)
        generation.sampling = sampling
        generation.sampling.topLogprobs = try body.fields.integer("logprobs", in: 0...DialectLimits.topLogprobs).map { UInt32($0) }
        generation.sampling.promptLogprobs = try body.promptLogprobs()
        generation.choices = try body.choices()
        generation.constraint = constraint
        generation.take(extensions)
        try body.labels(into: &generation)
        // The prompt's own log probabilities would belong before it.
        if delivery.echoesPrompt, generation.sampling.topLogprobs != nil { throw .unsupported("echo", "together with 'logprobs'") }
        if let best = try body.fields.integer("best_of", in: 1...DialectLimits.choices), best != generation.choices {
            throw .unsupported("best_of", "with another value than 'n'")
        }
        try body.refuse(Self.refused)
        try body.refuse(unless: Self.fixed)
        unknownFields = body.finish()
    }

    static let refused = RequestBody.refusedEverywhere + ["suffix", "prompt_embeds"]

    /// A raw prompt is what stands behind a model's own tokens.
    static let fixed = RequestBody.fixedEverywhere + [(name: "add_special_tokens", value: true)]
}

extension RequestBody {
    /// A text, an array of token ids, or an array of one of these.
    fileprivate mutating func prompt() throws(FieldFault) -> GenerationRequest.Prompt {
        let name = "prompt"
        switch fields.take(name) {
        case nil: throw .missing(name)
        case .string(let text)?: return .text(text)
        case .array(let elements)?:
            switch elements.first {
            case nil: throw .value(name, expected: "at least one prompt", code: "empty_array")
            case .string(let text)?:
                try onePrompt(elements)
                return .text(text)
            case .array(let tokens)?:
                try onePrompt(elements)
                return .tokens(try Self.promptTokens(tokens, "prompt[0]"))
            case .number?: return .tokens(try Self.promptTokens(elements, name))
            case let value?: throw .type("prompt[0]", expected: "a string, a token id or an array of token ids", got: value)
            }
        case let value?: throw .type(name, expected: "a string or an array", got: value)
        }
    }

    private func onePrompt(_ elements: [JSONValue]) throws(FieldFault) {
        guard elements.count <= DialectLimits.prompts else {
            throw .unsupported("prompt", "with several prompts; send a request for each")
        }
    }

    private static func promptTokens(_ elements: [JSONValue], _ name: String) throws(FieldFault) -> [TokenID] {
        guard !elements.isEmpty else { throw .value(name, expected: "at least one token", code: "empty_array") }
        guard elements.count <= DialectLimits.promptTokens else {
            throw .value(name, expected: "at most \(DialectLimits.promptTokens) tokens", code: "array_above_max_length")
        }
        return try tokens(elements, name)
    }
}
