import ClusterModel
import Concurrency
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import TextProcessing
import WireProtocol

/// Text into tokens and back, by the tokenizer of a model that is served. No worker is asked.
@LoopActor
final class TokenAPI {
    private let frontend: Frontend
    /// Finds models, and has the pool.
    private let generation: GenerationAPI

    init(_ frontend: Frontend, _ generation: GenerationAPI) {
        self.frontend = frontend
        self.generation = generation
    }

    func tokenize(_ exchange: HTTPExchange) async {
        let seconds = frontend.context.loop.wallClockMilliseconds / 1_000
        await answer(exchange) { (body) throws(DialectError) in
            let request = try TokenizeRequest(parsing: body.span.bytes)
            return (
                request.model, request.unknownFields,
                { (model, gone) throws(DialectError) in
                    try Self.tokenize(request, model, TemplateContext(unixSeconds: seconds), gone)
                }
            )
        }
    }

    func detokenize(_ exchange: HTTPExchange) async {
        await answer(exchange) { (body) throws(DialectError) in
            let request = try DetokenizeRequest(parsing: body.span.bytes)
            return (request.model, request.unknownFields, { (model, _) throws(DialectError) in try Self.detokenize(request, model) })
        }
    }

    // MARK: One request

    private typealias Work = @Sendable (ServedModel, Flag) throws(DialectError) -> [UInt8]
    private typealias Parsed = (model: String?, unknown: UnknownFields, work: Work)

    /// Body → model → answer; both ends of a large body on the pool.
    private func answer(_ exchange: HTTPExchange, _ parse: @escaping @Sendable ([UInt8]) throws(DialectError) -> Parsed) async {
        do throws(DialectError) {
            guard !frontend.isDraining else { throw DialectError(ErrorBody(ServiceFailure(.draining))) }
            let text = try await frontend.tenants.during(exchange.request) { (tenant) async throws(DialectError) in
                try await self.text(exchange, parse, tenant)
            }
            exchange.respond(.json(.ok, text))
        } catch {
            let body = ErrorBody(error), requestID = exchange.request.requestLabel ?? frontend.drawnLabel
            exchange.respond(.error(body, requestID: requestID, headers: frontend.tenants.fields(for: exchange.request, body)))
        }
    }

    private func text(
        _ exchange: HTTPExchange, _ parse: @escaping @Sendable ([UInt8]) throws(DialectError) -> Parsed, _ tenant: Tenant
    ) async throws(DialectError) -> [UInt8] {
        let body = exchange.takeBody(), gone = Flag()
        let parsed = try await generation.done(bytes: body.count, for: exchange, gone) { () throws(DialectError) in try parse(body) }
        frontend.noteUnknown(parsed.unknown.count, parsed.unknown.names)
        let name = try name(parsed.model, for: tenant)
        let model = try await generation.model(named: name, of: tenant, for: exchange), work = parsed.work
        return try await generation.done(bytes: body.count, for: exchange, gone) { () throws(DialectError) in try work(model, gone) }
    }

    /// The model that is meant: the one that is served to this client, where none is named.
    private func name(_ given: String?, for tenant: Tenant) throws(DialectError) -> String {
        if let given { return given }
        let cards = frontend.cluster.currentCards.filter { tenant.sees($0.name) }
        guard cards.count == 1 else {
            throw DialectError(
                message: "Missing required parameter: 'model'.", param: "model", code: "missing_required_parameter")
        }
        return cards[0].name
    }

    nonisolated private static func tokenize(
        _ request: TokenizeRequest, _ model: ServedModel, _ context: TemplateContext, _ gone: Flag
    ) throws(DialectError) -> [UInt8] {
        var tokens: [TokenID] = []
        do throws(TextError) {
            if var text = try model.text.prompt(request.prompt, context) {
                text.addsSpecials = request.addsSpecialTokens
                try model.text.tokenizer.encode(text, atMost: Limits.promptTokens, isCancelled: { gone.isRaised }, into: &tokens)
            }
        } catch { throw Preparation.refusal(error, request.prompt.parameter(Delivery().fieldNames), Limits.promptTokens) }
        let vocabulary = model.text.vocabulary
        let texts = request.wantsTexts ? tokens.map { vocabulary.text(of: $0) } : nil
        var answer: [UInt8] = []
        TokenList(tokens, contextLength: Int(model.card.contextLength), texts: texts).append(to: &answer)
        return answer
    }

    nonisolated private static func detokenize(_ request: DetokenizeRequest, _ model: ServedModel) throws(DialectError) -> [UInt8] {
        if let index = request.tokens.firstIndex(where: { !model.text.vocabulary.contains($0) }) {
            throw DialectError(
                message: "Invalid 'tokens[\(index)]': expected a token of the model's vocabulary.", param: "tokens[\(index)]",
                code: "invalid_value")
        }
        var text: [UInt8] = [], answer: [UInt8] = []
        model.text.decode(request.tokens.span, showsSpecials: true, into: &text)
        TokenList.append(prompt: text.span.bytes, to: &answer)
        return answer
    }
}

extension Vocabulary {
    /// What one token spells; pieces of code points are repaired.
    fileprivate func text(of token: TokenID) -> String {
        var bytes: [UInt8] = []
        append(token, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
