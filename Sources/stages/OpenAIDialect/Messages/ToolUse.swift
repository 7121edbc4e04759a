import ClusterModel
import JSONText

/// Calls as the Messages API has them: ids that begin with a word of its own, and input that is always an object.
enum ToolUse {
    private static let prefix = "toolu_"
    /// Of ids that were made here for models that write none.
    private static let madePrefix = "call_"
    /// In place of an input that is no object; what is in it is the text that the model wrote. Anthropic's guide to streamed input has the name.
    private static let invalid = "INVALID_JSON"

    // MARK: Ids

    /// For a client.
    static func clientID(_ id: String) -> String {
        prefix + (id.hasPrefix(madePrefix) ? String(id.dropFirst(madePrefix.count)) : id)
    }

    /// As the model knows it, if it wrote one: templates of some models take only ids of their own form.
    static func modelID(_ id: String) -> String {
        id.hasPrefix(prefix) && id.utf8.count > prefix.utf8.count ? String(id.dropFirst(prefix.count)) : id
    }

    // MARK: Input

    /// The arguments as the model wrote them, as far as an object can tell.
    static func arguments(_ input: JSONObject) -> String {
        if input.count == 1, let text = input[invalid]?.asString { return text }
        return String(decoding: JSONValue.object(input).encoded(), as: UTF8.self)
    }

    /// Appends an object whatever the model wrote: nothing is an empty one, and what is no object stands as text in one that no tool expects,
    /// rather than as nothing, which might be what a tool expects.
    static func appendInput(_ arguments: [UInt8], to bytes: inout [UInt8]) {
        guard let first = arguments.firstIndex(where: { !isBlank($0) }) else { return bytes.append(static: "{}") }
        if arguments[first] == UInt8(ascii: "{") {
            var place = JSONStringPlace(), object: [UInt8] = []
            place.append(arguments.span.bytes, to: &object)
            if (try? JSONValue(parsing: object, limits: DialectLimits.json)) != nil { return bytes.append(contentsOf: object) }
        }
        bytes.append(contentsOf: invalidBeginning)
        JSONWriter.appendEscaped(utf8: arguments.span.bytes, to: &bytes)
        bytes.append(contentsOf: invalidEnd)
    }

    static let invalidBeginning = Array("{\"\(invalid)\":\"".utf8)
    static let invalidEnd = Array("\"}".utf8)

    static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }
}
