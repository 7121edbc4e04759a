import ClusterModel
import Concurrency
import EventLoop
import OpenAIDialect
import TextProcessing
import WireProtocol

/// What is known of a conversation's next prompt when its latest answer has ended: everything up to what is said next.
///
/// Templates write a turn that is over in another way than its model did: thoughts are left out, as a rule where the next turn begins. So the
/// prompt is made twice, with two different next messages, and holds as far as both agree.
struct NextTurn: Sendable {
    let model: ServedModel
    let tenant: Tenant
    /// Of the turn that was answered; its prompt is a conversation.
    let generation: GenerationRequest
    let answer: AnswerTranscript
    /// What the worker had computed in the end, if the next turn may find it there.
    let known: [TokenID]
    let unixSeconds: Int64
    /// Raised when nobody wants it any more.
    let gone: Flag

    /// Neither begins as the other does.
    private static let continuations = ["a", "1"]

    /// The request that computes it; nil where it would add no block to what is known.
    func prepare() throws(DialectError) -> PreparedRequest? {
        guard case .conversation(let conversation) = generation.prompt, let answered = extended(conversation) else { return nil }
        var prefix = try tokens(of: answered, Self.continuations[0])
        prefix.removeLast(prefix.count - Self.common(prefix, try tokens(of: answered, Self.continuations[1])))
        let blockSize = max(1, Int(model.card.blockSize))
        guard prefix.count / blockSize > Self.common(prefix, known) / blockSize else { return nil }
        return try preparation(.tokens(prefix), isSpeculative: true).run()
    }

    /// With the answer as one of its messages.
    private func extended(_ conversation: Conversation) -> Conversation? {
        var next = conversation, message = answer.message
        if conversation.continuesLastMessage {
            guard let last = next.messages.popLast(), case .text(let begun) = last.content, case .text(let rest) = message.content else {
                return nil
            }
            message.content = .text(begun + rest)
        }
        next.messages.append(message)
        next.addsGenerationPrompt = false
        next.continuesLastMessage = false
        // What was demanded of the answer binds nothing any more; what the template tells of tools stays.
        if next.toolChoice != .none { next.toolChoice = .automatic }
        return next
    }

    /// Calls are followed by a result, anything else by the user.
    private func tokens(of conversation: Conversation, _ text: String) throws(DialectError) -> [TokenID] {
        var next = conversation
        let call = answer.calls.first?.call.id
        next.messages.append(ChatMessage(role: call == nil ? .user : .tool, content: .text(text), toolCallID: call))
        return try preparation(.conversation(next)).run().prompt
    }

    private func preparation(_ prompt: GenerationRequest.Prompt, isSpeculative: Bool = false) -> Preparation {
        var request = GenerationRequest(model: generation.model, prompt: prompt)
        request.sampling.maxTokens = 1
        // Where the client pins its turns, the next one runs too.
        request.hints.backendInstance = generation.hints.backendInstance
        request.hints.prefillWorker = generation.hints.prefillWorker
        request.hints.decodeWorker = generation.hints.decodeWorker
        request.hints.rank = generation.hints.rank
        request.hints.prefillRank = generation.hints.prefillRank
        return Preparation(
            model: model, tenant: tenant, generation: request, delivery: Delivery(), unixSeconds: unixSeconds, seed: 0, clock: { .zero },
            gone: gone, isSpeculative: isSpeculative)
    }

    private static func common(_ some: [TokenID], _ others: [TokenID]) -> Int {
        zip(some, others).prefix { $0 == $1 }.reduce(0) { count, _ in count + 1 }
    }
}
