import ClusterModel
import JSONText

/// Reads the blocks that contents of the Messages API are made of.
enum MessageBlocks {
    /// Known to the API and not to us, so that they are refused as such.
    static let others: Set = [
        "image", "document", "search_result", "server_tool_use", "web_search_tool_result", "web_fetch_tool_result",
        "code_execution_tool_result", "bash_code_execution_tool_result", "text_editor_code_execution_tool_result",
        "tool_search_tool_result", "mcp_tool_use", "mcp_tool_result", "container_upload", "tool_reference", "browser_state", "compaction",
    ]

    /// A block that must be text.
    static func text(_ value: JSONValue, in place: String, _ unknown: inout UnknownFields) throws(FieldFault) -> String {
        var fields = try object(value)
        let type = try type(&fields)
        guard type == "text" else { throw refusal(type, expected: ["text"]) }
        let text = try text(&fields)
        fields.listUnknown(in: place, into: &unknown)
        return text
    }

    static func object(_ value: JSONValue) throws(FieldFault) -> ObjectReader {
        guard let object = value.asObject else { throw .type("", expected: "an object", got: value) }
        var fields = try ObjectReader(object)
        // Prefixes are cached whether or not a client marks them.
        _ = try fields.object("cache_control")
        return fields
    }

    static func type(_ fields: inout ObjectReader) throws(FieldFault) -> String {
        guard let type = try fields.text("type", atMost: DialectLimits.json.bytes) else { throw .missing("type") }
        return type
    }

    static func text(_ fields: inout ObjectReader) throws(FieldFault) -> String {
        // Of an answer that is sent back; nothing is cited here.
        _ = fields.take("citations")
        guard let text = try fields.text("text", atMost: DialectLimits.json.bytes) else { throw .missing("text") }
        return text
    }

    static func refusal(_ type: String, expected: [String]) -> FieldFault {
        others.contains(type) ? .unsupported("", "with type '\(type)'") : .word("type", type, expected: expected)
    }

    /// A list of one text is that text: clients write it the one way and the other as marks for caches come and go, and mean the same.
    static func content(_ texts: [String]) -> MessageContent {
        switch texts.count {
        case 0: .none
        case 1: .text(texts[0])
        default: .parts(texts.map { .text($0) })
        }
    }
}
