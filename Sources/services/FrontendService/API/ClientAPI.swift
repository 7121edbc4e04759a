import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import ServiceRuntime
import Telemetry
import WireProtocol

/// What clients can call: which path does what. Errors of every path have its API's envelope.
@LoopActor
final class ClientAPI {
    let table: HandlerTable
    private let generation: GenerationAPI
    private let models: ModelAPI
    private let tokens: TokenAPI

    init(_ frontend: Frontend) {
        generation = GenerationAPI(frontend)
        models = ModelAPI(frontend)
        tokens = TokenAPI(frontend, generation)
        table = HandlerTable(on: frontend.context.loop)
        table.takesOnlyJSON = true
        table.refuse = { [weak frontend] request in frontend?.tenants.refusal(of: request) }
        table.refusals = { [weak frontend] request, status, reason in frontend?.refusal(of: request, status, reason) }
        table.completes = { [weak frontend] headers, request in frontend?.label(&headers, of: request) }
        for endpoint in GenerationEndpoint.allCases {
            table.handle(.post, endpoint.path) { [generation] exchange in generation.answer(exchange, endpoint) }
        }
        table.on(.post, GenerationAPI.embeddingPath, task: { [generation] exchange in await generation.embed(exchange) })
        let stored = StoredResponses(frontend)
        stored.serve(on: table)
        table.on(.post, TokenAPI.countPath, task: { [tokens] exchange in await tokens.count(exchange) })
        table.on(.get, "/v1/models", run: { [models] exchange in models.list(exchange) })
        // Names of models may have slashes in them.
        table.on(.get, "/v1/models/{id*}", run: { [models] exchange in models.show(exchange) })
        for path in ["/tokenize", "/v1/tokenize"] as [StaticString] {
            table.on(.post, path, task: { [tokens] exchange in await tokens.tokenize(exchange) })
        }
        for path in ["/detokenize", "/v1/detokenize"] as [StaticString] {
            table.on(.post, path, task: { [tokens] exchange in await tokens.detokenize(exchange) })
        }
        table.on(.get, "/v1/requests/{id}/decision", task: { [weak frontend] exchange in await frontend?.explain(exchange) })
        let document = OpenAPIDocument.json(version: BuildInfo.version)
        table.on(.get, "/openapi.json", run: { exchange in exchange.respond(.json(.ok, document)) })
        Health.serve(on: table) { [weak frontend] in frontend?.isServing ?? false }
        table.on(.get, "/version") { exchange in
            exchange.respond(.json(.ok, Array(#"{"version":"\#(BuildInfo.version)","protocol":"\#(WireVersion.current)"}"#.utf8)))
        }
    }
}

extension Frontend {
    /// Why a client's own request went where it went.
    fileprivate func explain(_ exchange: HTTPExchange) async {
        guard let tenant = tenant(of: exchange) else { return }
        await decisions.answer(exchange, of: tenant, naming: .ordinals, requestID: exchange.request.requestLabel ?? drawnLabel)
    }

    /// Whose request it is; nil: it has no key, and was told so.
    func tenant(of exchange: HTTPExchange) -> Tenant? {
        do throws(ServiceFailure) { return try tenants.tenant(of: exchange.request) } catch {
            exchange.respond(.error(ErrorBody(error), requestID: exchange.request.requestLabel ?? drawnLabel))
            return nil
        }
    }

    /// In the envelope of the API that the path belongs to; nil where that is the server's own.
    fileprivate func refusal(of request: HTTPRequest, _ status: HTTPStatus, _ reason: StaticString) -> HTTPResponse? {
        let style = ErrorStyle(path: request.path)
        guard style != .openAI else { return nil }
        let error = ErrorBody(DialectError(status: status.code, message: reason.description))
        return .error(error, style, requestID: request.requestLabel ?? drawnLabel)
    }

    /// Every answer says what its request is called, and how long it took until the answer began.
    fileprivate func label(_ headers: inout [HTTPField], of request: HTTPRequest) {
        if !headers.contains(where: { $0.isNamed("x-request-id") }) {
            headers.append(HTTPField("x-request-id", request.requestLabel ?? drawnLabel))
        }
        let milliseconds = max(0, request.receivedAt.duration(to: context.loop.now).inMilliseconds)
        headers.append(HTTPField("openai-processing-ms", String(milliseconds)))
    }

    /// For requests that never became any, and whose client gave none.
    var drawnLabel: String { Hexadecimal.text(context.loop.random.next()) }
}

extension DialectError {
    /// A failure that is known before a request has begun.
    init(_ body: ErrorBody) {
        self.init(
            status: body.status, message: body.message, type: body.type, param: body.param, code: body.code,
            retryAfterSeconds: body.retryAfterSeconds)
    }
}

extension HTTPRequest {
    /// What a client calls its request, if it is fit to be repeated in a header and a log.
    var requestLabel: String? {
        guard let label = headers["x-request-id"], !label.isEmpty, label.utf8.count <= 128,
            label.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        return label
    }
}
