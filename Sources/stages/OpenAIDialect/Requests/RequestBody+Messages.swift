import ClusterModel
import JSONText

extension RequestBody {
    mutating func messages() throws(FieldFault) -> [ChatMessage] {
        guard let elements = try fields.array("messages", atMost: DialectLimits.messages) else { throw .missing("messages") }
        guard !elements.isEmpty else { throw .value("messages", expected: "at least one message", code: "empty_array") }
        var messages: [ChatMessage] = []
        messages.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            do throws(FieldFault) { messages.append(try message(element)) } catch { throw error.inside("messages", index) }
        }
        return messages
    }

    private mutating func message(_ value: JSONValue) throws(FieldFault) -> ChatMessage {
        guard let object = value.asObject else { throw .type("", expected: "an object", got: value) }
        var fields = try ObjectReader(object)
        guard let word = try fields.text("role", atMost: DialectLimits.json.bytes) else { throw .missing("role") }
        guard let role = MessageRole(rawValue: word) else {
            throw .word("role", word, expected: MessageRole.allCases.map(\.rawValue))
        }
        var message = ChatMessage(role: role, content: try content(fields.take("content")))
        message.name = try fields.text("name", atMost: DialectLimits.name)
        if role == .assistant {
            message.toolCalls = try toolCalls(&fields)
            let reasoning = try fields.text("reasoning_content", atMost: DialectLimits.json.bytes)
            let otherName = try fields.text("reasoning", atMost: DialectLimits.json.bytes)
            message.reasoning = reasoning ?? otherName
            for name in ["function_call", "audio"] where fields.take(name) != nil { throw .unsupported(name) }
            if case .none = message.content, message.toolCalls.isEmpty {
                // A refusal is what the assistant said instead.
                guard let refusal = try fields.text("refusal", atMost: DialectLimits.json.bytes) else { throw .missing("content") }
                message.content = .text(refusal)
            } else {
                _ = fields.take("refusal")
            }
        } else if case .none = message.content {
            throw .missing("content")
        }
        if role == .tool {
            message.toolCallID = try fields.text("tool_call_id", atMost: DialectLimits.name)
            if message.toolCallID == nil { throw .missing("tool_call_id") }
        }
        fields.listUnknown(in: "messages[].", into: &unknown)
        return message
    }

    private mutating func content(_ value: JSONValue?) throws(FieldFault) -> MessageContent {
        switch value {
        case nil: return .none
        case .string(let text)?: return .text(text)
        case .array(let elements)?:
            guard !elements.isEmpty else { throw .value("content", expected: "at least one part", code: "empty_array") }
            guard elements.count <= DialectLimits.partsPerMessage else {
                throw .value(
                    "content", expected: "an array with at most \(DialectLimits.partsPerMessage) elements", code: "array_above_max_length")
            }
            var parts: [ContentPart] = []
            parts.reserveCapacity(elements.count)
            for (index, element) in elements.enumerated() {
                do throws(FieldFault) { parts.append(try part(element)) } catch { throw error.inside("content", index) }
            }
            return .parts(parts)
        case let value?: throw .type("content", expected: "a string or an array of parts", got: value)
        }
    }

    /// Parts that are known to the API and not to us, so that they are refused as such.
    private static let otherParts: Set = ["image_url", "input_image", "input_audio", "audio_url", "video_url", "file", "input_file"]

    private mutating func part(_ value: JSONValue) throws(FieldFault) -> ContentPart {
        guard let object = value.asObject else { throw .type("", expected: "an object", got: value) }
        var fields = try ObjectReader(object)
        guard let type = try fields.text("type", atMost: DialectLimits.json.bytes) else { throw .missing("type") }
        switch type {
        case "text", "refusal":
            guard let text = try fields.text(type, atMost: DialectLimits.json.bytes) else { throw .missing(type) }
            fields.listUnknown(in: "messages[].content[].", into: &unknown)
            return .text(text)
        case _ where Self.otherParts.contains(type): throw .unsupported(type)
        default: throw .word("type", type, expected: ["text", "refusal"])
        }
    }

    private mutating func toolCalls(_ fields: inout ObjectReader) throws(FieldFault) -> [ToolCall] {
        guard let elements = try fields.array("tool_calls", atMost: DialectLimits.toolCallsPerMessage) else { return [] }
        var calls: [ToolCall] = []
        for (index, element) in elements.enumerated() {
            do throws(FieldFault) { calls.append(try toolCall(element)) } catch { throw error.inside("tool_calls", index) }
        }
        return calls
    }

    private mutating func toolCall(_ value: JSONValue) throws(FieldFault) -> ToolCall {
        guard let object = value.asObject else { throw .type("", expected: "an object", got: value) }
        var fields = try ObjectReader(object)
        guard let id = try fields.text("id", atMost: DialectLimits.name) else { throw .missing("id") }
        try fields.functionType()
        guard var function = try fields.object("function") else { throw .missing("function") }
        do throws(FieldFault) {
            guard let name = try function.text("name", atMost: DialectLimits.name) else { throw .missing("name") }
            guard let arguments = try function.text("arguments", atMost: DialectLimits.json.bytes) else { throw .missing("arguments") }
            function.listUnknown(in: "messages[].tool_calls[].function.", into: &unknown)
            fields.listUnknown(in: "messages[].tool_calls[].", into: &unknown)
            return ToolCall(id: id, name: name, arguments: arguments)
        } catch { throw error.inside("function") }
    }
}

extension ObjectReader {
    /// The member `type`, which says `function` where it says anything.
    mutating func functionType() throws(FieldFault) {
        guard let type = try text("type", atMost: DialectLimits.json.bytes), type != "function" else { return }
        throw .word("type", type, expected: ["function"])
    }
}
