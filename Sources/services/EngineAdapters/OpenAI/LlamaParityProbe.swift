import ClusterModel
import EventLoop
import HTTPClient
import JSONText

/// Asks llama-server's `/apply-template` for a conversation's text, and `/tokenize` for its tokens.
@LoopActor
final class LlamaParityProbe: ParityProbe {
    func tokens(of chat: ParityChat, from server: EngineServer) async throws(ServerProblem) -> [TokenID]? {
        guard !chat.isDecomposed else { return nil }
        var body = JSONObject()
        body["messages"] = chat.messages
        if let tools = chat.tools { body["tools"] = tools }
        let rendered = try await server.ask(.post("/apply-template", json: JSONValue.object(body).encoded()))
        // A conversation that its template does not take.
        guard rendered.status == 200 else { return nil }
        guard let prompt = try AnswerValue(parsing: rendered.body)["prompt"].text(atMost: ServerLimits.questionBytes) else { return nil }
        // As the server itself goes on from there: with the token that begins texts, where the model has one.
        let question: JSONValue = ["content": .string(prompt), "parse_special": true, "add_special": true]
        let encoded = try await server.ask(.post("/tokenize", json: question.encoded()))
        guard encoded.status == 200 else { return nil }
        return try AnswerValue(parsing: encoded.body)["tokens"].tokens()
    }
}

extension ParityChat {
    /// Some of its characters are written in parts. llama.cpp leaves them so, where a model's own library may put them together; what it is asked
    /// is in our tokens anyway.
    fileprivate var isDecomposed: Bool {
        conversation.messages.contains { message in
            guard case .text(let text) = message.content else { return false }
            return text.unicodeScalars.contains { $0.properties.canonicalCombiningClass != .notReordered }
        }
    }
}
