import ClusterModel
import Concurrency
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import Telemetry
import WireProtocol

/// `/v1/embeddings`: each input is a request of its own, which a worker answers with one vector.
extension GenerationAPI {
    static let embeddingPath: StaticString = "/v1/embeddings"

    private struct Demand: Sendable {
        let request: EmbeddingRequest
        let inputs: OneOrMore<PreparedRequest>
    }

    func embed(_ exchange: HTTPExchange) async {
        let label = exchange.request.requestLabel, trace = RequestTrace(exchange.request, tracer: frontend.context.tracer)
        func refuse(_ error: ErrorBody?, _ meter: RequestMeter? = nil, _ visit: TenantVisit? = nil) {
            self.refuse(exchange, error, Self.embeddingPath, .embeddings, .openAI, label, trace, meter, visit)
        }
        guard !frontend.isDraining else { return refuse(ErrorBody(ServiceFailure(.draining))) }
        let visit: TenantVisit
        do throws(ServiceFailure) { visit = try frontend.tenants.admit(exchange.request) } catch { return refuse(ErrorBody(error)) }
        defer { visit.end(status: 500) }
        let demand: Demand
        var meter: RequestMeter?
        do throws(DialectError) { demand = try await prepare(exchange, visit, &meter) } catch {
            return refuse(ErrorBody(error), meter, visit)
        }
        guard !exchange.isGone, let meter else { return refuse(nil, meter, visit) }
        let atOnce = visit.places(upTo: min(frontend.limits.inputsAtOnce, demand.inputs.count))
        if let failure = visit.reserve(demand.inputs, atOnce: atOnce) { return refuse(ErrorBody(failure), meter, visit) }
        guard frontend.hasRoom(for: demand.inputs.count) else { return refuse(ErrorBody(ServiceFailure(.overloaded)), meter, visit) }
        let first = RequestRun(
            demand.inputs.first, isStreamed: false, meter: meter, trace: trace, receivedAt: exchange.request.receivedAt, frontend: frontend)
        let runs = OneOrMore(first, demand.inputs.others.map { another($0, .embeddings, of: exchange) })
        frontend.decisions.remember(label, runs.map(\.id), of: visit.tenant)
        let requestID = label ?? first.id.description
        let batch = EmbeddingBatch(Array(runs), requestID: requestID)
        exchange.whenGone = { batch.clientGone() }
        await batch.run(atOnce: atOnce, on: frontend.context.loop)
        visit.end(runs.compactMap(\.outcome))
        guard !exchange.isGone else { return }
        if let failure = batch.failure { return exchange.respond(.error(failure, requestID: requestID, headers: visit.fields)) }
        await write(batch, of: demand.request, to: exchange, requestID, visit.fields)
    }

    private func prepare(
        _ exchange: HTTPExchange, _ visit: TenantVisit, _ meter: inout RequestMeter?
    ) async throws(DialectError) -> Demand {
        try exchange.request.refusePlaces()
        let body = exchange.takeBody(), gone = Flag()
        let request = try await done(bytes: body.count, for: exchange, gone) { () throws(DialectError) in
            try EmbeddingRequest(parsing: body.span.bytes)
        }
        frontend.noteUnknown(request.unknownFields.count, request.unknownFields.names)
        let model = try await model(named: request.model, of: visit.tenant, for: exchange)
        meter = frontend.metrics.request(
            .embeddings, model: model.card.name, isStreamed: false, isQuestion: false, receivedAt: exchange.request.receivedAt)
        try check(request, model)
        var generation = GenerationRequest(model: request.model, prompt: request.inputs[0])
        generation.user = request.user
        generation.sampling.maxTokens = 1
        let preparation = Preparation(
            model: model, tenant: visit.tenant, generation: generation, delivery: Delivery(),
            unixSeconds: frontend.unixSeconds, seed: 0, clock: clock, gone: gone, parameter: "input", task: .embed)
        let preparations = preparation.and(Array(request.inputs.dropFirst())) { 0 }
        let inputs = try await done(bytes: body.count, for: exchange, gone) { () throws(DialectError) in try Self.run(preparations) }
        return Demand(request: request, inputs: inputs)
    }

    private func check(_ request: EmbeddingRequest, _ model: ServedModel) throws(DialectError) {
        let dimensions = Int(model.card.embeddingDimensions)
        // Of a model without any worker nothing is known.
        guard model.card.capabilities.isEmpty || model.card.capabilities.contains(.embeddings), dimensions > 0 else {
            throw DialectError(message: "The model has no embeddings.", param: "model", code: "unsupported_value")
        }
        if let wanted = request.dimensions, wanted != dimensions {
            throw DialectError(
                message: "Invalid 'dimensions': this model's embeddings have \(dimensions) dimensions, and no other number of them.",
                param: "dimensions", code: "unsupported_value")
        }
        let most = frontend.limits.embeddingNumbers / dimensions
        guard request.inputs.count <= most else {
            throw DialectError(
                message: "Invalid 'input': expected an array with at most \(most) elements for this model.", param: "input",
                code: "array_above_max_length")
        }
    }

    /// Numbers are made into text on the pool where there are many; or here, some at a time, where the pool has no room: workers have computed
    /// them, and would have to do so again.
    private func write(
        _ batch: EmbeddingBatch, of request: EmbeddingRequest, to exchange: HTTPExchange, _ requestID: String, _ fields: [HTTPField]
    ) async {
        let answer = EmbeddingList(
            vectors: batch.vectors, encoding: request.encoding, model: request.model, promptTokens: batch.promptTokens)
        let gone = Flag(), body: [UInt8]
        do throws(DialectError) { body = try await done(bytes: answer.mostBytes, for: exchange, gone) { answer.json } } catch {
            exchange.whenGone = { gone.raise() }
            body = await written(answer, gone)
        }
        guard !exchange.isGone else { return }
        exchange.respond(.json(.ok, body, headers: [HTTPField("x-request-id", requestID)] + fields))
    }
}

extension GenerationAPI {
    /// Numbers that one turn of the loop makes into text: less than a millisecond's.
    private static let numbersAtOnce = 4_096

    private func written(_ answer: EmbeddingList, _ gone: Flag) async -> [UInt8] {
        var bytes: [UInt8] = [], next = 0
        answer.appendBeginning(to: &bytes)
        while next < answer.count, !gone.isRaised {
            next += answer.appendVectors(from: next, numbers: Self.numbersAtOnce, to: &bytes)
            await frontend.context.loop.sleep(for: .zero)
        }
        answer.appendEnd(to: &bytes)
        return bytes
    }
}

/// The inputs of one request for embeddings, some of which run at once. The first failure is that of all.
@LoopActor
private final class EmbeddingBatch {
    private let runs: [RequestRun]
    private let shares: [AnswerShare]
    private var next = 0
    private(set) var failure: ErrorBody?

    init(_ runs: [RequestRun], requestID: String) {
        self.runs = runs
        shares = runs.map { $0.answersNobody(requestID: requestID) }
    }

    /// In the order of the inputs.
    var vectors: [[UInt8]] { shares.map(\.embedding) }
    var promptTokens: Int { shares.reduce(0) { $0 + $1.usage.promptTokens } }

    func clientGone() { for share in shares { share.whenGone?() } }

    /// Until all have ended: those that had not begun when it failed, or the client left, end at once.
    func run(atOnce: Int, on loop: Loop) async {
        let lanes = (0..<min(atOnce, runs.count)).map { _ in loop.spawn { await self.lane() } }
        for lane in lanes { await lane.value }
    }

    private func lane() async {
        while next < runs.count {
            let index = next
            next += 1
            await runs[index].run(GenerationAPI.embeddingPath)
            guard failure == nil, let failure = shares[index].failure else { continue }
            self.failure = failure
            for share in shares { share.abandon(after: failure) }
        }
    }
}
