package import ClusterModel
import JSONText

/// The body of `POST /v1/completions`.
package struct CompletionRequest: Hashable, Sendable {
    /// Its prompt is a text or tokens.
    package var generation: GenerationRequest
    /// The other prompts of a list, each a request of its own that differs in nothing else. Empty: there is one.
    package var morePrompts: [GenerationRequest.Prompt]
    package var delivery: Delivery
    package var unknownFields: UnknownFields

    package init(parsing body: RawSpan) throws(DialectError) {
        let object = try RequestBody.object(body)
        do throws(FieldFault) { self = try Self(object) } catch { throw error.error }
    }

    private init(_ object: JSONObject) throws(FieldFault) {
        var body = try RequestBody(object)
        let model = try body.model()
        let prompts = try body.prompts()
        morePrompts = Array(prompts.dropFirst())
        delivery = try body.delivery()
        delivery.echoesPrompt = try body.fields.flag("echo") ?? false
        let sampling = try body.sampling()
        let constraint = try body.constraint()
        let extensions = try body.extensions()
        delivery.names(.completions, extensions)
        generation = GenerationRequest(model: model, prompt: extensions.promptTokens.map { .tokens($0) } ?? prompts[0])
        generation.sampling = sampling
        generation.sampling.topLogprobs = try body.fields.integer("logprobs", in: 0...DialectLimits.topLogprobs).map { UInt32($0) }
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
        if prompts.count > 1 { try checkForSeveral(extensions) }
    }

    /// What belongs to one prompt, or one request, and would be lost among several.
    private func checkForSeveral(_ extensions: ExtensionFields) throws(FieldFault) {
        guard generation.choices * (morePrompts.count + 1) <= DialectLimits.choicesOfPrompts else {
            throw .value("n", expected: "at most \(DialectLimits.choicesOfPrompts) choices of all prompts together")
        }
        let reason = "with several prompts"
        if extensions.promptTokens != nil { throw .unsupported("nvext.token_data", reason) }
        if extensions.hints.session != nil { throw .unsupported("nvext.session_control", reason) }
        if extensions.hints.isQueryOnly { throw .unsupported("nvext.annotations", "to ask for a placement \(reason)") }
    }

    static let refused = RequestBody.refusedEverywhere + ["suffix", "prompt_embeds"]

    /// A raw prompt is what stands behind a model's own tokens.
    static let fixed = RequestBody.fixedEverywhere + [(name: "add_special_tokens", value: true)]
}

extension RequestBody {
    /// A text, an array of token ids, or an array of some of either; at least one.
    fileprivate mutating func prompts() throws(FieldFault) -> [GenerationRequest.Prompt] {
        guard let value = fields.take("prompt") else { throw .missing("prompt") }
        return try Self.prompts(value, "prompt", atMost: DialectLimits.prompts)
    }

    static func prompts(_ value: JSONValue, _ name: String, atMost limit: Int) throws(FieldFault) -> [GenerationRequest.Prompt] {
        if let text = value.asString { return [.text(text)] }
        guard let elements = value.asArray else { throw .type(name, expected: "a string or an array", got: value) }
        guard let first = elements.first else { throw .value(name, expected: "at least one \(name)", code: "empty_array") }
        if first.asNumber != nil { return [.tokens(try promptTokens(elements, name))] }
        guard elements.count <= limit else {
            throw .value(name, expected: "an array with at most \(limit) elements", code: "array_above_max_length")
        }
        var prompts: [GenerationRequest.Prompt] = []
        prompts.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            let place = "\(name)[\(index)]"
            switch (first, element) {
            case (.string, .string(let text)): prompts.append(.text(text))
            case (.array, .array(let tokens)): prompts.append(.tokens(try promptTokens(tokens, place)))
            case (.string, _): throw .type(place, expected: "a string, as the first element is", got: element)
            case (.array, _): throw .type(place, expected: "an array of token ids, as the first element is", got: element)
            default: throw .type(place, expected: "a string, a token id or an array of token ids", got: element)
            }
        }
        return prompts
    }

    private static func promptTokens(_ elements: [JSONValue], _ name: String) throws(FieldFault) -> [TokenID] {
        guard !elements.isEmpty else { throw .value(name, expected: "at least one token", code: "empty_array") }
        guard elements.count <= DialectLimits.promptTokens else {
            throw .value(name, expected: "at most \(DialectLimits.promptTokens) tokens", code: "array_above_max_length")
        }
        return try tokens(elements, name)
    }
}
