import ClusterModel
import Concurrency
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import Telemetry
import TextProcessing
import WireProtocol

/// From a client's body to the end of its answer, whichever API it speaks.
@LoopActor
final class GenerationAPI {
    private let frontend: Frontend

    init(_ frontend: Frontend) { self.frontend = frontend }

    func answer(_ exchange: HTTPExchange, _ endpoint: GenerationEndpoint) async {
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
        frontend.metrics.encoded(prepared.memory)
        let requestID = label ?? id.description
        frontend.decisions.remember(label, id, of: visit.tenant)
        let record = RequestRecord(prepared, id: id, meter: meter, receivedAt: exchange.request.receivedAt, frontend: frontend)
        let created = frontend.context.loop.wallClockMilliseconds / 1_000
        let answer = ClientAnswer(
            exchange, requestID: requestID, writer: endpoint.writer(id: id, created: created, prepared.generation, prepared.delivery),
            choices: prepared.choices, wantsLogprobs: prepared.sampling.topLogprobs != nil, echo: echo(prepared), record: record,
            keepalive: frontend.limits.keepalive, loop: frontend.context.loop)
        answer.allowance = visit.fields
        if endpoint.tellsAnnotations { answer.preface = prepared.annotations }
        let request = ClientRequest(prepared, id: id, session: session, trace: trace, record: record, answer: answer, frontend: frontend)
        let outcome = await RequestFlow(request).run()
        frontend.end(isStreamed: isStreamed, tokens: outcome.usage.completionTokens)
        visit.end(outcome)
        record.count(outcome)
        ended(outcome, prepared, id, record)
        trace.spans?.ended(endpoint.path.description, prepared, outcome)
    }

    /// Body → request → model → tokens. A large body is read and tokenized on the pool. The request is counted from its model on.
    private func prepare(
        _ exchange: HTTPExchange, _ endpoint: GenerationEndpoint, _ visit: TenantVisit, _ meter: inout RequestMeter?
    ) async throws(DialectError) -> PreparedRequest {
        let body = exchange.takeBody(), loop = frontend.context.loop, gone = Flag(), options = frontend.dialect
        let parsed = try await done(bytes: body.count, for: exchange, gone) { () throws(DialectError) in
            try ParsedRequest(body, endpoint, options)
        }
        frontend.noteUnknown(parsed.unknownFields, parsed.unknownNames)
        var generation = parsed.generation
        try generation.hints.takePlaces(from: exchange.request)
        try visit.permit(&generation)
        let model = try await model(named: generation.model, for: exchange)
        meter = frontend.metrics.request(
            endpoint.label, model: model.card.name, isStreamed: parsed.delivery.isStreamed, isQuestion: parsed.generation.hints.isQueryOnly,
            receivedAt: exchange.request.receivedAt)
        let preparation = Preparation(
            model: model, tenant: visit.tenant, generation: generation, delivery: parsed.delivery,
            unixSeconds: loop.wallClockMilliseconds / 1_000, seed: loop.random.next(), clock: { loop.clockReading }, gone: gone)
        return try await done(bytes: body.count, for: exchange, gone) { () throws(DialectError) in try preparation.run() }
    }

    /// Small work is done here and now, work on a large body on the pool, and not begun there once its client is gone.
    func done<Value: Sendable>(
        bytes: Int, for exchange: HTTPExchange, _ gone: Flag, _ work: @escaping @Sendable () throws(DialectError) -> Value
    ) async throws(DialectError) -> Value {
        guard bytes > frontend.limits.inlineBodyBytes else { return try work() }
        exchange.whenGone = { gone.raise() }
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
    func model(named name: String, for exchange: HTTPExchange) async throws(DialectError) -> ServedModel {
        // What a tenant may not see is as good as not there.
        guard try frontend.tenants.whoever(exchange.request).sees(name) else {
            throw DialectError(ErrorBody(ServiceFailure.modelNotFound(name)))
        }
        if let card = frontend.cluster.card(named: name), let model = frontend.models.model(card) { return model }
        let loop = frontend.context.loop, deadline = loop.now + frontend.limits.routerReturn, change = Signal(on: loop)
        exchange.whenGone = { change.wake() }
        while true {
            if let card = frontend.cluster.card(named: name) {
                if let model = frontend.models.model(card) { return model }
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

    private func echo(_ prepared: PreparedRequest) -> [UInt8] {
        guard prepared.delivery.echoesPrompt else { return [] }
        var text: [UInt8] = []
        prepared.model.text.decode(prepared.prompt.span, into: &text)
        return text
    }

    /// `error` nil: the client has left, and nobody hears it; whatever went wrong, that is how such a request ends.
    private func refuse(
        _ exchange: HTTPExchange, _ error: ErrorBody?, _ endpoint: GenerationEndpoint, _ label: String?, _ trace: RequestTrace,
        _ meter: RequestMeter? = nil, _ visit: TenantVisit? = nil
    ) {
        let gone = ErrorBody(ServiceFailure(.cancelled)), error = exchange.isGone ? gone : error ?? gone
        trace.spans?.ended(endpoint.path.description, status: error.status)
        if let meter {
            meter.ended(RequestMeter.End(status: error.status, at: frontend.context.loop.now))
        } else {
            frontend.metrics.refused(endpoint.label, status: error.status)
        }
        visit?.end(status: error.status)
        let allowance = error.status == 429 ? visit?.fields ?? frontend.tenants.fields(for: exchange.request) : []
        exchange.respond(.error(error, endpoint.errorStyle, requestID: label ?? frontend.drawnLabel, headers: allowance))
    }

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
}
