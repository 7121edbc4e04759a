import ClusterModel
import Concurrency
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import ServiceRuntime
import Telemetry
import TextProcessing
import WireProtocol

/// What clients can call: which path does what. Errors of every path have OpenAI's envelope.
@LoopActor
final class ClientAPI {
    let table: HandlerTable
    private let frontend: Frontend

    init(_ frontend: Frontend) {
        self.frontend = frontend
        table = HandlerTable(on: frontend.context.loop)
        table.refuse = { [weak frontend] request in frontend?.tenants.refusal(of: request) }
        table.on(.post, "/v1/chat/completions", task: { [weak self] exchange in await self?.generate(exchange, .chat) })
        table.on(.post, "/v1/completions", task: { [weak self] exchange in await self?.generate(exchange, .text) })
        table.on(.get, "/v1/models", run: { [weak self] exchange in self?.listModels(exchange) })
        // Names of models may have slashes in them.
        table.on(.get, "/v1/models/{id*}", run: { [weak self] exchange in self?.showModel(exchange) })
        table.on(.get, "/v1/requests/{id}/decision", task: { [weak self] exchange in await self?.explain(exchange) })
        let document = OpenAPIDocument.json(version: BuildInfo.version)
        table.on(.get, "/openapi.json", run: { exchange in exchange.respond(.json(.ok, document)) })
        Health.serve(on: table) { [weak frontend] in frontend?.isServing ?? false }
        table.on(.get, "/version") { exchange in
            exchange.respond(.json(.ok, Array(#"{"version":"\#(BuildInfo.version)","protocol":"\#(WireVersion.current)"}"#.utf8)))
        }
    }

    private enum Endpoint: String {
        case chat = "/v1/chat/completions"
        case text = "/v1/completions"

        var label: EndpointLabel { self == .chat ? .chatCompletions : .completions }
    }

    // MARK: Generation

    private func generate(_ exchange: HTTPExchange, _ endpoint: Endpoint) async {
        let label = exchange.request.requestLabel, trace = RequestTrace(exchange.request, tracer: frontend.context.tracer)
        guard !frontend.isDraining else { return refuse(exchange, ErrorBody(ServiceFailure(.draining)), endpoint, label, trace) }
        let visit: TenantVisit
        do throws(ServiceFailure) { visit = try frontend.tenants.admit(exchange.request) } catch {
            return refuse(exchange, ErrorBody(error), endpoint, label, trace)
        }
        defer { visit.end(status: 500) }
        let prepared: PreparedRequest, session: ClientSession?
        var meter: RequestMeter?
        do throws(DialectError) {
            prepared = try await prepare(exchange, endpoint, visit, &meter)
            session = try frontend.sessions.session(
                of: exchange.request, body: prepared.generation.hints.session, tenant: visit.tenant.name)
        } catch {
            return refuse(exchange, ErrorBody(error), endpoint, label, trace, meter, visit)
        }
        guard !exchange.isGone, let meter else { return refuse(exchange, nil, endpoint, label, trace, meter, visit) }
        if let failure = visit.reserve(prepared) { return refuse(exchange, ErrorBody(failure), endpoint, label, trace, meter, visit) }
        let isStreamed = prepared.delivery.isStreamed
        guard let id = frontend.begin(isStreamed: isStreamed) else {
            return refuse(exchange, ErrorBody(ServiceFailure(.overloaded)), endpoint, label, trace, meter, visit)
        }
        trace.spans?.prepared(prepared, id)
        if let memory = prepared.memory {
            frontend.metrics.reusedPromptBytes.increment(by: memory.reused)
            frontend.metrics.encodedPromptBytes.increment(by: memory.total - memory.reused)
        }
        let requestID = label ?? id.description
        frontend.decisions.remember(label, id, of: visit.tenant)
        let record = RequestRecord(prepared, id: id, meter: meter, receivedAt: exchange.request.receivedAt, frontend: frontend)
        let answer = ClientAnswer(
            exchange, requestID: requestID, writer: writer(endpoint, prepared, id), choices: prepared.choices,
            wantsLogprobs: prepared.sampling.topLogprobs != nil, echo: echo(prepared), record: record, keepalive: frontend.limits.keepalive,
            loop: frontend.context.loop)
        answer.allowance = visit.fields
        let request = ClientRequest(prepared, id: id, session: session, trace: trace, record: record, answer: answer, frontend: frontend)
        let outcome = await RequestFlow(request).run()
        frontend.end(isStreamed: isStreamed, tokens: outcome.usage.completionTokens)
        visit.end(outcome)
        record.count(outcome)
        ended(outcome, prepared, id, record)
        trace.spans?.ended(endpoint.rawValue, prepared, outcome)
    }

    private func explain(_ exchange: HTTPExchange) async {
        guard let tenant = tenant(of: exchange) else { return }
        await frontend.decisions.answer(exchange, of: tenant, naming: .ordinals, requestID: exchange.request.requestLabel ?? drawnLabel)
    }

    /// Body → request → model → tokens. A large body is read and tokenized on the pool. The request is counted from its model on.
    private func prepare(
        _ exchange: HTTPExchange, _ endpoint: Endpoint, _ visit: TenantVisit, _ meter: inout RequestMeter?
    ) async throws(DialectError) -> PreparedRequest {
        let body = exchange.takeBody(), loop = frontend.context.loop
        let isSmall = body.count <= frontend.limits.inlineBodyBytes, gone = Flag()
        var parsed: Parsed
        if isSmall {
            parsed = try Parsed(body, endpoint)
        } else {
            exchange.whenGone = { gone.raise() }
            parsed = try await offloaded(bytes: body.count, unless: gone) { () throws(DialectError) in try Parsed(body, endpoint) }
        }
        frontend.metrics.unknownFields.increment(by: parsed.unknownFields)
        try visit.permit(&parsed.generation)
        let model = try await model(named: parsed.generation.model, for: exchange)
        meter = frontend.metrics.request(
            endpoint.label, model: model.card.name, isStreamed: parsed.delivery.isStreamed, isQuestion: parsed.generation.hints.isQueryOnly,
            receivedAt: exchange.request.receivedAt)
        let preparation = Preparation(
            model: model, tenant: visit.tenant, generation: parsed.generation, delivery: parsed.delivery,
            unixSeconds: loop.wallClockMilliseconds / 1_000, seed: loop.random.next(), clock: { loop.clockReading }, gone: gone)
        if isSmall { return try preparation.run() }
        exchange.whenGone = { gone.raise() }
        return try await offloaded(bytes: body.count, unless: gone) { () throws(DialectError) in try preparation.run() }
    }

    /// Work that waits for its turn is not begun once its client is gone.
    private func offloaded<Value: Sendable>(
        bytes: Int, unless gone: Flag, _ work: @escaping @Sendable () throws(DialectError) -> Value
    ) async throws(DialectError) -> Value {
        // What a megabyte costs in a simulation; about what it costs in truth.
        let cost = Duration.nanoseconds(Int64(bytes) * 20)
        let result: Result<Value, DialectError>
        do throws(WorkPool.Full) {
            result = try await frontend.context.loop.offload(to: frontend.context.pool, virtualCost: cost) {
                gone.isRaised ? .failure(DialectError(ErrorBody(ServiceFailure(.cancelled)))) : Result(catching: work)
            }
        } catch { throw DialectError(ErrorBody(ServiceFailure(.overloaded))) }
        return try result.get()
    }

    /// Waits, bounded, for what may come at any moment: a router that says which models there are, workers of one that was served before,
    /// the files of one that was named.
    private func model(named name: String, for exchange: HTTPExchange) async throws(DialectError) -> ServedModel {
        if let card = frontend.cluster.card(named: name), let model = frontend.models.model(card.digest) { return model }
        let loop = frontend.context.loop, deadline = loop.now + frontend.limits.routerReturn, change = Signal(on: loop)
        exchange.whenGone = { change.wake() }
        while true {
            if let card = frontend.cluster.card(named: name) {
                if let model = frontend.models.model(card.digest) { return model }
                if case .unreadable = frontend.models.failure(card.digest) {
                    throw DialectError(ErrorBody(ServiceFailure(.internalError)))
                }
            } else if frontend.cluster.hasUsableRouter, !frontend.cluster.mayReturn(name) {
                throw DialectError(ErrorBody(ServiceFailure.modelNotFound(name)))
            }
            guard loop.now < deadline, !exchange.isGone else { throw DialectError(ErrorBody(ServiceFailure(.noWorker))) }
            await frontend.cluster.change(until: deadline, change)
        }
    }

    private func writer(_ endpoint: Endpoint, _ prepared: PreparedRequest, _ id: RequestID) -> any AnswerWriter {
        let created = frontend.context.loop.wallClockMilliseconds / 1_000, model = prepared.generation.model
        return switch endpoint {
        case .chat: ChatCompletionWriter(id: id.description, created: created, model: model, delivery: prepared.delivery)
        case .text: CompletionWriter(id: id.description, created: created, model: model, delivery: prepared.delivery)
        }
    }

    private func echo(_ prepared: PreparedRequest) -> [UInt8] {
        guard prepared.delivery.echoesPrompt else { return [] }
        var text: [UInt8] = []
        prepared.model.text.decode(prepared.prompt.span, into: &text)
        return text
    }

    /// `error` nil: the client has left, and nobody hears it; whatever went wrong, that is how such a request ends.
    private func refuse(
        _ exchange: HTTPExchange, _ error: ErrorBody?, _ endpoint: Endpoint, _ label: String?, _ trace: RequestTrace,
        _ meter: RequestMeter? = nil, _ visit: TenantVisit? = nil
    ) {
        let gone = ErrorBody(ServiceFailure(.cancelled)), error = exchange.isGone ? gone : error ?? gone
        trace.spans?.ended(endpoint.rawValue, status: error.status)
        if let meter {
            meter.ended(RequestMeter.End(status: error.status, at: frontend.context.loop.now))
        } else {
            frontend.metrics.refused(endpoint.label, status: error.status)
        }
        visit?.end(status: error.status)
        let allowance = error.status == 429 ? visit?.fields ?? frontend.tenants.fields(for: exchange.request) : []
        exchange.respond(.error(error, requestID: label ?? drawnLabel, headers: allowance))
    }

    private var drawnLabel: String { Hexadecimal.text(frontend.context.loop.random.next()) }

    private func ended(_ outcome: RequestOutcome, _ prepared: PreparedRequest, _ id: RequestID, _ record: RequestRecord) {
        frontend.context.log.debug(
            "request ended",
            [
                "request": .text(id.description), "status": .integer(Int64(outcome.status)), "attempts": .integer(Int64(outcome.attempts)),
                "prompt_tokens": .count(prepared.prompt.count), "output_tokens": .count(outcome.usage.completionTokens),
                "after": .duration(outcome.total),
            ])
        // A question ran nowhere.
        if !prepared.isQuestion { frontend.publish?(record.slice(outcome)) }
    }

    /// A parsed body, whichever endpoint it came to.
    private struct Parsed: Sendable {
        var generation: GenerationRequest
        let delivery: Delivery
        let unknownFields: Int

        init(_ body: [UInt8], _ endpoint: Endpoint) throws(DialectError) {
            switch endpoint {
            case .chat:
                let request = try ChatCompletionRequest(parsing: body.span.bytes)
                (generation, delivery, unknownFields) = (request.generation, request.delivery, request.unknownFields.count)
            case .text:
                let request = try CompletionRequest(parsing: body.span.bytes)
                (generation, delivery, unknownFields) = (request.generation, request.delivery, request.unknownFields.count)
            }
        }
    }

    // MARK: Models

    private func entry(_ name: String, _ card: ModelCard) -> ModelList.Model? {
        guard let model = frontend.models.model(card.digest) else { return nil }
        let isAdapter = card.loRAs.contains { $0.text == name }
        return ModelList.Model(
            id: name, created: model.createdSeconds, contextLength: Int(card.contextLength), parent: isAdapter ? card.name : nil)
    }

    /// Nil: it is told so.
    private func tenant(of exchange: HTTPExchange) -> Tenant? {
        do throws(ServiceFailure) { return try frontend.tenants.tenant(of: exchange.request) } catch {
            exchange.respond(.error(ErrorBody(error), requestID: exchange.request.requestLabel ?? drawnLabel))
            return nil
        }
    }

    private func listModels(_ exchange: HTTPExchange) {
        guard let tenant = tenant(of: exchange) else { return }
        var body: [UInt8] = []
        ModelList(frontend.cluster.modelNames.filter { tenant.sees($0.name) }.compactMap { entry($0.name, $0.card) }).append(to: &body)
        exchange.respond(.json(.ok, body))
    }

    private func showModel(_ exchange: HTTPExchange) {
        guard let tenant = tenant(of: exchange) else { return }
        let name = exchange.parameter("id") ?? ""
        guard tenant.sees(name), let card = frontend.cluster.card(named: name), let model = entry(name, card) else {
            return exchange.respond(
                .error(ErrorBody(ServiceFailure.modelNotFound(name)), requestID: exchange.request.requestLabel ?? drawnLabel))
        }
        var body: [UInt8] = []
        model.append(to: &body)
        exchange.respond(.json(.ok, body))
    }
}

extension DialectError {
    /// A failure that is known before a request has begun.
    init(_ body: ErrorBody) {
        self.init(status: body.status, message: body.message, type: body.type, param: body.param, code: body.code)
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
