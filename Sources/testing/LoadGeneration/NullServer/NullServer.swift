package import EventLoop
import ClusterModel
import HTTPServing
import JSONText

/// A server of OpenAI's API that thinks nothing: well-formed answers of as many tokens as asked for, as fast as it can write them, or in a
/// pace that is told.
///
/// What it says of prompts is a count of bytes: a token each, as with a byte tokenizer. It reads of a request what its answer depends on, and
/// checks nothing.
@LoopActor
package final class NullServer {
    package struct Options: Hashable, Sendable {
        /// Of answers to requests that name no `max_tokens`.
        package var tokens = 16
        /// In one event of a stream.
        package var tokensPerChunk = 1
        /// Before the first token, and before an answer that is no stream.
        package var delay = Duration.zero
        /// Between the chunks of a stream.
        package var interval = Duration.zero
        package var model = "null"

        package init() {}
    }

    private let options: Options
    private let loop: Loop
    private let server: HTTPServer
    private let answers: NullAnswers

    package init(on loop: Loop, sockets: any SocketSystem, _ options: Options = Options()) {
        self.options = options
        self.loop = loop
        answers = NullAnswers(model: options.model, tokensPerChunk: options.tokensPerChunk)
        let table = HandlerTable(on: loop)
        var limits = HTTPLimits()
        // A stream without a pace is written at once.
        limits.unsentBytes = Self.mostUnsentBytes
        limits.backedUpBytes = Self.backedUpBytes
        server = HTTPServer(on: loop, sockets: sockets, limits: limits, application: table)
        let answers = answers
        table.on(.get, "/v1/models", run: { $0.respond(.json(.ok, answers.models)) })
        table.on(.get, "/health", run: { $0.respond(.json(.ok, Array("{}".utf8))) })
        table.on(.post, "/v1/chat/completions", run: { [weak self] in self?.answer($0, isChat: true) })
        table.on(.post, "/v1/completions", run: { [weak self] in self?.answer($0, isChat: false) })
    }

    /// Of one client: a stream of a hundred thousand tokens.
    private static let mostUnsentBytes = 64 << 20
    private static let backedUpBytes = 256 << 10
    /// Of one answer: what fits the bounds above.
    nonisolated static let mostTokens = 200_000

    /// Gives the port, which the system chooses for 0.
    @discardableResult
    package func listen(host: String, port: UInt16) throws(SystemError) -> UInt16 { try server.listen(host: host, port: port) }

    package func close() { server.close() }

    package var requests: Int { server.counters.requests }

    // MARK: Answers

    private func answer(_ exchange: HTTPExchange, isChat: Bool) {
        let question = exchange.request.body.withUnsafeBytes { NullQuestion($0, tokens: options.tokens) }
        guard options.delay > .zero else { return begin(exchange, question, isChat: isChat) }
        loop.schedule(after: options.delay) { [weak self] in self?.begin(exchange, question, isChat: isChat) }
    }

    private func begin(_ exchange: HTTPExchange, _ question: NullQuestion, isChat: Bool) {
        guard question.streams else {
            return exchange.respond(.json(.ok, answers.whole(question, isChat: isChat)))
        }
        exchange.beginStream(.ok, headers: ServerSentEvents.headers)
        if isChat { exchange.append { answers.appendRole(to: &$0) } }
        goOn(exchange, question, isChat: isChat, left: question.tokens)
    }

    private func goOn(_ exchange: HTTPExchange, _ question: NullQuestion, isChat: Bool, left: Int) {
        guard !exchange.isGone else { return }
        let step = options.interval > .zero ? min(left, options.tokensPerChunk) : left
        exchange.append { bytes in
            answers.append(tokens: step, isChat: isChat, to: &bytes)
            if step == left { answers.appendEnd(question, isChat: isChat, to: &bytes) }
        }
        guard step < left else { return exchange.endStream() }
        loop.schedule(after: options.interval) { [weak self] in
            self?.goOn(exchange, question, isChat: isChat, left: left - step)
        }
    }
}
