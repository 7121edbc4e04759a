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
    /// For those who measure what they do, on whatever thread.
    let clock: @Sendable () -> Instant

    init(_ frontend: Frontend) {
        self.frontend = frontend
        let loop = frontend.context.loop
        clock = { loop.clockReading }
    }

    /// Reads a call, and gives what answers it. A small body for a model that is here is read at once: a task, with the async calls in it, would
    /// cost half as much again as reading the body.
    func answer(_ exchange: HTTPExchange, _ endpoint: GenerationEndpoint) -> HandlerTable.Remainder {
        guard let call = admitted(exchange, endpoint) else { return .nothing }
        let body = exchange.takeBody(), bytes = body.count
        guard bytes <= frontend.limits.inlineBodyBytes else { return .tasks { await self.read(body, call) } }
        do throws(DialectError) {
            var request = try ParsedRequest.read(body, endpoint, frontend.dialect)
            try permit(&request, call)
            guard let model = try modelNow(named: request.generation.model, of: call.visit.tenant) else {
                return .tasks { [request] in await self.waits(request, call, bytes, Flag()) }
            }
            return begin(try Self.run(preparations(of: request, model, call, gone: nil)), call, bytes)
        } catch {
            refuse(call, ErrorBody(error))
            return .nothing
        }
    }

    /// A large body is read on the pool. Nil: it was answered already.
    private func read(_ body: [UInt8], _ call: GenerationCall) async -> HandlerTable.Rest? {
        let gone = Flag(), endpoint = call.endpoint, options = frontend.dialect
        var request: ParsedRequest
        do throws(DialectError) {
            request = try await done(bytes: body.count, for: call.exchange, gone) { () throws(DialectError) in
                try ParsedRequest.read(body, endpoint, options)
            }
            try permit(&request, call)
        } catch {
            refuse(call, ErrorBody(error))
            return nil
        }
        return await waits(request, call, body.count, gone)
    }

    /// The model is waited for, and tokens are made on the pool if there are many. Nil: it was answered already.
    private func waits(_ request: ParsedRequest, _ call: GenerationCall, _ bytes: Int, _ gone: Flag) async -> HandlerTable.Rest? {
        do throws(DialectError) {
            let model = try await model(named: request.generation.model, of: call.visit.tenant, for: call.exchange)
            let preparations = preparations(of: request, model, call, gone: gone)
            let prepared = try await done(bytes: bytes, for: call.exchange, gone) { () throws(DialectError) in try Self.run(preparations) }
            if case .task(let rest) = begin(prepared, call, bytes) { return rest }
            return nil
        } catch {
            refuse(call, ErrorBody(error))
            return nil
        }
    }

    nonisolated static func run(_ preparations: OneOrMore<Preparation>) throws(DialectError) -> OneOrMore<PreparedRequest> {
        try preparations.map { (one) throws(DialectError) in try one.run() }
    }

    // MARK: Reading

    /// Nil: it was answered already.
    private func admitted(_ exchange: HTTPExchange, _ endpoint: GenerationEndpoint) -> GenerationCall? {
        let label = exchange.request.requestLabel, trace = RequestTrace(exchange.request, tracer: frontend.context.tracer)
        func refused(_ failure: ServiceFailure) -> GenerationCall? {
            refuse(exchange, ErrorBody(failure), endpoint.path, endpoint.label, endpoint.errorStyle, label, trace, nil, nil)
            return nil
        }
        guard !frontend.isDraining else { return refused(ServiceFailure(.draining)) }
        do throws(ServiceFailure) {
            return GenerationCall(exchange, endpoint, try frontend.tenants.admit(exchange.request), label, trace)
        } catch { return refused(error) }
    }

    /// Leaves of a request what its tenant may ask for.
    private func permit(_ request: inout ParsedRequest, _ call: GenerationCall) throws(DialectError) {
        frontend.noteUnknown(request.unknownFields, request.unknownNames)
        let header = try request.generation.hints.takePlaces(from: call.exchange.request)
        try call.visit.permit(&request.generation, pinnedBy: header, prompts: 1 + request.morePrompts.count)
    }

    /// What makes tokens of each of its prompts. From here on the request is counted: its model is known.
    private func preparations(
        of request: ParsedRequest, _ model: ServedModel, _ call: GenerationCall, gone: Flag?
    ) -> OneOrMore<Preparation> {
        let loop = frontend.context.loop
        call.meter = frontend.metrics.request(
            call.endpoint.label, model: model.card.name, isStreamed: request.delivery.isStreamed,
            isQuestion: request.generation.hints.isQueryOnly, receivedAt: call.exchange.request.receivedAt)
        return Preparation(
            model: model, tenant: call.visit.tenant, generation: request.generation, delivery: request.delivery,
            unixSeconds: frontend.unixSeconds, seed: loop.random.next(), clock: clock, gone: gone
        ).and(request.morePrompts) { loop.random.next() }
    }

    // MARK: Running

    /// Everything is there: gives the task that runs the requests of a call. Nothing: there is no room for them, and the client was told.
    private func begin(_ prepared: OneOrMore<PreparedRequest>, _ call: GenerationCall, _ bodyBytes: Int) -> HandlerTable.Remainder {
        let exchange = call.exchange, visit = call.visit, first = prepared.first
        // What the answer repeats is held as long as it runs, and so is a conversation that goes on behind it.
        exchange.holds(ofBody: prepared.contains { $0.generation.mayGoOn } ? bodyBytes : first.delivery.repeated.count)
        let session: ClientSession?
        do throws(DialectError) {
            // Prompts of a list are no turns of one conversation.
            session =
                prepared.isOne
                ? try frontend.sessions.session(of: exchange.request, body: first.generation.hints.session, tenant: visit.tenant.name) : nil
        } catch {
            refuse(call, ErrorBody(error))
            return .nothing
        }
        let failure = exchange.isGone ? nil : visit.reserve(prepared, atOnce: prepared.count) ?? overloaded(prepared.count)
        guard !exchange.isGone, let meter = call.meter, failure == nil else {
            refuse(call, failure.map { ErrorBody($0) })
            return .nothing
        }
        let runs = runs(of: prepared, call, session, meter), path = call.endpoint.path
        return .task { await self.follow(runs, visit, path) }
    }

    private func overloaded(_ requests: Int) -> ServiceFailure? {
        frontend.hasRoom(for: requests) ? nil : ServiceFailure(.overloaded)
    }

    private func runs(
        of prepared: OneOrMore<PreparedRequest>, _ call: GenerationCall, _ session: ClientSession?, _ meter: RequestMeter
    ) -> OneOrMore<RequestRun> {
        let exchange = call.exchange, endpoint = call.endpoint, first = prepared.first
        let shown = prepared.map { $0.takeShown() }
        let runs = OneOrMore(
            RequestRun(
                first, isStreamed: first.delivery.isStreamed, meter: meter, trace: call.trace, receivedAt: exchange.request.receivedAt,
                frontend: frontend),
            prepared.others.map { another($0, endpoint.label, of: exchange) })
        let id = runs.first.id, name = id.description
        frontend.decisions.remember(call.label, runs.map(\.id), of: call.visit.tenant)
        let answer = ClientAnswer(
            exchange, requestID: call.label ?? name,
            writer: endpoint.writer(id: name, created: frontend.unixSeconds, first.generation, first.delivery),
            keepalive: frontend.limits.keepalive, loop: frontend.context.loop)
        answer.allowance = call.visit.fields
        if endpoint.tellsAnnotations { for one in shown { answer.preface += one.events } }
        var choices = 0
        for (run, shown) in zip(runs, shown) {
            let share = run.answers(answer, before: choices, echo: shown.echo, session: session)
            if runs.isOne, PrefixWarmer.wants(run.prepared, session) { share.transcript = AnswerTranscript() }
            choices += run.prepared.choices
        }
        return runs
    }

    /// One more request of a call, which counts by itself.
    func another(_ prepared: PreparedRequest, _ label: EndpointLabel, of exchange: HTTPExchange) -> RequestRun {
        let meter = frontend.metrics.request(
            label, model: prepared.model.card.name, isStreamed: prepared.delivery.isStreamed, isQuestion: prepared.isQuestion,
            receivedAt: exchange.request.receivedAt)
        return RequestRun(
            prepared, isStreamed: false, meter: meter, trace: RequestTrace(exchange.request, tracer: frontend.context.tracer),
            receivedAt: exchange.request.receivedAt, frontend: frontend)
    }

    private func follow(_ runs: OneOrMore<RequestRun>, _ visit: TenantVisit, _ path: StaticString) async {
        let loop = frontend.context.loop
        defer { visit.end(status: 500) }
        let others = runs.others.map { run in loop.spawn { await run.run(path) } }
        let outcome = await runs.first.run(path)
        for other in others { await other.value }
        visit.end(runs.lazy.compactMap(\.outcome))
        if outcome.status == 200, let request = runs.first.request, let transcript = request.answer.transcript {
            frontend.warmer.warm(after: request, transcript)
        }
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

    /// The model of a name, as far as it need not be waited for.
    private func modelNow(named name: String, of tenant: Tenant) throws(DialectError) -> ServedModel? {
        // What a tenant may not see is as good as not there.
        guard tenant.sees(name) else { throw DialectError(ErrorBody(ServiceFailure.modelNotFound(name))) }
        return frontend.models.model(named: name)
    }

    /// Waits, bounded, for what may come at any moment: a router that says which models there are, workers of one that was served before,
    /// the files of one that was named.
    func model(named name: String, of tenant: Tenant, for exchange: HTTPExchange) async throws(DialectError) -> ServedModel {
        if let model = try modelNow(named: name, of: tenant) { return model }
        let loop = frontend.context.loop, deadline = loop.now + frontend.limits.routerReturn, change = Signal(on: loop)
        exchange.whenGone = { change.wake() }
        while true {
            if let model = frontend.models.model(named: name) { return model }
            if let card = frontend.cluster.card(named: name) {
                if case .unreadable = frontend.models.failure(card.digest) {
                    throw DialectError(ErrorBody(ServiceFailure(.internalError)))
                }
            } else if frontend.cluster.isStrange(name) {
                throw DialectError(ErrorBody(ServiceFailure.modelNotFound(name)))
            }
            guard loop.now < deadline, !exchange.isGone else { throw DialectError(ErrorBody(ServiceFailure(.noWorker))) }
            await frontend.cluster.change(until: deadline, change)
        }
    }

    /// `error` nil: the client has left, and nobody hears it; whatever went wrong, that is how such a request ends.
    private func refuse(_ call: GenerationCall, _ error: ErrorBody?) {
        let endpoint = call.endpoint
        refuse(call.exchange, error, endpoint.path, endpoint.label, endpoint.errorStyle, call.label, call.trace, call.meter, call.visit)
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
