import ClusterModel
import Concurrency
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import TextProcessing
import WireProtocol

/// What tokenizers and templates of served models say by themselves: text into tokens and back, and how many tokens a conversation is. No worker is
/// asked, and no request begins; what large bodies cost together is bounded by the pool.
@LoopActor
final class TokenAPI {
    static let countPath: StaticString = "/v1/messages/count_tokens"
    private let frontend: Frontend
    /// Finds models, and has the pool.
    private let generation: GenerationAPI

    init(_ frontend: Frontend, _ generation: GenerationAPI) {
        self.frontend = frontend
        self.generation = generation
    }

    func tokenize(_ exchange: HTTPExchange) async {
        let seconds = frontend.unixSeconds
        await answer(exchange) { (body) throws(DialectError) in
            let request = try TokenizeRequest(parsing: body.span.bytes)
            return Question(model: request.model, unknown: request.unknownFields) { (asked) throws(DialectError) in
                Reply(body: try Self.tokenize(request, asked.model, TemplateContext(unixSeconds: seconds), asked.gone))
            }
        }
    }

    func detokenize(_ exchange: HTTPExchange) async {
        await answer(exchange) { (body) throws(DialectError) in
            let request = try DetokenizeRequest(parsing: body.span.bytes)
            return Question(model: request.model, unknown: request.unknownFields) { (asked) throws(DialectError) in
                Reply(body: try Self.detokenize(request, asked.model))
            }
        }
    }

    /// By the template and tokenizer that a request of the Messages API would go through.
    func count(_ exchange: HTTPExchange) async {
        let clock = generation.clock, seconds = frontend.unixSeconds, options = frontend.dialect
        await answer(exchange) { (body) throws(DialectError) in
            let request = try MessagesRequest(parsing: body.span.bytes, for: .count, stripsPreamble: options.stripsPreamble)
            return Question(model: request.generation.model, unknown: request.unknownFields) { (asked) throws(DialectError) in
                let count = try Preparation(
                    model: asked.model, tenant: asked.tenant, generation: request.generation, delivery: request.delivery,
                    unixSeconds: seconds, seed: 0, clock: clock, gone: asked.gone
                ).count()
                var body: [UInt8] = []
                TokenCount.append(count.tokens, to: &body)
                return Reply(body: body, memory: count.memory)
            }
        }
    }

    // MARK: One request

    /// What a body asks.
    private struct Question: Sendable {
        /// Nil: the one model that is served.
        let model: String?
        let unknown: UnknownFields
        let work: @Sendable (Asked) throws(DialectError) -> Reply
    }

    /// Whom it is asked.
    private struct Asked: Sendable {
        let model: ServedModel
        let tenant: Tenant
        /// Raised when the client has left.
        let gone: Flag
    }

    private struct Reply: Sendable {
        let body: [UInt8]
        /// How much of a prompt's text was known, where that was looked at.
        var memory: PromptMemory.Outcome?
    }

    /// Body → model → answer; both ends of a large body on the pool.
    private func answer(_ exchange: HTTPExchange, _ parse: @escaping @Sendable ([UInt8]) throws(DialectError) -> Question) async {
        let style = ErrorStyle(path: exchange.request.path), requestID = exchange.request.requestLabel ?? frontend.drawnLabel
        do throws(DialectError) {
            guard !frontend.isDraining else { throw DialectError(ErrorBody(ServiceFailure(.draining))) }
            let reply = try await frontend.tenants.during(exchange.request) { (tenant) async throws(DialectError) in
                try await self.reply(exchange, parse, tenant)
            }
            if let memory = reply.memory { frontend.metrics.encoded(memory) }
            exchange.respond(.json(.ok, reply.body, headers: style.names(requestID)))
        } catch {
            let body = ErrorBody(error)
            exchange.respond(.error(body, style, requestID: requestID, headers: frontend.tenants.fields(for: exchange.request, body)))
        }
    }

    private func reply(
        _ exchange: HTTPExchange, _ parse: @escaping @Sendable ([UInt8]) throws(DialectError) -> Question, _ tenant: Tenant
    ) async throws(DialectError) -> Reply {
        let body = exchange.takeBody(), gone = Flag()
        let question = try await generation.done(bytes: body.count, for: exchange, gone) { () throws(DialectError) in try parse(body) }
        frontend.noteUnknown(question.unknown.count, question.unknown.names)
        let name = try name(question.model, for: tenant)
        let asked = Asked(model: try await generation.model(named: name, of: tenant, for: exchange), tenant: tenant, gone: gone)
        return try await generation.done(bytes: body.count, for: exchange, gone) { () throws(DialectError) in try question.work(asked) }
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
        let spelled = request.tokens.reduce(0) { $0 + model.text.vocabulary.length(of: $1) }
        guard spelled <= DialectLimits.spelledBytes else {
            throw DialectError(
                message: "Invalid 'tokens': expected tokens that spell at most \(DialectLimits.spelledBytes) bytes together.",
                param: "tokens", code: "array_above_max_length")
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
