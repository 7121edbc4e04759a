import ClusterModel
import EventLoop
import HTTPClient
import JSONText

/// Asks vLLM's `/tokenize`, which takes conversations.
@LoopActor
final class VLLMParityProbe: ParityProbe {
    private let model: String

    init(model: String) { self.model = model }

    func tokens(of chat: ParityChat, from server: EngineServer) async throws(ServerProblem) -> [TokenID]? {
        var body: JSONValue = ["model": .string(model), "messages": chat.messages, "add_generation_prompt": true]
        if let tools = chat.tools, var object = body.asObject {
            object["tools"] = tools
            body = .object(object)
        }
        let response = try await server.ask(.post("/tokenize", json: body.encoded()))
        // Not opened, or a conversation that its template does not take.
        guard response.status == 200 else { return nil }
        guard let list = try AnswerJSON.parse(response.body)["tokens"]?.asArray else { throw .malformed("tokens of /tokenize: no array") }
        var tokens: [TokenID] = []
        for token in list {
            guard let id = token.asUInt64.flatMap(TokenID.init(exactly:)) else { throw .malformed("tokens of /tokenize: no token") }
            tokens.append(id)
        }
        return tokens
    }
}
