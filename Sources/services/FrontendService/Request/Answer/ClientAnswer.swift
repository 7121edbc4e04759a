import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import TextProcessing
import WireProtocol

/// The answer to one client: events of a stream, or one body, with the error envelope for what went wrong before either began.
///
/// What is in it comes from its shares, one for each request that it takes: as a rule one.
@LoopActor
final class ClientAnswer {
    private let exchange: HTTPExchange
    let requestID: String
    /// Of all shares together.
    var usage = TokenUsage()
    private var writer: any AnswerWriter
    private let style: ErrorStyle
    let isStreamed: Bool
    /// The writer hears of each piece: of a stream, or of a body that it puts together itself.
    let takesPieces: Bool
    /// Whether its events are long for other reasons than that there is much to say.
    private let repeatsItself: Bool
    /// Events that stand before those of a stream.
    var preface: [UInt8] = []
    private let keepalive: Duration
    private let loop: Loop
    private(set) var hasBegun = false
    /// What the client is to keep; sent with the head of its answer.
    var cookie: HTTPField?
    /// What is left of its tenant's limits; sent with the head too.
    var allowance: [HTTPField] = []
    private var lastWrite: Instant
    /// One timer a stream, set again only when it has fired: an event must not cost one.
    private var keepaliveTimer: TimerHandle?
    private lazy var whenSilent: @LoopActor () -> Void = { [weak self] in self?.keepAlive() }
    /// Text of the choices of an answer that is not streamed.
    var bodies: [CompletedChoice] = []
    /// Those that are not closed.
    private var shares: [AnswerShare] = []
    /// Shares that have not ended well.
    private var unended = 0
    private var hasFailed = false
    /// Whose words beside the answer the writer has.
    private weak var teller: AnswerShare?

    init(_ exchange: HTTPExchange, requestID: String, writer: any AnswerWriter, keepalive: Duration, loop: Loop) {
        self.exchange = exchange
        self.requestID = requestID
        self.writer = writer
        // Asked once: a question to it on each token would copy it.
        style = writer.errorStyle
        isStreamed = writer.delivery.isStreamed
        takesPieces = isStreamed || writer.gathersBody
        repeatsItself = writer.repeatsItself
        self.keepalive = keepalive
        self.loop = loop
        lastWrite = loop.now
        // The exchange forgets it when the answer has ended, or the client is gone.
        exchange.whenGone = { self.clientGone() }
    }

    var isGone: Bool { exchange.isGone }

    // MARK: Shares

    /// Another request is part of the answer, with choices behind those that there are.
    func add(_ share: AnswerShare) {
        shares.append(share)
        unended += 1
    }

    /// Nothing more comes of it; with the last one nothing is written any more.
    func close(_ share: AnswerShare) {
        shares.removeAll { $0 === share }
        if shares.isEmpty { silence() }
    }

    private func clientGone() { for share in shares { share.whenGone?() } }

    /// What it tells on every chunk has changed.
    func tellsAnew(_ share: AnswerShare) { if teller === share { teller = nil } }

    // MARK: Writing

    /// A request was accepted: from here on a stream is 200, whatever comes.
    func begin() {
        guard isStreamed, !hasBegun else { return }
        hasBegun = true
        lastWrite = loop.now
        exchange.beginStream(.ok, headers: ServerSentEvents.headers + headers)
        // As long as its prompt.
        exchange.append(inBulk: true) { $0.append(contentsOf: preface) }
        preface = []
        exchange.append(inBulk: repeatsItself) { writer.appendBeginning(usage: usage, to: &$0) }
        keepaliveTimer = loop.schedule(after: keepalive, whenSilent)
    }

    /// `write` appends whole events of a share; none where a body is put together.
    /// - Parameter isBulk: it may be much at once, however well the client reads.
    func event(of share: AnswerShare, isBulk: Bool = false, _ write: (inout any AnswerWriter, TokenUsage, inout [UInt8]) -> Void) {
        guard isStreamed else {
            var none: [UInt8] = []
            return write(&writer, usage, &none)
        }
        if teller !== share {
            teller = share
            writer.chunkExtension = share.chunkExtension
        }
        exchange.append(inBulk: isBulk || repeatsItself) {
            let before = $0.count
            write(&writer, usage, &$0)
            // Not all that is told is written: what a model thinks may be hidden.
            if $0.count > before { lastWrite = loop.now }
        }
    }

    /// Every choice of that share has finished. With the last of them the answer ends, and one body tells of that one what it tells of a request.
    func ended(_ share: AnswerShare) {
        unended -= 1
        guard unended == 0 else { return }
        let seconds = loop.wallClockMilliseconds / 1_000
        guard isStreamed else {
            var body: [UInt8] = [], headers = headers
            body.reserveCapacity(bodies.reduce(Self.usualFrameBytes) { $0 + $1.text.count })
            writer.appendBody(bodies, usage: usage, extensionJSON: share.toldWithEnd, at: seconds, to: &body)
            headers.append(HTTPField("server-timing", share.record.serverTiming))
            return exchange.respond(HTTPResponse.json(.ok, body, headers: headers))
        }
        exchange.append(inBulk: repeatsItself) { writer.appendEnd(usage: usage, at: seconds, to: &$0) }
        exchange.endStream()
    }

    private var headers: [HTTPField] {
        var fields: [HTTPField] = []
        fields.reserveCapacity(Self.usualFields)
        style.append(requestID, to: &fields)
        if let cookie { fields.append(cookie) }
        fields.append(contentsOf: allowance)
        return fields
    }

    /// What stands around the text of a body.
    private static let usualFrameBytes = 512
    /// Of a head.
    private static let usualFields = 4

    /// In place of an answer, or as the last event of one that had begun. The other shares have nobody left to run for.
    func failed(_ share: AnswerShare, _ failure: ErrorBody) {
        guard !hasFailed else { return }
        hasFailed = true
        if hasBegun {
            exchange.append(inBulk: repeatsItself) { writer.appendFailure(failure, to: &$0) }
            exchange.endStream()
        } else {
            exchange.respond(.error(failure, style, requestID: requestID, headers: allowance))
        }
        for other in shares where other !== share { other.abandon(after: failure) }
    }

    // MARK: Silence and room

    /// Whatever became of the requests: nothing is written after this.
    private func silence() {
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

    /// So much waits for the client that adding to it is no use.
    var isBackedUp: Bool { exchange.isBackedUp }
    func roomToWrite(until deadline: Instant) async { _ = await exchange.roomToWrite(until: deadline) }
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
        // What a client of HTTP is told that has no key, or a wrong one.
        if error.status == 401 { headers.append(HTTPField("www-authenticate", "Bearer")) }
        return .json(HTTPStatus.known(style.status(of: error)), body, headers: headers + more)
    }
}

extension ErrorStyle {
    /// What the request is called, in the headers that clients of the API look for it in.
    func names(_ requestID: String) -> [HTTPField] {
        var fields: [HTTPField] = []
        append(requestID, to: &fields)
        return fields
    }

    func append(_ requestID: String, to fields: inout [HTTPField]) {
        fields.append(HTTPField("x-request-id", requestID))
        if self == .anthropic { fields.append(HTTPField("request-id", requestID)) }
    }
}

extension HTTPStatus {
    /// The status of an error body: `ServiceFailure` has a table of them.
    static func known(_ code: Int) -> HTTPStatus {
        let statuses: [HTTPStatus] = [
            .badRequest, .unauthorized, .forbidden, .notFound, .methodNotAllowed, .requestTimeout, .contentTooLarge,
            .unsupportedMediaType, .unprocessableContent, .tooManyRequests, .clientClosedRequest, .badGateway, .serviceUnavailable,
            .gatewayTimeout, .notImplemented, .overloaded,
        ]
        return statuses.first { $0.code == code } ?? .internalServerError
    }
}
