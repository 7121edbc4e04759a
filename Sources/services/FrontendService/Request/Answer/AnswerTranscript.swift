import ClusterModel
import OpenAIDialect

/// What one choice has said, thought and called, kept to be told to its model again. As long as its tokens allow.
struct AnswerTranscript {
    private(set) var content: [UInt8] = []
    private(set) var reasoning: [UInt8] = []
    private(set) var calls: [CompletedChoice.Call] = []

    mutating func says(_ text: RawSpan) { text.withUnsafeBytes { content.append(contentsOf: $0) } }
    mutating func thinks(_ text: RawSpan) { text.withUnsafeBytes { reasoning.append(contentsOf: $0) } }
    mutating func calls(_ call: AnswerCall) { calls.append(CompletedChoice.Call(call)) }

    mutating func calls(with arguments: RawSpan) {
        guard let last = calls.indices.last else { return }
        arguments.withUnsafeBytes { calls[last].arguments.append(contentsOf: $0) }
    }

    /// As clients send it back with their next turn.
    var message: ChatMessage {
        func text(_ bytes: [UInt8]) -> String? { bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self) }
        return ChatMessage(
            role: .assistant, content: text(content).map { .text($0) } ?? (calls.isEmpty ? .text("") : .none), reasoning: text(reasoning),
            toolCalls: calls.map {
                ToolCall(id: $0.call.id, name: $0.call.name, arguments: String(decoding: $0.arguments, as: UTF8.self))
            })
    }
}
