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
package final class NullServer: EndOfTurn {
    package struct Options: Hashable, Sendable {
        /// Of answers to requests that name no `max_tokens`.
        package var tokens = 16
        /// In one event of a stream.
        package var tokensPerChunk = 1
        /// Before the first token, and before an answer that is no stream.
        package var delay = Duration.zero
        /// Between the chunks of a stream.
        package var interval = Duration.zero
        /// Each event of a stream leaves in a send of its own, as those of engines' servers do, which write one a token.
        package var sendsSingly = false
        package var model = "null"

        package init() {}
    }

    private let options: Options
    private let loop: Loop
    private let server: HTTPServer
    private let answers: NullAnswers
    /// A stream that has more to say in a later turn.
    private struct Waiting {
        let exchange: HTTPExchange
        let question: NullQuestion
        let isChat: Bool
        let left: Int
    }
    /// Whose last event has left, or leaves before the end of this turn comes to this object; and those of which that is not sure.
    private var waiting: [Waiting] = []
    private var begun: [Waiting] = []
    /// The end of this turn comes here.
    private var isFlushed = false

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
        guard options.sendsSingly else { return goOn(exchange, question, isChat: isChat, left: question.tokens) }
        later(exchange, question, isChat: isChat, left: question.tokens)
    }

    private func goOn(_ exchange: HTTPExchange, _ question: NullQuestion, isChat: Bool, left: Int) {
        guard !exchange.isGone else { return }
        let step = options.sendsSingly || options.interval > .zero ? min(left, options.tokensPerChunk) : left
        // The end is an event of its own too.
        let isEnd = step == left && !(options.sendsSingly && left > 0)
        exchange.append { bytes in
            answers.append(tokens: step, isChat: isChat, to: &bytes)
            if isEnd { answers.appendEnd(question, isChat: isChat, to: &bytes) }
        }
        guard !isEnd else { return exchange.endStream() }
        later(exchange, question, isChat: isChat, left: left - step)
    }

    private func later(_ exchange: HTTPExchange, _ question: NullQuestion, isChat: Bool, left: Int) {
        if left > 0, options.interval > .zero {
            loop.schedule(after: options.interval) { [weak self] in self?.goOn(exchange, question, isChat: isChat, left: left) }
        } else {
            begun.append(Waiting(exchange: exchange, question: question, isChat: isChat, left: left))
            if !isFlushed {
                isFlushed = true
                loop.atEndOfTurn(self)
            }
        }
    }

    /// An event a turn for each: what is written in one turn leaves in one send. What began in this turn waits for the end of the next one,
    /// since its own connection may be flushed after this object.
    package func flush() {
        let ready = waiting
        (waiting, begun) = (begun, [])
        for stream in ready { goOn(stream.exchange, stream.question, isChat: stream.isChat, left: stream.left) }
        // Their connections are flushed before this object, since they were asked for it first.
        waiting += begun
        begun.removeAll(keepingCapacity: true)
        isFlushed = !waiting.isEmpty
        if isFlushed { loop.atEndOfTurn(self) }
    }
}
