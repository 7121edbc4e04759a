import ClusterModel
import Concurrency
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import TextProcessing
import WireProtocol

/// How many tokens a conversation is to its model, by the template and tokenizer that a request would go through. No request begins, and nobody
/// else is asked; what large bodies cost together is bounded by the pool.
@LoopActor
final class TokenCountAPI {
    static let path: StaticString = "/v1/messages/count_tokens"
    private let frontend: Frontend
    private let generation: GenerationAPI

    init(_ frontend: Frontend, _ generation: GenerationAPI) {
        self.frontend = frontend
        self.generation = generation
    }

    func answer(_ exchange: HTTPExchange) async {
        let requestID = exchange.request.requestLabel ?? frontend.drawnLabel, style = ErrorStyle.anthropic
        guard !frontend.isDraining else {
            return exchange.respond(.error(ErrorBody(ServiceFailure(.draining)), style, requestID: requestID))
        }
        do throws(DialectError) {
            var body: [UInt8] = []
            let count = try await frontend.tenants.during(exchange.request) { (tenant) async throws(DialectError) in
                try await self.count(exchange, tenant)
            }
            TokenCount.append(count, to: &body)
            exchange.respond(.json(.ok, body, headers: style.names(requestID)))
        } catch {
            let body = ErrorBody(error)
            exchange.respond(.error(body, style, requestID: requestID, headers: frontend.tenants.fields(for: exchange.request, body)))
        }
    }

    private func count(_ exchange: HTTPExchange, _ tenant: Tenant) async throws(DialectError) -> Int {
        let body = exchange.takeBody(), loop = frontend.context.loop, gone = Flag(), options = frontend.dialect
        let request = try await generation.done(bytes: body.count, for: exchange, gone) { () throws(DialectError) in
            try MessagesRequest(parsing: body.span.bytes, for: .count, stripsPreamble: options.stripsPreamble)
        }
        frontend.noteUnknown(request.unknownFields.count, request.unknownFields.names)
        let preparation = Preparation(
            model: try await generation.model(named: request.generation.model, of: tenant, for: exchange), tenant: tenant,
            generation: request.generation, delivery: request.delivery, unixSeconds: loop.wallClockMilliseconds / 1_000, seed: 0,
            clock: { loop.clockReading }, gone: gone)
        let count = try await generation.done(bytes: body.count, for: exchange, gone) { () throws(DialectError) in try preparation.count() }
        frontend.metrics.encoded(count.memory)
        return count.tokens
    }
}
