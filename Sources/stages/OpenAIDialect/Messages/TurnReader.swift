import ClusterModel
import JSONText

extension RequestBody {
    /// The conversation without system prompt and tools.
    mutating func turns() throws(FieldFault) -> Conversation {
        let name = "messages"
        guard let elements = try fields.array(name, atMost: DialectLimits.messages) else { throw .missing(name) }
        guard !elements.isEmpty else { throw .value(name, expected: "at least one message", code: "empty_array") }
        var reader = TurnReader(unknown)
        for (index, element) in elements.enumerated() {
            do throws(FieldFault) { try reader.read(element, isLast: index == elements.count - 1) } catch {
                throw error.inside(name, index)
            }
            guard reader.messages.count <= DialectLimits.messages else {
                throw .value(
                    name, expected: "at most \(DialectLimits.messages) messages and tool results", code: "array_above_max_length")
            }
        }
        unknown = reader.unknown
        var conversation = Conversation(messages: reader.messages)
        conversation.continuesLastMessage = reader.isContinued
        conversation.addsGenerationPrompt = !reader.isContinued
        return conversation
    }
}

/// Turns the messages of the Messages API into those of a conversation, which templates know: results of tools are messages of their own, and
/// what an assistant thinks and calls stands beside its text.
struct TurnReader {
    private enum Role: String, CaseIterable { case user, assistant, system }

    private(set) var messages: [ChatMessage] = []
    private(set) var unknown: UnknownFields
    /// The assistant's last message is to be gone on with.
    private(set) var isContinued = false
    // Of the message that is being read.
    private var texts: [String] = []
    private var thoughts: [String] = []
    private var calls: [ToolCall] = []

    init(_ unknown: UnknownFields) { self.unknown = unknown }

    mutating func read(_ value: JSONValue, isLast: Bool) throws(FieldFault) {
        guard let object = value.asObject else { throw .type("", expected: "an object", got: value) }
        var fields = try ObjectReader(object)
        guard let word = try fields.text("role", atMost: DialectLimits.json.bytes) else { throw .missing("role") }
        guard let role = Role(rawValue: word) else { throw .word("role", word, expected: Role.allCases.map(\.rawValue)) }
        (texts, thoughts, calls) = ([], [], [])
        let before = messages.count
        switch fields.take("content") {
        case nil: throw .missing("content")
        case .string(let text)?: texts = [text]
        case .array(let elements)?:
            guard elements.count <= DialectLimits.partsPerMessage else { throw RequestBody.tooManyBlocks("content") }
            // Clients may leave the beginning of an answer open.
            guard !elements.isEmpty || (isLast && role == .assistant) else {
                throw .value("content", expected: "at least one block", code: "empty_array")
            }
            for (index, element) in elements.enumerated() {
                do throws(FieldFault) { try block(element, role) } catch { throw error.inside("content", index) }
            }
        case let value?: throw .type("content", expected: "a string or an array of blocks", got: value)
        }
        fields.listUnknown(in: "messages[].", into: &unknown)
        switch role {
        case .system: messages.append(ChatMessage(role: .system, content: MessageBlocks.content(texts)))
        case .user: if !texts.isEmpty || messages.count == before { endText() }
        case .assistant: try endAssistant(isLast: isLast)
        }
    }

    /// What was said since the last result of a tool.
    private mutating func endText() {
        messages.append(ChatMessage(role: .user, content: MessageBlocks.content(texts)))
        texts = []
    }

    private mutating func endAssistant(isLast: Bool) throws(FieldFault) {
        if isLast {
            while let last = texts.last, last.allSatisfy(\.isWhitespace) { texts.removeLast() }
            if texts.isEmpty, thoughts.isEmpty, calls.isEmpty { return }
            // There is no text to go on with, and calls wait for their results.
            guard !texts.isEmpty, calls.isEmpty else {
                throw .value("content", expected: "the last message of the assistant's to end with text")
            }
            isContinued = true
        }
        var message = ChatMessage(role: .assistant, content: MessageBlocks.content(texts), toolCalls: calls)
        if !thoughts.isEmpty { message.reasoning = thoughts.joined(separator: "\n") }
        messages.append(message)
    }

    // MARK: Blocks

    private mutating func block(_ value: JSONValue, _ role: Role) throws(FieldFault) {
        var fields = try MessageBlocks.object(value)
        let type = try MessageBlocks.type(&fields)
        switch (type, role) {
        case ("text", _): texts.append(try MessageBlocks.text(&fields))
        case ("thinking", .assistant):
            guard let thought = try fields.text("thinking", atMost: DialectLimits.json.bytes) else { throw .missing("thinking") }
            _ = try fields.text("signature", atMost: DialectLimits.json.bytes)
            if !thought.isEmpty { thoughts.append(thought) }
        // Only who wrote it can read it.
        case ("redacted_thinking", .assistant): _ = try fields.text("data", atMost: DialectLimits.json.bytes)
        case ("tool_use", .assistant): try toolUse(&fields)
        case ("tool_result", .user): try toolResult(&fields)
        case ("thinking", _), ("redacted_thinking", _), ("tool_use", _):
            throw .value("", expected: "no block with type '\(type)' but in a message of the assistant's")
        case ("tool_result", _): throw .value("", expected: "no block with type 'tool_result' but in a message of the user's")
        default:
            throw MessageBlocks.refusal(
                type, expected: role == .assistant ? ["text", "thinking", "redacted_thinking", "tool_use"] : ["text", "tool_result"])
        }
        fields.listUnknown(in: "messages[].content[].", into: &unknown)
    }

    private mutating func toolUse(_ fields: inout ObjectReader) throws(FieldFault) {
        guard calls.count < DialectLimits.toolCallsPerMessage else {
            throw .value("", expected: "at most \(DialectLimits.toolCallsPerMessage) calls in a message", code: "array_above_max_length")
        }
        guard let id = try fields.text("id", atMost: DialectLimits.name) else { throw .missing("id") }
        guard let name = try fields.text("name", atMost: DialectLimits.name) else { throw .missing("name") }
        guard let input = fields.take("input") else { throw .missing("input") }
        guard let object = input.asObject else { throw .type("input", expected: "an object", got: input) }
        _ = fields.take("caller")
        _ = fields.take("toolset_name")
        calls.append(ToolCall(id: ToolUse.modelID(id), name: name, arguments: ToolUse.arguments(object)))
    }

    /// A message of its own, behind what was said before it.
    private mutating func toolResult(_ fields: inout ObjectReader) throws(FieldFault) {
        guard let id = try fields.text("tool_use_id", atMost: DialectLimits.name) else { throw .missing("tool_use_id") }
        let isError = try fields.flag("is_error") ?? false
        _ = fields.take("toolset_name")
        var result: [String] = []
        switch fields.take("content") {
        case nil: break
        case .string(let text)?: result = [text]
        case .array(let elements)?:
            guard elements.count <= DialectLimits.partsPerMessage else { throw RequestBody.tooManyBlocks("content") }
            for (index, element) in elements.enumerated() {
                do throws(FieldFault) {
                    result.append(try MessageBlocks.text(element, in: "messages[].content[].content[].", &unknown))
                } catch { throw error.inside("content", index) }
            }
        case let value?: throw .type("content", expected: "a string or an array of blocks", got: value)
        }
        if result.isEmpty { result = [""] }
        // Messages of tools have no other place for it.
        if isError, !result[0].hasPrefix("Error") { result[0] = result[0].isEmpty ? "Error" : "Error: " + result[0] }
        if !texts.isEmpty { endText() }
        messages.append(ChatMessage(role: .tool, content: MessageBlocks.content(result), toolCallID: ToolUse.modelID(id)))
    }
}
