import ClusterModel
package import Engines
package import EventLoop
package import HTTPClient
import JSONText

/// SGLang's server: tokens in and tokens out by its native endpoint, and split requests that meet in a room of its own.
@LoopActor
package final class SGLangDialect: ServerDialect {
    package nonisolated let name = "sglang"
    package let healthTarget = "/health"
    private let settings: ServerSettings
    private let random: @LoopActor @Sendable () -> UInt64
    /// What it said of itself when it was last asked.
    private var server: SGLangServer?
    /// Which endpoint for loads it has, as far as is known.
    private var loads = SGLangLoads.Endpoint.newer

    /// - Parameter random: bits that nobody else draws; the rooms in which servers meet are made of them.
    package nonisolated init(_ settings: ServerSettings, random: @escaping @LoopActor @Sendable () -> UInt64) {
        self.settings = settings
        self.random = random
    }

    package nonisolated convenience init(_ settings: ServerSettings, in surroundings: EngineSurroundings) {
        let loop = surroundings.loop
        self.init(settings) { loop.secureRandomUInt64() }
    }

    // MARK: What it is

    package func learn(from server: EngineServer) async throws(ServerMismatch) -> Result<EngineProfile, ServerProblem> {
        let told: SGLangServer
        do throws(ServerProblem) {
            told = try SGLangServer(
                info: try await server.get("/server_info", or: "/get_server_info"),
                model: try await server.get("/model_info", or: "/get_model_info"), models: try await server.get("/v1/models"))
        } catch { return .failure(error) }
        let profile = try told.profile(settings)
        self.server = told
        loads = .newer
        return .success(profile)
    }

    /// As options say, or as the server does: at its own host, whatever name it listens by.
    package var feeds: [EngineEventFeed] {
        guard settings.feed == nil, let server, let told = server.events else { return settings.feeds }
        func endpoint(_ port: UInt16) -> ZMTPEndpoint { ZMTPEndpoint(host: settings.address.host, port: port) }
        let first = EngineEventFeed(
            rank: Rank(0), events: endpoint(told.port), replay: told.replayPort.map(endpoint), topic: told.topic,
            load: told.loadPort.map(endpoint), loadTopic: told.loadTopic)
        return EngineEventFeed.ranks(UInt32(clamping: server.ranks), from: first) ?? []
    }

    /// Its `/tokenize` takes conversations as vLLM's does; that of older ones does not, and says so.
    package var parityProbe: (any ParityProbe)? { server.map { VLLMParityProbe(model: $0.modelName) } }

    // MARK: Requests

    package func question(for choice: EngineChoice, of request: EngineRequest, id: String) throws(ServerProblem) -> ServerQuestion {
        guard let server else { throw .failed(status: nil) }
        var asked = SGLangRequest(request: request, choice: choice, name: Self.name(id), server: server)
        if let field = asked.unsupportedField { throw .unsupported(field) }
        switch (request.leg, server.role) {
        case (.whole, .whole): break
        case (.prefill, .prefill(let port)):
            asked.meeting = SGLangMeeting(
                host: settings.meetingHost ?? settings.address.host, port: port, rank: request.rank, of: server.ranks,
                random: random())
        case (.decode, .decode):
            guard case .parameters(let parameters) = request.handOver else { throw .unsupported("handOver") }
            asked.meeting = try SGLangMeeting(parameters: parameters)
        // One that was started for the other half cannot do this one, and neither can do both.
        case (.whole, _), (.prefill, _), (.decode, _): throw .unsupported("leg")
        }
        var sent = HTTPClientRequest.post("/generate", json: asked.body())
        if !request.traceParent.isEmpty { sent.headers.append(("traceparent", request.traceParent)) }
        var question = ServerQuestion(
            sent, SGLangReader(stopTokens: request.sampling.stopTokens, topLogprobs: request.sampling.topLogprobs))
        question.mostEventBytes = AnswerLimits.repeatedEventBytes
        if request.leg == .prefill { question.meeting = asked.meeting?.parameters ?? [] }
        return question
    }

    package func abort(id: String) -> HTTPClientRequest? {
        .post("/abort_request", json: (["rid": .string(Self.name(id))] as JSONValue).encoded())
    }

    /// The server drops every request whose name begins as one that is to be dropped: no name may be the beginning of another.
    private static func name(_ id: String) -> String { id + "." }

    // MARK: Load

    package func figures(from server: EngineServer) async -> [RankFigures?] {
        guard let known = self.server else { return [] }
        while let endpoint = loads.target {
            do throws(ServerProblem) {
                return try SGLangLoads.ranks(in: try await server.get(endpoint), count: known.ranks, totalTokens: known.totalTokens)
            } catch {
                guard case .refused(404, _) = error else { return [] }
                loads = loads.next
            }
        }
        return []
    }
}

extension EngineServer {
    /// The answer at a path, or at the one by which older servers know the same.
    func get(_ target: String, or older: String) async throws(ServerProblem) -> [UInt8] {
        do throws(ServerProblem) { return try await get(target) } catch {
            guard case .refused(404, _) = error else { throw error }
            return try await get(older)
        }
    }
}
