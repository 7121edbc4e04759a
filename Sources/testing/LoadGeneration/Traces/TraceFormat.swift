import JSONText

/// Whose trace it is: which columns there are, and what they mean.
package enum TraceFormat: String, CaseIterable, Hashable, Sendable {
    /// Mooncake's, one JSON object a line: `timestamp` (ms), `input_length`, `output_length`, `hash_ids` (512 tokens each, unless told otherwise).
    case mooncake
    /// Azure's LLM inference traces of 2023 and 2024, CSV: `TIMESTAMP` (a date), `ContextTokens`, `GeneratedTokens`.
    case azure
    /// BurstGPT, CSV: `Timestamp` (s), `Request tokens`, `Response tokens`, and in later releases `Session ID`; in any order, among others.
    case burstGPT = "burstgpt"
    /// Qwen-Bailian's, one JSON object a line: `chat_id`, `parent_chat_id`, `timestamp` (s), `input_length`, `output_length`, `hash_ids` (16 tokens each).
    case qwenBailian = "qwen"

    /// Recognises a trace by its first line: the members of an object, or the names of a header.
    init?(firstLine: RawSpan) {
        if firstLine.byteCount > 0, firstLine.unsafeLoad(as: UInt8.self) == UInt8(ascii: "{") {
            guard case .object(let object)? = try? JSONValue(parsing: firstLine, limits: TraceLimits.line) else { return nil }
            guard object["timestamp"] != nil, object["input_length"] != nil else { return nil }
            self = object["chat_id"] != nil ? .qwenBailian : .mooncake
        } else {
            let names = CSVHeader.names(in: firstLine)
            if AzureTrace.columns.allSatisfy({ names.contains($0) }) {
                self = .azure
            } else if BurstGPTTrace.columns.allSatisfy({ names.contains($0) }) {
                self = .burstGPT
            } else {
                return nil
            }
        }
    }
}
