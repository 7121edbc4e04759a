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
        } catch { throw error.inside("stream_options") }
        options.listUnknown(in: "stream_options.", into: &unknown)
        return delivery
    }

    /// Who asks and how requests belong together; what is merely recorded elsewhere is checked for its type and let go.
    mutating func labels(into request: inout GenerationRequest) throws(FieldFault) {
        request.user = try fields.text("user", atMost: DialectLimits.label)
        request.cacheKey = try fields.text("prompt_cache_key", atMost: DialectLimits.label)
        _ = try fields.object("metadata")
        _ = try fields.text("service_tier", atMost: DialectLimits.label)
        _ = try fields.flag("store")
    }

    /// Refuses what would change the output and is not honoured: a client that asks for it would be misled by silence.
    mutating func refuse(_ names: [String]) throws(FieldFault) {
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

    /// Of engines' and routers' extensions to the API.
    static let refusedEverywhere = [
        "guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "use_beam_search", "bad_words",
        "allowed_token_ids", "logits_processors", "truncate_prompt_tokens", "cache_salt",
    ]

    mutating func finish() -> UnknownFields {
        fields.listUnknown(into: &unknown)
        return unknown
    }
}
