import ClusterModel
import JSONText

/// A conversation as templates know it: dicts with the members that OpenAI's messages have.
struct ConversationVariables {
    let shape: MessageShape

    private enum Name {
        static let role = TemplateText(trusted: "role")
        static let content = TemplateText(trusted: "content")
        static let name = TemplateText(trusted: "name")
        static let reasoning = TemplateText(trusted: "reasoning")
        static let reasoningContent = TemplateText(trusted: "reasoning_content")
        static let toolCalls = TemplateText(trusted: "tool_calls")
        static let toolCallID = TemplateText(trusted: "tool_call_id")
        static let id = TemplateText(trusted: "id")
        static let type = TemplateText(trusted: "type")
        static let function = TemplateText(trusted: "function")
        static let arguments = TemplateText(trusted: "arguments")
        static let text = TemplateText(trusted: "text")
    }

    func messages(of conversation: Conversation) -> TemplateValue { .list(conversation.messages.map { message($0) }) }

    /// The client's definitions; none where no tool may be called.
    func tools(of conversation: Conversation) -> TemplateValue {
        guard !conversation.tools.isEmpty, conversation.toolChoice != .none else { return .none }
        return .list(
            conversation.tools.map { tool in
                if let json = try? JSONValue(parsing: tool.json) { ValueParser.value(json) } else { .text(TemplateText(client: tool.json)) }
            })
    }

    private func message(_ message: ChatMessage) -> TemplateValue {
        var members: [TemplateDict.Member] = []
        members.reserveCapacity(4)
        func add(_ name: TemplateText, _ value: TemplateValue) { members.append(TemplateDict.Member(key: .text(name), value: value)) }
        add(Name.role, .text(TemplateText(client: message.role.rawValue)))
        add(Name.content, content(message.content))
        if let name = message.name { add(Name.name, .text(TemplateText(client: name))) }
        if let reasoning = message.reasoning {
            // Templates use the one or the other name.
            let text = TemplateValue.text(TemplateText(client: reasoning))
            add(Name.reasoning, text)
            add(Name.reasoningContent, text)
        }
        if !message.toolCalls.isEmpty { add(Name.toolCalls, .list(message.toolCalls.map { call($0) })) }
        if let id = message.toolCallID { add(Name.toolCallID, .text(TemplateText(client: id))) }
        return .dict(TemplateDict(members))
    }

    private func content(_ content: MessageContent) -> TemplateValue {
        switch content {
        // Most templates take any content for text; those that tell calls of tools by its absence ask whether it is None.
        case .none: return shape.asksForNone ? .none : .text(.empty)
        case .text(let text): return .text(TemplateText(client: text))
        case .parts(let parts):
            if shape.looksIntoParts {
                return .list(
                    parts.map { part in
                        switch part {
                        case .text(let text): Self.dict([(Name.type, .text(Name.text)), (Name.text, .text(TemplateText(client: text)))])
                        }
                    })
            }
            var joined: [UInt8] = []
            for (index, part) in parts.enumerated() {
                if index > 0 { joined.append(UInt8(ascii: "\n")) }
                switch part {
                case .text(let text): joined.append(contentsOf: text.utf8)
                }
            }
            return .text(TemplateText(joined, isTrusted: false))
        }
    }

    private func call(_ call: ToolCall) -> TemplateValue {
        Self.dict([
            (Name.id, .text(TemplateText(client: call.id))), (Name.type, .text(Name.function)),
            (
                Name.function,
                Self.dict([(Name.name, .text(TemplateText(client: call.name))), (Name.arguments, Self.arguments(call.arguments))])
            ),
        ])
    }

    /// An object where they are one, so that templates may print it their way; else the text that the model wrote.
    private static func arguments(_ text: String) -> TemplateValue {
        if text.utf8.isEmpty { return .dict(TemplateDict([])) }
        guard let json = try? JSONValue(parsing: text), json.asObject != nil else { return .text(TemplateText(client: text)) }
        return ValueParser.value(json)
    }

    private static func dict(_ members: [(TemplateText, TemplateValue)]) -> TemplateValue {
        .dict(TemplateDict(members.map { TemplateDict.Member(key: .text($0.0), value: $0.1) }))
    }
}
