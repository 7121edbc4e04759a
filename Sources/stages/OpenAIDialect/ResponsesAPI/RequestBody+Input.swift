import ClusterModel
import JSONText

extension RequestBody {
    /// The messages of a conversation: instructions first, then the items of `input`.
    mutating func input(echo: inout ResponseEcho) throws(FieldFault) -> [ChatMessage] {
        let name = "input"
        var items = InputItems()
        echo.instructions = try fields.text("instructions", atMost: DialectLimits.json.bytes)
        if let instructions = echo.instructions, !instructions.isEmpty {
            items.add(ChatMessage(role: .system, content: .text(instructions)))
        }
        switch fields.take(name) {
        case nil: throw .missing(name)
        case .string(let text)?: items.add(ChatMessage(role: .user, content: .text(text)))
        case .array(let elements)?:
            guard !elements.isEmpty else { throw .value(name, expected: "at least one item", code: "empty_array") }
            guard elements.count <= DialectLimits.messages else {
                throw .value(name, expected: "an array with at most \(DialectLimits.messages) elements", code: "array_above_max_length")
            }
            for (index, element) in elements.enumerated() {
                do throws(FieldFault) { try items.read(element, &unknown) } catch { throw error.inside(name, index) }
            }
        case let value?: throw .type(name, expected: "a string or an array of items", got: value)
        }
        return items.finish()
    }
}

/// Items of a conversation put together into messages: what an assistant thought, said and called in one turn are items of their own, and one
/// message for a template, as they are in the chat API.
private struct InputItems {
    private var messages: [ChatMessage] = []
    /// The assistant's turn that is being put together.
    private var turn: ChatMessage?

    mutating func add(_ message: ChatMessage) {
        endTurn()
        messages.append(message)
    }

    mutating func finish() -> [ChatMessage] {
        endTurn()
        return messages
    }

    private mutating func endTurn() {
        guard var turn else { return }
        self.turn = nil
        // Cut off while it thought.
        if case .none = turn.content, turn.toolCalls.isEmpty { turn.content = .text("") }
        messages.append(turn)
    }

    /// In which nothing was said yet.
    private var hasOpenTurn: Bool { if case .none? = turn?.content { true } else { false } }

    // MARK: Items

    private static let kinds = ["message", "function_call", "function_call_output", "reasoning"]

    mutating func read(_ value: JSONValue, _ unknown: inout UnknownFields) throws(FieldFault) {
        guard let object = value.asObject else { throw .type("", expected: "an object", got: value) }
        var fields = try ObjectReader(object)
        let type = try fields.text("type", atMost: DialectLimits.json.bytes)
        // Names of items that nobody here looks up.
        for name in ["id", "status"] { _ = fields.take(name) }
        switch type ?? (object["role"] == nil ? "item_reference" : "message") {
        case "message": try message(&fields, &unknown)
        case "function_call": try call(&fields)
        case "function_call_output": try output(&fields, &unknown)
        case "reasoning": try thought(&fields)
        case "item_reference":
            guard type != nil || object["id"] != nil else { throw .missing("type") }
            throw .unsupported("", "as a reference to an item: this service keeps none, so send the item itself")
        case let type: throw .word("type", type, expected: Self.kinds)
        }
        fields.listUnknown(in: "input[].", into: &unknown)
    }

    private mutating func message(_ fields: inout ObjectReader, _ unknown: inout UnknownFields) throws(FieldFault) {
        let roles: [MessageRole] = [.user, .assistant, .system, .developer]
        guard let word = try fields.word("role", of: roles.map(\.rawValue)) else { throw .missing("role") }
        let role = MessageRole(rawValue: word) ?? .user
        guard let value = fields.take("content") else { throw .missing("content") }
        let content = try Self.content(value, "content", &unknown)
        // Which of its texts a model meant as its answer: templates have no word for it.
        _ = try fields.word("phase", of: ["commentary", "final_answer"])
        guard role == .assistant else { return add(ChatMessage(role: role, content: content)) }
        if hasOpenTurn, turn?.toolCalls.isEmpty == true {
            turn?.content = content
        } else {
            endTurn()
            turn = ChatMessage(role: .assistant, content: content)
        }
    }

    private mutating func call(_ fields: inout ObjectReader) throws(FieldFault) {
        guard let id = try fields.text("call_id", atMost: DialectLimits.name) else { throw .missing("call_id") }
        guard let name = try fields.text("name", atMost: DialectLimits.name) else { throw .missing("name") }
        guard let arguments = try fields.text("arguments", atMost: DialectLimits.json.bytes) else { throw .missing("arguments") }
        if turn == nil { turn = ChatMessage(role: .assistant, content: .none) }
        guard turn?.toolCalls.count ?? 0 < DialectLimits.toolCallsPerMessage else {
            throw .value("", expected: "at most \(DialectLimits.toolCallsPerMessage) calls in one turn", code: "array_above_max_length")
        }
        turn?.toolCalls.append(ToolCall(id: id, name: name, arguments: arguments))
    }

    private mutating func output(_ fields: inout ObjectReader, _ unknown: inout UnknownFields) throws(FieldFault) {
        guard let id = try fields.text("call_id", atMost: DialectLimits.name) else { throw .missing("call_id") }
        guard let value = fields.take("output") else { throw .missing("output") }
        add(ChatMessage(role: .tool, content: try Self.content(value, "output", &unknown), toolCallID: id))
    }

    /// What a model thought, which belongs to what it said or called next. A summary stands for it where there is no more of it.
    private mutating func thought(_ fields: inout ObjectReader) throws(FieldFault) {
        let whole = try Self.thoughts(&fields, "content", "reasoning_text")
        let summary = try Self.thoughts(&fields, "summary", "summary_text")
        // Another service's, which only that service can read.
        _ = try fields.text("encrypted_content", atMost: DialectLimits.json.bytes)
        guard let text = whole ?? summary else { return }
        if !hasOpenTurn {
            endTurn()
            turn = ChatMessage(role: .assistant, content: .none)
        }
        // In place: a turn may have thousands of thoughts.
        if turn?.reasoning == nil { turn?.reasoning = text } else { turn?.reasoning?.append("\n" + text) }
    }

    private static func thoughts(_ fields: inout ObjectReader, _ name: String, _ type: String) throws(FieldFault) -> String? {
        guard let elements = try fields.array(name, atMost: DialectLimits.partsPerMessage), !elements.isEmpty else { return nil }
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            do throws(FieldFault) {
                guard let object = element.asObject else { throw .type("", expected: "an object", got: element) }
                var part = try ObjectReader(object)
                guard try part.word("type", of: [type]) != nil else { throw .missing("type") }
                guard let text = try part.text("text", atMost: DialectLimits.json.bytes) else { throw .missing("text") }
                texts.append(text)
            } catch { throw error.inside(name, index) }
        }
        return texts.joined(separator: "\n")
    }

    // MARK: Content

    private static func content(
        _ value: JSONValue, _ name: String, _ unknown: inout UnknownFields
    ) throws(FieldFault) -> MessageContent {
        switch value {
        case .string(let text): return .text(text)
        case .array(let elements):
            guard !elements.isEmpty else { throw .value(name, expected: "at least one part", code: "empty_array") }
            guard elements.count <= DialectLimits.partsPerMessage else {
                throw .value(
                    name, expected: "an array with at most \(DialectLimits.partsPerMessage) elements", code: "array_above_max_length")
            }
            var parts: [ContentPart] = []
            parts.reserveCapacity(elements.count)
            for (index, element) in elements.enumerated() {
                do throws(FieldFault) { parts.append(try part(element, name, &unknown)) } catch { throw error.inside(name, index) }
            }
            return .parts(parts)
        default: throw .type(name, expected: "a string or an array of parts", got: value)
        }
    }

    /// Parts that are known to the API and not to us, so that they are refused as such.
    private static let otherParts: Set = [
        "input_image", "input_file", "input_audio", "input_video", "computer_screenshot", "encrypted_content", "image_url",
    ]

    private static func part(_ value: JSONValue, _ name: String, _ unknown: inout UnknownFields) throws(FieldFault) -> ContentPart {
        guard let object = value.asObject else { throw .type("", expected: "an object", got: value) }
        var fields = try ObjectReader(object)
        guard let type = try fields.text("type", atMost: DialectLimits.json.bytes) else { throw .missing("type") }
        switch type {
        case "input_text", "output_text", "text", "refusal":
            let member = type == "refusal" ? type : "text"
            guard let text = try fields.text(member, atMost: DialectLimits.json.bytes) else { throw .missing(member) }
            // What answers say of their own texts.
            for known in ["annotations", "logprobs"] { _ = fields.take(known) }
            fields.listUnknown(in: "input[].\(name)[].", into: &unknown)
            return .text(text)
        case _ where otherParts.contains(type): throw .unsupported("", "as a part of type '\(type)'")
        default: throw .word("type", type, expected: ["input_text", "output_text", "refusal"])
        }
    }
}
