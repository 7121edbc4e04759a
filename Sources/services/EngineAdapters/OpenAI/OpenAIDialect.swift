import ClusterModel
package import Engines
package import EventLoop
import HTTPClient

/// Any server that speaks OpenAI's API of completions: what it takes beyond that is found out by asking. A llama-server is spoken to in its own
/// words, which are of tokens.
@LoopActor
package final class OpenAIDialect: ServerDialect {
    package nonisolated let name = "openai"
    /// Where it has one of its own, that; every server lists its models.
    package private(set) var healthTarget = OpenAIDialect.models
    private let settings: ServerSettings
    /// What it was found to be when it was last asked.
    private var server: OpenAIServer?

    private nonisolated static let models = "/v1/models"

    package nonisolated init(_ settings: ServerSettings) { self.settings = settings }

    // MARK: What it is

    package func learn(from server: EngineServer) async throws(ServerMismatch) -> Result<EngineProfile, ServerProblem> {
        let found: OpenAIServer
        do throws(ServerProblem) {
            healthTarget = try await healthTarget(of: server)
            var asked = OpenAIServer()
            try asked.read(models: try await server.get(Self.models), wanted: settings.engineModel)
            let properties = try await server.ask(.get("/props"))
            if properties.status == 200 { asked.llama = try LlamaServer(properties: properties.body) }
            if asked.llama == nil {
                asked.abilities = try await CompletionProbe(server, model: asked.model, settings.text).abilities()
            }
            found = asked
        } catch { return .failure(error) }
        let profile = try found.profile(settings)
        self.server = found
        return .success(profile)
    }

    private func healthTarget(of server: EngineServer) async throws(ServerProblem) -> String {
        let answer = try await server.ask(.get("/health"))
        switch answer.status {
        case 200: return "/health"
        // It has such a path, and says there that it is not ready.
        case 503: throw .refusal(status: answer.status, answer.body)
        default: return Self.models
        }
    }

    /// Nobody tells of such a server's cache.
    package var feeds: [EngineEventFeed] { [] }

    /// Others do not tell how they render.
    package var parityProbe: (any ParityProbe)? { server?.llama == nil ? nil : LlamaParityProbe() }

    // MARK: Requests

    package func question(for choice: EngineChoice, of request: EngineRequest, id: String) throws(ServerProblem) -> ServerQuestion {
        guard let server else { throw .failed(status: nil) }
        var question: ServerQuestion
        if server.llama != nil {
            let asked = LlamaQuestion(request: request, choice: choice)
            if let field = asked.unsupportedField { throw .unsupported(field) }
            question = ServerQuestion(
                .post("/completion", json: asked.body()), LlamaReader(request, choice, settings.text))
        } else {
            let asked = CompletionQuestion(
                request: request, choice: choice, model: server.model, text: settings.text, abilities: server.abilities)
            if let field = asked.unsupportedField { throw .unsupported(field) }
            question = ServerQuestion(
                .post("/v1/completions", json: asked.body()),
                CompletionReader(settings.text, after: choice.shown, room: request.room(for: choice)))
        }
        if !request.traceParent.isEmpty { question.request.headers.append(("traceparent", request.traceParent)) }
        return question
    }

    // MARK: Load

    package func figures(from server: EngineServer) async -> [RankFigures?] {
        guard let llama = self.server?.llama, llama.hasMetrics ?? true else { return [] }
        do throws(ServerProblem) {
            return [LlamaServer.figures(in: try await server.get("/metrics"))]
        } catch {
            // A server that was not told to have any says so each time.
            if case .refused = error { self.server?.llama?.hasMetrics = false }
            return []
        }
    }
}
