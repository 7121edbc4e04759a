import ClusterModel
import JSONText

/// What the bodies of all generating endpoints have in common, read in one order, so that of several mistakes the same one is named.
struct RequestBody {
    var fields: ObjectReader
    var unknown = UnknownFields()

    /// The faults of JSON itself are told with their place and without the names around it: those are the client's words.
    static func object(_ body: RawSpan) throws(DialectError) -> JSONObject {
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue(parsing: body, limits: DialectLimits.json) } catch {
            let isTooLarge = if case .tooLarge = error.code { true } else { false }
            throw DialectError(
                status: isTooLarge ? 413 : 400, message: "Invalid JSON: \(error.reason) (line \(error.line), column \(error.column)).",
                code: isTooLarge ? "request_too_large" : "invalid_json")
        }
        guard let object = value.asObject else { throw DialectError(message: "The body must be a JSON object.", code: "invalid_json") }
        return object
    }

    init(_ object: JSONObject) throws(FieldFault) { fields = try ObjectReader(object) }

    mutating func model() throws(FieldFault) -> String {
        guard let value = fields.take("model") else { throw .missing("model") }
        return try value.text("model", 1...DialectLimits.model)
    }

    mutating func delivery() throws(FieldFault) -> Delivery {
        var delivery = Delivery()
        delivery.isStreamed = try fields.flag("stream") ?? false
        guard var options = try fields.object("stream_options") else { return delivery }
        do throws(FieldFault) {
            let atEnd = try options.flag("include_usage") ?? false
            let continuous = try options.flag("continuous_usage_stats") ?? false
            delivery.usage = continuous ? .continuous : atEnd ? .atEnd : .none
            // Padding against those who guess words from the lengths of packets: what the transport encrypts is not ours to pad.
            _ = try options.flag("include_obfuscation")
        } catch { throw error.inside("stream_options") }
        options.listUnknown(in: "stream_options.", into: &unknown)
        return delivery
    }

    /// Who asks and how requests belong together; what is merely recorded elsewhere is checked for its type and let go.
    mutating func labels(into request: inout GenerationRequest) throws(FieldFault) {
        request.user = try fields.text("user", atMost: DialectLimits.label)
        request.cacheKey = try fields.text("prompt_cache_key", atMost: DialectLimits.label)
        for name in Self.notedTexts { _ = try fields.text(name, atMost: DialectLimits.label) }
        for name in Self.notedFlags { _ = try fields.flag(name) }
        for name in Self.notedObjects { _ = try fields.object(name) }
        _ = try fields.integer("priority", in: Int(Int32.min)...Int(Int32.max))
        _ = try fields.number("length_penalty", in: DialectLimits.anyFloat)
    }

    // Checked for their type and of no effect: what other servers record, bill or hurry by, and what belongs to media and beams.
    static let notedTexts = ["service_tier", "safety_identifier", "prompt_cache_retention", "request_id", "rid"]
    static let notedFlags = ["store", "spaces_between_special_tokens"]
    static let notedObjects = ["metadata", "prompt_cache_options", "prediction", "mm_processor_kwargs", "media_io_kwargs"]

    /// Refuses these switches where they are thrown: an answer is always as their default says.
    mutating func refuse(unless defaults: [(name: String, value: Bool)]) throws(FieldFault) {
        for (name, value) in defaults {
            if let asked = try fields.flag(name), asked != value { throw .unsupported(name, "with \(asked)") }
        }
    }

    /// Thoughts are told apart from what is said wherever a model has a form for them, and streamed as they come.
    static let fixedEverywhere = [(name: "include_reasoning", value: true), ("separate_reasoning", true), ("stream_reasoning", true)]

    /// Refuses what would change the output and is not honoured: a client that asks for it would be misled by silence.
    mutating func refuse(_ names: [String]) throws(FieldFault) {
        if fields.isExhausted { return }
        // Options of a search, even none of them, ask for one.
        if fields.take("web_search_options") != nil { throw .unsupported("web_search_options") }
        for name in names where !Self.asksNothing(fields.take(name)) { throw .unsupported(name) }
    }

    /// Values that ask for nothing: absent, null, false, nothing in it.
    private static func asksNothing(_ value: JSONValue?) -> Bool {
        switch value {
        case nil, .null, .bool(false): true
        case .string(let text): text.isEmpty
        case .array(let elements): elements.isEmpty
        case .object(let object): object.isEmpty
        default: false
        }
    }

    /// Newer parts of the API, and extensions of engines and routers to it.
    static let refusedEverywhere = [
        "moderation", "guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "regex",
        "ebnf", "json_schema", "use_beam_search", "bad_words", "allowed_token_ids", "logits_processors", "custom_logit_processor",
        "custom_params", "truncate_prompt_tokens", "stop_regex", "no_stop_trim", "cache_salt", "extra_key", "return_token_ids",
        "return_tokens_as_token_ids", "prompt_logprobs", "return_hidden_states", "return_routed_experts", "input_ids", "input_embeds",
        "lora_path", "session_params", "data_parallel_rank", "kv_transfer_params", "bootstrap_host", "bootstrap_port", "bootstrap_room",
        "vllm_xargs",
    ]

    mutating func finish() -> UnknownFields {
        fields.listUnknown(into: &unknown)
        return unknown
    }
}
