package import ClusterModel
package import EventLoop
import HTTPSyntax

/// One request and its answer: a whole response, or a stream of bytes that grows.
///
/// What is appended during a turn of the loop leaves at its end, in one chunk and one send. After the client has gone everything here does
/// nothing, so that whoever answers need not ask first.
@LoopActor
package final class HTTPExchange {
    private enum Phase { case open, streaming, ended, gone }

    @exclusivity(unchecked) package private(set) var request = HTTPRequest.none
    /// What `HTTPAdmission.read` gave.
    @exclusivity(unchecked) package internal(set) var tag = 0
    /// Parts of the path that the route names, decoded.
    package internal(set) var parameters: [(name: String, value: String)] = []
    /// Called once if the client leaves, or stops reading, before the response has ended; never after, and not for what the owner does itself.
    @exclusivity(unchecked) package var whenGone: (@LoopActor () -> Void)?

    @exclusivity(unchecked) private var connection: HTTPConnection?
    @exclusivity(unchecked) private var phase = Phase.ended
    /// Those before it on the connection have ended: what it writes goes to the connection itself.
    @exclusivity(unchecked) var isFirst = false
    /// The status that was sent, for metrics and access logs.
    @exclusivity(unchecked) package private(set) var status: HTTPStatus?
    /// Bytes of this response that wait until those before it on the connection have ended.
    @exclusivity(unchecked) var held: [UInt8] = []
    /// So much of what waits says nothing of how the client reads.
    @exclusivity(unchecked) private(set) var bulkBytes = 0
    @exclusivity(unchecked) private var openChunk: Int?
    private var isChunked = false
    private var dropsBody = false
    @exclusivity(unchecked) private var isWriting = false
    // Of the request.
    private var asksForHead = false
    private var isHTTP10 = false
    private(set) var endsConnection = false
    private var endsByReset = false
    /// The client waits for a word before it sends the body.
    var owesContinuation = false
    /// Of the request's body, counted against what the server may hold.
    private var heldBodyBytes = 0
    /// Tasks that wait for room: several may write parts of one answer.
    @exclusivity(unchecked) private var waiters: [UnsafeContinuation<Void, Never>] = []
    private var waitTimer: TimerHandle?
    /// The earliest of their deadlines.
    private var waitLimit = Instant.zero

    init() {}

    /// It is new, or over and nobody else holds it: from here on it serves this request.
    func begin(_ request: consuming HTTPRequest, on connection: HTTPConnection, isFirst: Bool) {
        assert(hasEnded && waiters.isEmpty && held.isEmpty && !isWriting, "an exchange serves one request at a time")
        asksForHead = request.asksForHead
        isHTTP10 = request.isHTTP10
        self.request = request
        self.connection = connection
        self.isFirst = isFirst
        phase = .open
        tag = 0
        if !parameters.isEmpty { parameters = [] }
        whenGone = nil
        status = nil
        bulkBytes = 0
        openChunk = nil
        isChunked = false
        dropsBody = false
        endsConnection = false
        endsByReset = false
        owesContinuation = false
        heldBodyBytes = 0
    }

    /// The memory of its request, unless somebody holds that one still.
    func giveStorage() -> (head: RequestHead, body: [UInt8])? { request.giveStorage() }

    /// What it holds while it is over.
    var keptBytes: Int { request.capacity + held.capacity }

    package func parameter(_ name: StaticString) -> String? { parameters.first { $0.name == name.description }?.value }

    /// The body, which the exchange no longer keeps. It counts against what the server may hold until the answer has ended, or its owner says that
    /// less of it is held.
    package func takeBody() -> [UInt8] {
        var body: [UInt8] = []
        swap(&body, &request.body)
        return body
    }

    /// So many bytes of the body, or of what was made of it, are still held.
    package func holds(ofBody bytes: Int) { countBody(bytes) }

    /// The numeric address of the client; empty when it is gone.
    package var peer: String { connection?.peer ?? "" }

    package var isGone: Bool { phase == .gone }
    package var hasEnded: Bool { phase == .ended }
    package var hasBegun: Bool { phase != .open }

    // MARK: Answering

    package func respond(_ response: HTTPResponse) {
        guard phase == .open, let connection else { return }
        if response.closesConnection { endsConnection = true }
        status = response.status
        var headers = response.headers
        // Required of every 401; bearer keys are what all clients of this API send.
        if response.status == .unauthorized, !headers.contains(where: { $0.isNamed("www-authenticate") }) { headers.append(Self.challenge) }
        connection.server.application.complete(&headers, of: self)
        let hasNoBody = response.status.hasNoBody
        var out = connection.takeOutput(of: self)
        connection.server.appendStart(of: response.status, to: &out)
        ResponseWriter.appendFields(headers, hasNoBody ? .none : .length(response.body.count), persistence(on: connection), to: &out)
        if !hasNoBody, !asksForHead { out.append(contentsOf: response.body) }
        connection.giveOutput(&out, of: self)
        end(on: connection)
    }

    private static let challenge = HTTPField("WWW-Authenticate", "Bearer")

    /// Begins an answer of unknown length: in chunks, or to a client of HTTP/1.0 until the connection ends.
    package func beginStream(_ status: HTTPStatus, headers: [HTTPField] = []) {
        guard phase == .open, let connection else { return }
        phase = .streaming
        self.status = status
        isChunked = !isHTTP10 && !status.hasNoBody
        dropsBody = status.hasNoBody || asksForHead
        if isHTTP10, !dropsBody { endsConnection = true }
        var headers = headers
        connection.server.application.complete(&headers, of: self)
        let framing: ResponseWriter.Framing = status.hasNoBody ? .none : isChunked ? .chunked : .untilClose
        var out = connection.takeOutput(of: self)
        connection.server.appendStart(of: status, to: &out)
        ResponseWriter.appendFields(headers, framing, persistence(on: connection), to: &out)
        connection.giveOutput(&out, of: self)
        connection.flushSoon()
    }

    /// `write` appends bytes of the body in place; it must not touch those that are there, and not the exchange.
    /// - Parameter inBulk: what may be much at once says nothing of how the client reads. Whoever appends so asks `isBackedUp` between.
    package func append(inBulk: Bool = false, _ write: (inout [UInt8]) -> Void) {
        guard phase == .streaming, !dropsBody, let connection else { return }
        precondition(!isWriting, "an append within an append")
        isWriting = true
        // Moved out and back: the closure may look at anything but the bytes.
        var out = connection.takeOutput(of: self)
        if isChunked, openChunk == nil { openChunk = ResponseWriter.beginChunk(in: &out) }
        let before = out.count
        write(&out)
        if inBulk { bulkBytes += out.count - before }
        connection.giveOutput(&out, of: self)
        isWriting = false
        connection.appended(self)
    }

    package func append(_ bytes: [UInt8]) { append { $0.append(contentsOf: bytes) } }

    package func endStream() {
        guard phase == .streaming, let connection else { return }
        if isChunked, !dropsBody {
            var out = connection.takeOutput(of: self)
            closeChunk(in: &out)
            ResponseWriter.appendLastChunk(to: &out)
            connection.giveOutput(&out, of: self)
        }
        end(on: connection)
    }

    /// The response cannot be completed. What was appended still leaves; then the connection ends in a way that the client takes for a failure.
    package func abort() {
        guard phase == .open || phase == .streaming, let connection else { return }
        endsConnection = true
        // Without chunks the end of the connection would be a good end.
        endsByReset = !isChunked
        if openChunk != nil {
            var out = connection.takeOutput(of: self)
            closeChunk(in: &out)
            connection.giveOutput(&out, of: self)
        }
        end(on: connection)
    }

    // MARK: Back-pressure

    /// Bytes of this response that the kernel has not taken.
    package var unsentBytes: Int { connection?.unsentBytes(of: self) ?? 0 }
    /// So much waits for the client that adding to it is no use; see `roomToWrite`.
    package var isBackedUp: Bool { unsentBytes >= (connection?.limits.backedUpBytes ?? .max) }

    /// Waits until the client has taken most of what waits. False when it is gone, or the deadline passed; of several that wait, also when that of
    /// another one has, or another one took the room. Each gets its turn.
    package func roomToWrite(until deadline: Instant) async -> Bool {
        guard phase == .streaming, let connection else { return false }
        guard isBackedUp else { return true }
        let loop = connection.loop
        guard loop.now < deadline else { return false }
        await withUnsafeContinuation { continuation in
            waiters.append(continuation)
            guard waiters.count == 1 || deadline < waitLimit else { return }
            loop.cancel(waitTimer)
            waitLimit = deadline
            waitTimer = loop.schedule(at: deadline) { [weak self] in self?.resume() }
        }
        return phase == .streaming && !isBackedUp
    }

    private func resume() {
        guard let first = waiters.first else { return }
        var woken: [UnsafeContinuation<Void, Never>] = []
        swap(&woken, &waiters)
        connection?.loop.cancel(waitTimer)
        waitTimer = nil
        // The one that waits longest backed the stream up last, and now comes last: so the room goes around.
        for waiter in woken.dropFirst() { waiter.resume() }
        first.resume()
    }

    // MARK: For the connection

    var endsWithReset: Bool { endsByReset }

    func received(body: [UInt8]) { request.body = body }

    /// Corrects how much of the request's body counts against what the server may hold.
    func countBody(_ bytes: Int) {
        connection?.server.heldBodyBytes += bytes - heldBodyBytes
        heldBodyBytes = bytes
    }

    func end(connection: Bool) { if connection { endsConnection = true } }

    /// Before bytes leave, the chunk that grows is closed.
    func closeChunk(in out: inout [UInt8]) {
        guard let place = openChunk else { return }
        openChunk = nil
        ResponseWriter.endChunk(at: place, in: &out)
    }

    /// The kernel took some: half of what backs a stream up must be gone before it goes on, so that it does so in strides.
    func tellOfRoom() {
        bulkBytes = min(bulkBytes, unsentBytes)
        guard !waiters.isEmpty, let connection, unsentBytes <= connection.limits.backedUpBytes / 2 else { return }
        resume()
    }

    /// It is too far behind: what is appended from now on is dropped, and the owner is told at the end of the turn, not within its own call.
    func cutOff() { phase = .gone }

    /// The client is not there any more.
    func becomeGone() {
        guard phase != .ended else { return }
        phase = .gone
        leave()
        let told = whenGone
        whenGone = nil
        told?()
    }

    private func end(on connection: HTTPConnection) {
        phase = .ended
        whenGone = nil
        // The connection lets go of it here, or later when its turn to be sent comes.
        leave()
        connection.ended(self)
    }

    private func leave() {
        resume()
        countBody(0)
        connection = nil
    }

    /// Decides whether the connection ends with this answer, since its head has to say so.
    private func persistence(on connection: HTTPConnection) -> ResponseWriter.Persistence {
        if connection.isLast(self) { endsConnection = true }
        return endsConnection ? .ends : isHTTP10 ? .staysByKeepAlive : .stays
    }
}
