import JSONText

/// What a response repeats of its request. Clients look at it to see what was understood, so it tells what holds and not only what was asked.
/// Of the verbosity alone nothing holds here, and what was asked is told.
struct ResponseEcho {
    var instructions: String?
    var maxOutputTokens: Int?
    var maxToolCalls: Int?
    var metadata: [(name: String, value: String)] = []
    var allowsParallelToolCalls = true
    var cacheKey: String?
    var effort: String?
    var safetyIdentifier: String?
    var temperature: Float?
    var format: JSONValue = ["type": "text"]
    var verbosity: String?
    var toolChoice: JSONValue = "auto"
    /// In the flat form, with all members that the API's types demand.
    var tools: [JSONValue] = []
    var topLogprobs = 0
    var topP: Float?
    var user: String?

    /// Its members without braces. What was left open is null: the model's own settings hold then.
    func json(model: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        func text(_ name: String, _ text: String?, _ writer: inout JSONWriter) {
            writer.key(name)
            if let text { writer.string(text) } else { writer.null() }
        }
        func number(_ name: String, _ number: Int?, _ writer: inout JSONWriter) {
            writer.key(name)
            if let number { writer.number(number) } else { writer.null() }
        }
        func decimal(_ name: String, _ number: Float?, _ writer: inout JSONWriter) {
            writer.key(name)
            if let number { writer.number(number) } else { writer.null() }
        }
        func flag(_ name: String, _ flag: Bool, _ writer: inout JSONWriter) {
            writer.key(name)
            writer.bool(flag)
        }
        flag("background", false, &writer)
        text("instructions", instructions, &writer)
        number("max_output_tokens", maxOutputTokens, &writer)
        number("max_tool_calls", maxToolCalls, &writer)
        writer.key("metadata")
        writer.beginObject()
        for pair in metadata { text(pair.name, pair.value, &writer) }
        writer.endObject()
        text("model", model, &writer)
        flag("parallel_tool_calls", allowsParallelToolCalls, &writer)
        text("previous_response_id", nil, &writer)
        text("prompt_cache_key", cacheKey, &writer)
        writer.key("reasoning")
        writer.beginObject()
        text("effort", effort, &writer)
        // None is ever written: thoughts are told whole.
        text("summary", nil, &writer)
        writer.endObject()
        text("safety_identifier", safetyIdentifier, &writer)
        text("service_tier", "default", &writer)
        flag("store", false, &writer)
        decimal("temperature", temperature, &writer)
        writer.key("text")
        writer.value(["format": format, "verbosity": .string(verbosity ?? "medium")])
        writer.key("tool_choice")
        writer.value(toolChoice)
        writer.key("tools")
        writer.value(.array(tools))
        number("top_logprobs", topLogprobs, &writer)
        decimal("top_p", topP, &writer)
        text("truncation", "disabled", &writer)
        text("user", user, &writer)
        writer.endObject()
        return Array(writer.finish().dropFirst().dropLast())
    }
}
