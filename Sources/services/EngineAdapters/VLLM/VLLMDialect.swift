import ClusterModel
package import Engines
package import EventLoop
package import HTTPClient
import JSONText

/// vLLM's server: tokens in and tokens out, by its own endpoint where the server opens it, and by the one of completions where not.
@LoopActor
package final class VLLMDialect: ServerDialect {
    package nonisolated let name = "vllm"
    package let healthTarget = "/health"
    private let settings: ServerSettings
    /// What it said of itself when it was last asked.
    private var facts = VLLMFacts()

    package nonisolated init(_ settings: ServerSettings) { self.settings = settings }

    // MARK: What it is

    package func learn(from server: EngineServer) async throws(ServerMismatch) -> Result<EngineProfile, ServerProblem> {
        let facts: VLLMFacts
        do throws(ServerProblem) { facts = try await ask(server) } catch { return .failure(error) }
        let profile = try facts.profile(settings)
        self.facts = facts
        return .success(profile)
    }

    private func ask(_ server: EngineServer) async throws(ServerProblem) -> VLLMFacts {
        var facts = VLLMFacts()
        try facts.read(models: try await server.get("/v1/models"), wanted: settings.engineModel)
        try facts.read(version: try await server.get("/version"))
        // A server may be told to have no metrics: then options say what they would have said.
        let metrics = try await server.ask(.get("/metrics"))
        if metrics.status == 200 {
            facts.read(metrics: metrics.body)
        } else if metrics.status >= 500 || metrics.status == 429 {
            throw .refusal(status: metrics.status, metrics.body)
        }
        // A request that makes no sense tells whether the endpoint is open, and makes no tokens.
        let probe = try await server.ask(.post(VLLMQuestion.tokensTarget, json: Array("{}".utf8)))
        facts.takesTokens = probe.status == 400 || probe.status == 422
        return facts
    }

    package var feeds: [EngineEventFeed] { settings.feeds }

    package var parityProbe: (any ParityProbe)? { VLLMParityProbe(model: facts.model) }

    // MARK: Requests

    package func question(for choice: EngineChoice, of request: EngineRequest, id: String) throws(ServerProblem) -> ServerQuestion {
        try VLLMQuestion(
            request, choice, id: id, model: request.adapter.isEmpty ? facts.model : request.adapter, ranks: settings.ranks,
            hasPriorities: settings.hasPriorities
        ).question(takesTokens: facts.takesTokens)
    }

    /// Only the endpoint of tokens has one; the other hears of it by the end of the connection.
    package func abort(id: String) -> HTTPClientRequest? {
        guard facts.takesTokens else { return nil }
        return .post(VLLMQuestion.abortTarget, json: (["request_ids": [.string(VLLMQuestion.tokensPrefix + id)]] as JSONValue).encoded())
    }

    // MARK: Load

    package func figures(from server: EngineServer) async -> [RankFigures?] {
        guard facts.hasMetrics, let text = try? await server.get("/metrics") else { return [] }
        return VLLMFigures.ranks(in: text, count: settings.ranks)
    }
}
