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
    let frontend: Frontend

    init(_ frontend: Frontend) { self.frontend = frontend }

    /// Reads a request; what follows it is a task of its own. Nil: it was answered already.
    func answer(_ exchange: HTTPExchange, _ endpoint: GenerationEndpoint) async -> (@LoopActor @Sendable () async -> Void)? {
        guard let begun = await begin(exchange, endpoint) else { return nil }
        return { await self.follow(begun, endpoint) }
    }

    /// Requests of one answer, about to run.
    private struct Begun {
        let visit: TenantVisit
        /// One, or one for each prompt of a list.
        let runs: [RequestRun]
    }

    private func follow(_ begun: Begun, _ endpoint: GenerationEndpoint) async {
        let loop = frontend.context.loop, runs = begun.runs
        defer { begun.visit.end(status: 500) }
        let others = runs.dropFirst().map { run in loop.spawn { await run.run(endpoint.path) } }
        let outcome = await runs[0].run(endpoint.path)
        for other in others { await other.value }
        begun.visit.end(runs.compactMap(\.outcome))
        if outcome.status == 200, let request = runs[0].request, let transcript = request.answer.transcript {
            frontend.warmer.warm(after: request, transcript)
        }
    }

    /// Nil: it was answered already.
    private func begin(_ exchange: HTTPExchange, _ endpoint: GenerationEndpoint) async -> Begun? {
        let label = exchange.request.requestLabel, trace = RequestTrace(exchange.request, tracer: frontend.context.tracer)
        guard !frontend.isDraining else {
            refuse(exchange, ErrorBody(ServiceFailure(.draining)), endpoint, label, trace)
            return nil
        }
        let visit: TenantVisit
        do throws(ServiceFailure) { visit = try frontend.tenants.admit(exchange.request) } catch {
            refuse(exchange, ErrorBody(error), endpoint, label, trace)
            return nil
        }
        let prepared: [PreparedRequest]
        let session: ClientSession?
        var meter: RequestMeter?
        do throws(DialectError) {
            prepared = try await prepare(exchange, endpoint, visit, &meter)
            // Prompts of a list are no turns of one conversation.
            session =
                prepared.count > 1
                ? nil
                : try frontend.sessions.session(
                    of: exchange.request, body: prepared[0].generation.hints.session, tenant: visit.tenant.name)
        } catch {
            refuse(exchange, ErrorBody(error), endpoint, label, trace, meter, visit)
            return nil
        }
        let failure = exchange.isGone ? nil : visit.reserve(prepared, atOnce: prepared.count) ?? overloaded(prepared.count)
        guard !exchange.isGone, let meter, failure == nil else {
            refuse(exchange, failure.map { ErrorBody($0) }, endpoint, label, trace, meter, visit)
            return nil
        }
        return Begun(visit: visit, runs: runs(of: prepared, exchange, endpoint, visit, session, meter, trace, label))
    }

    private func overloaded(_ requests: Int) -> ServiceFailure? {
        frontend.hasRoom(for: requests) ? nil : ServiceFailure(.overloaded)
    }

    private func runs(
        of prepared: [PreparedRequest], _ exchange: HTTPExchange, _ endpoint: GenerationEndpoint, _ visit: TenantVisit,
        _ session: ClientSession?, _ meter: RequestMeter, _ trace: RequestTrace, _ label: String?
    ) -> [RequestRun] {
        let shown = prepared.map { $0.takeShown() }
        let runs = prepared.indices.map { index in
            RequestRun(
                prepared[index], isStreamed: index == 0 && prepared[0].delivery.isStreamed,
                meter: index == 0 ? meter : self.meter(endpoint.label, prepared[index], exchange),
                trace: index == 0 ? trace : RequestTrace(exchange.request, tracer: frontend.context.tracer),
                receivedAt: exchange.request.receivedAt, frontend: frontend)
        }
        let id = runs[0].id, created = frontend.context.loop.wallClockMilliseconds / 1_000
        frontend.decisions.remember(label, runs.map(\.id), of: visit.tenant)
        let answer = ClientAnswer(
            exchange, requestID: label ?? id.description,
            writer: endpoint.writer(id: id, created: created, prepared[0].generation, prepared[0].delivery),
            keepalive: frontend.limits.keepalive, loop: frontend.context.loop)
        answer.allowance = visit.fields
        if endpoint.tellsAnnotations { answer.preface = shown.flatMap(\.events) }
        var choices = 0
        for (run, shown) in zip(runs, shown) {
            let share = run.answers(answer, before: choices, echo: shown.echo, session: session)
            if runs.count == 1, PrefixWarmer.wants(run.prepared, session) { share.transcript = AnswerTranscript() }
            choices += run.prepared.choices
        }
        return runs
    }

    func meter(_ label: EndpointLabel, _ prepared: PreparedRequest, _ exchange: HTTPExchange) -> RequestMeter {
        frontend.metrics.request(
            label, model: prepared.model.card.name, isStreamed: prepared.delivery.isStreamed, isQuestion: prepared.isQuestion,
            receivedAt: exchange.request.receivedAt)
    }

    /// Body → request → model → tokens. A large body is read and tokenized on the pool. The request is counted from its model on.
    private func prepare(
        _ exchange: HTTPExchange, _ endpoint: GenerationEndpoint, _ visit: TenantVisit, _ meter: inout RequestMeter?
    ) async throws(DialectError) -> [PreparedRequest] {
        let body = exchange.takeBody(), loop = frontend.context.loop, gone = Flag(), options = frontend.dialect
        let parsed = try await done(bytes: body.count, for: exchange, gone) { () throws(DialectError) in
            try ParsedRequest(body, endpoint, options)
        }
        frontend.noteUnknown(parsed.unknownFields, parsed.unknownNames)
        var generation = parsed.generation
        let header = try generation.hints.takePlaces(from: exchange.request)
        try visit.permit(&generation, pinnedBy: header, prompts: 1 + parsed.morePrompts.count)
        let model = try await model(named: generation.model, of: visit.tenant, for: exchange)
        meter = frontend.metrics.request(
            endpoint.label, model: model.card.name, isStreamed: parsed.delivery.isStreamed, isQuestion: parsed.generation.hints.isQueryOnly,
            receivedAt: exchange.request.receivedAt)
        let preparation = Preparation(
            model: model, tenant: visit.tenant, generation: generation, delivery: parsed.delivery,
            unixSeconds: loop.wallClockMilliseconds / 1_000, seed: loop.random.next(), clock: { loop.clockReading }, gone: gone)
        let preparations = preparation.and(parsed.morePrompts) { loop.random.next() }
        let prepared = try await done(bytes: body.count, for: exchange, gone) { () throws(DialectError) in try preparations.run() }
        // What the answer repeats is held as long as it runs, and so is a conversation that goes on behind it.
        exchange.holds(ofBody: prepared.contains { $0.generation.mayGoOn } ? body.count : parsed.delivery.repeated.count)
        return prepared
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
    func model(named name: String, of tenant: Tenant, for exchange: HTTPExchange) async throws(DialectError) -> ServedModel {
        // What a tenant may not see is as good as not there.
        guard tenant.sees(name) else { throw DialectError(ErrorBody(ServiceFailure.modelNotFound(name))) }
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

    /// `error` nil: the client has left, and nobody hears it; whatever went wrong, that is how such a request ends.
    func refuse(
        _ exchange: HTTPExchange, _ error: ErrorBody?, _ endpoint: GenerationEndpoint, _ label: String?, _ trace: RequestTrace,
        _ meter: RequestMeter? = nil, _ visit: TenantVisit? = nil
    ) {
        refuse(exchange, error, endpoint.path, endpoint.label, endpoint.errorStyle, label, trace, meter, visit)
    }

    func refuse(
        _ exchange: HTTPExchange, _ error: ErrorBody?, _ path: StaticString, _ endpoint: EndpointLabel, _ style: ErrorStyle,
        _ label: String?, _ trace: RequestTrace, _ meter: RequestMeter?, _ visit: TenantVisit?
    ) {
        let gone = ErrorBody(ServiceFailure(.cancelled)), error = exchange.isGone ? gone : error ?? gone
        trace.spans?.ended(path.description, status: error.status)
        if let meter {
            meter.ended(RequestMeter.End(status: error.status, at: frontend.context.loop.now))
        } else {
            frontend.metrics.refused(endpoint, status: error.status)
        }
        visit?.end(status: error.status)
        let allowance = error.status == 429 ? visit?.fields ?? frontend.tenants.fields(for: exchange.request, error) : []
        exchange.respond(.error(error, style, requestID: label ?? frontend.drawnLabel, headers: allowance))
    }
}
