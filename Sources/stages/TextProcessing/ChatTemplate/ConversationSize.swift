import ClusterModel

/// How much a conversation gives a template to write, in bytes.
struct ConversationSize {
    /// What is said, thought, and by whom.
    private(set) var text = 0
    /// Names and arguments of calls.
    private(set) var calls = 0
    /// Definitions of tools, and arguments of the template.
    private(set) var json: Int
    /// Messages, and calls in them.
    private(set) var entries = 0

    init(of conversation: Conversation) {
        json = conversation.tools.reduce(conversation.templateArguments?.utf8.count ?? 0) { $0 + $1.json.utf8.count }
        for message in conversation.messages {
            text += (message.name?.utf8.count ?? 0) + (message.reasoning?.utf8.count ?? 0)
            switch message.content {
            case .none: break
            case .text(let content): text += content.utf8.count
            case .parts(let parts): for case .text(let part) in parts { text += part.utf8.count }
            }
            calls += message.toolCalls.reduce(0) { $0 + $1.arguments.utf8.count + $1.name.utf8.count }
            entries += 1 + message.toolCalls.count
        }
    }

    var bytes: Int { text + calls + json }
}
