import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import TextProcessing
import WireProtocol

/// The answer to one client: events of a stream, or one body, with the error envelope for what went wrong before either began.
@LoopActor
final class ClientAnswer {
    let exchange: HTTPExchange
    let requestID: String
    var usage = TokenUsage()
    private var writer: any AnswerWriter
    /// What is told beside the answer, on every chunk.
    var told = ResponseExtension() { didSet { writer.chunkExtension = told.json } }
    /// More of it, told once: on the first chunk that ends a choice, or in the body.
    var toldAtEnd: [ResponseExtension.Member] = []
    /// Events that stand before those of a stream.
    var preface: [UInt8] = []
    private let keepalive: Duration
    private let loop: Loop
    private(set) var hasBegun = false
    /// What the client is to keep; sent with the head of its answer.
    var cookie: HTTPField?
    /// What is left of its tenant's limits; sent with the head too.
    var allowance: [HTTPField] = []
    private let record: RequestRecord
    private var lastWrite: Instant
    /// One timer a stream, set again only when it has fired: an event must not cost one.
    private var keepaliveTimer: TimerHandle?
    private lazy var whenSilent: @LoopActor () -> Void = { [weak self] in self?.keepAlive() }
    /// Text of the choices of an answer that is not streamed.
    private var bodies: [CompletedChoice] = []
    /// Told with each text: what the client wants to see before its answer.
    private let echo: [UInt8]

    init(
        _ exchange: HTTPExchange, requestID: String, writer: any AnswerWriter, choices: Int, wantsLogprobs: Bool, echo: [UInt8],
        record: RequestRecord, keepalive: Duration, loop: Loop
    ) {
        self.exchange = exchange
        self.record = record
        self.requestID = requestID
        self.writer = writer
        self.keepalive = keepalive
        self.loop = loop
        self.echo = echo
        lastWrite = loop.now
        guard !takesPieces else { return }
        bodies = (0..<choices).map {
            CompletedChoice(
                index: $0, text: echo, finish: AnswerFinish(.length),
                logprobs: wantsLogprobs ? LogprobsBuffer(startingAt: echoedCodePoints) : nil)
        }
    }

    /// How far into its text an answer begins.
    var echoedCodePoints: Int { String(decoding: echo, as: UTF8.self).unicodeScalars.count }

    var isStreamed: Bool { writer.delivery.isStreamed }

    /// The writer hears of each piece: of a stream, or of a body that it puts together itself.
    var takesPieces: Bool { isStreamed || writer.gathersBody }

    /// The request was accepted: from here on a stream is 200, whatever comes.
    func begin() {
        guard isStreamed, !hasBegun else { return }
        hasBegun = true
        lastWrite = loop.now
        exchange.beginStream(.ok, headers: ServerSentEvents.headers + headers)
        event { [preface] in $0.append(contentsOf: preface) }
        preface = []
        event { writer.appendBeginning(usage: usage, to: &$0) }
        keepaliveTimer = loop.schedule(after: keepalive, whenSilent)
    }

    func open(choice: UInt8) {
        guard isStreamed else { return }
        event { writer.appendOpening(choice: Int(choice), usage: usage, to: &$0) }
        let echo = echo
        if !echo.isEmpty {
            text(choice: choice, echo.span.bytes, logprobs: nil)
        }
    }

    func text(choice: UInt8, _ text: RawSpan, logprobs: LogprobsBuffer?) {
        guard takesPieces else { return bodies[Int(choice)].append(text: text) }
        guard !text.isEmpty || logprobs != nil else { return }
        event { writer.appendText(choice: Int(choice), text, logprobs: logprobs, usage: usage, to: &$0) }
    }

    func reasoning(choice: UInt8, _ text: RawSpan) {
        guard takesPieces else { return bodies[Int(choice)].append(reasoning: text) }
        event { writer.appendReasoning(choice: Int(choice), text, usage: usage, to: &$0) }
    }

    func call(choice: UInt8, _ call: AnswerCall) {
        guard takesPieces else { return bodies[Int(choice)].append(call) }
        event { writer.appendCall(choice: Int(choice), call, usage: usage, to: &$0) }
    }

    /// More of what the call says that began last.
    func arguments(choice: UInt8, call: Int, _ text: RawSpan) {
        guard takesPieces else {
            let last = bodies[Int(choice)].calls.indices.last
            if let last { bodies[Int(choice)].calls[last].arguments.append(text) }
            return
        }
        event { writer.appendArguments(choice: Int(choice), call: call, text, usage: usage, to: &$0) }
    }

    func callEnded(choice: UInt8, call: Int) {
        if takesPieces { event { writer.appendCallEnd(choice: Int(choice), call: call, usage: usage, to: &$0) } }
    }

    /// Log probabilities of an answer in one body gather here.
    func withBodyLogprobs(choice: UInt8, _ change: (inout LogprobsBuffer) -> Void) {
        guard var buffer = bodies[Int(choice)].logprobs else { return }
        bodies[Int(choice)].logprobs = nil  // one owner, so that appending does not copy
        change(&buffer)
        bodies[Int(choice)].logprobs = buffer
    }

    func finish(choice: UInt8, _ finish: AnswerFinish) {
        guard isStreamed else {
            if takesPieces {
                event { writer.appendFinish(choice: Int(choice), finish, usage: usage, extensionJSON: nil, to: &$0) }
            } else {
                bodies[Int(choice)].finish = finish
            }
            return
        }
        record.choiceEnds()
        let last = toldWithEnd
        toldAtEnd = []
        event { writer.appendFinish(choice: Int(choice), finish, usage: usage, extensionJSON: last, to: &$0) }
    }

    /// On each chunk that ends a choice, since each of them is a finish; in a body once.
    private var toldWithEnd: [UInt8] {
        var all = told
        all.others += toldAtEnd
        record.tellTimes(in: &all)
        return all.json
    }

    /// Every choice has finished.
    func end() {
        guard isStreamed else {
            var body: [UInt8] = []
            writer.appendBody(bodies, usage: usage, extensionJSON: toldWithEnd, to: &body)
            exchange.respond(HTTPResponse.json(.ok, body, headers: headers + [HTTPField("server-timing", record.serverTiming)]))
            return
        }
        event { writer.appendEnd(usage: usage, to: &$0) }
        exchange.endStream()
    }

    private var headers: [HTTPField] { writer.errorStyle.names(requestID) + (cookie.map { [$0] } ?? []) + allowance }

    /// In place of an answer, or as the last event of one that had begun.
    func fail(_ failure: ErrorBody) {
        guard hasBegun else { return exchange.respond(.error(failure, writer.errorStyle, requestID: requestID, headers: allowance)) }
        event { writer.appendFailure(failure, to: &$0) }
        exchange.endStream()
    }

    /// Whatever became of the request: nothing is written after this.
    func close() {
        loop.cancel(keepaliveTimer)
        keepaliveTimer = nil
    }

    /// A comment on a stream that was silent, in whatever phase its request is, so that nobody on the way takes the connection for dead.
    private func keepAlive() {
        if loop.now >= lastWrite + keepalive {
            lastWrite = loop.now
            // To a client that does not take what waits for it, the connection is anything but silent.
            if exchange.unsentBytes == 0 { exchange.append { ServerSentEvents.appendKeepalive(to: &$0) } }
        }
        keepaliveTimer = loop.schedule(at: lastWrite + keepalive, whenSilent)
    }

    /// `write` appends whole events; none where a body is put together.
    private func event(_ write: (inout [UInt8]) -> Void) {
        guard isStreamed else {
            var none: [UInt8] = []
            return write(&none)
        }
        lastWrite = loop.now
        exchange.append(inBulk: writer.repeatsItself, write)
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ text: RawSpan) { text.withUnsafeBytes { append(contentsOf: $0) } }
}

extension HTTPResponse {
    /// The API's envelope, with what clients look at before they try again.
    static func error(_ error: ErrorBody, _ style: ErrorStyle = .openAI, requestID: String, headers more: [HTTPField] = []) -> HTTPResponse
    {
        var body: [UInt8] = [], headers = style.names(requestID), error = error
        error.requestID = requestID
        error.append(style, to: &body)
        if let seconds = error.retryAfterSeconds { headers.append(HTTPField("retry-after", "\(seconds)")) }
        if let retry = error.shouldRetry { headers.append(HTTPField("x-should-retry", retry ? "true" : "false")) }
        return .json(HTTPStatus.known(style.status(of: error)), body, headers: headers + more)
    }
}

extension ErrorStyle {
    /// What the request is called, in the headers that clients of the API look for it in.
    func names(_ requestID: String) -> [HTTPField] {
        let all = [HTTPField("x-request-id", requestID)]
        return self == .anthropic ? all + [HTTPField("request-id", requestID)] : all
    }
}

extension HTTPStatus {
    /// The status of an error body: `ServiceFailure` has a table of them.
    static func known(_ code: Int) -> HTTPStatus {
        let statuses: [HTTPStatus] = [
            .badRequest, .unauthorized, .forbidden, .notFound, .methodNotAllowed, .requestTimeout, .contentTooLarge,
            .unsupportedMediaType, .unprocessableContent, .tooManyRequests, .clientClosedRequest, .badGateway, .serviceUnavailable,
            .gatewayTimeout, .overloaded,
        ]
        return statuses.first { $0.code == code } ?? .internalServerError
    }
}
