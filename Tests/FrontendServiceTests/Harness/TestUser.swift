import ClusterModel
import EventLoop
import HTTPClient
import JSONText

/// What one client hears of its request, as it comes.
@LoopActor
final class Answer: HTTPClientHandler {
    private(set) var status = 0
    private(set) var head: HTTPClientHead?
    private(set) var body: [UInt8] = []
    /// Of a stream: the data of its events.
    private(set) var events: [String] = []
    private(set) var eventTimes: [Instant] = []
    private(set) var isEnded = false
    private(set) var error: HTTPClientError?
    private(set) var endedAt = Instant.zero
    private var reader = SSEReader()
    private let loop: Loop
    fileprivate var connection: HTTPClientConnection?

    init(on loop: Loop) { self.loop = loop }

    func answerBegan(_ head: HTTPClientHead) {
        self.head = head
        status = head.status
    }

    func answerReceived(_ part: UnsafeRawBufferPointer) {
        body.append(contentsOf: part)
        do throws(SSEReader.TooLong) {
            try reader.read(part) { event in
                events.append(event.text)
                eventTimes.append(loop.now)
            }
        } catch { preconditionFailure("\(error)") }
    }

    func answerEnded(_ error: HTTPClientError?) {
        isEnded = true
        endedAt = loop.now
        self.error = error
    }

    /// The client goes away.
    func leave() { connection?.close() }
    func setReading(_ reading: Bool) { connection?.isReading = reading }
    func header(_ name: StaticString) -> String? { head?[name] }

    // MARK: What it says

    var comments: Int { reader.comments }
    var isDone: Bool { events.last == "[DONE]" }
    var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
    var chunks: [JSONValue] { events.filter { $0 != "[DONE]" }.map { (try? JSONValue(parsing: $0)) ?? .null } }

    /// The text of a choice, however it was delivered.
    func text(_ choice: Int = 0) -> String {
        guard events.isEmpty else { return parts(of: choice).compactMap { ($0["delta"]?["content"] ?? $0["text"])?.asString }.joined() }
        let whole = json["choices"]?[choice]
        return (whole?["message"]?["content"] ?? whole?["text"])?.asString ?? ""
    }

    func finish(_ choice: Int = 0) -> String? {
        guard events.isEmpty else { return parts(of: choice).compactMap { $0["finish_reason"]?.asString }.joined(separator: "+") }
        return json["choices"]?[choice]?["finish_reason"]?.asString
    }

    /// The code of the error in the body, or of the last event.
    var errorCode: String? { (events.isEmpty ? json : chunks.last ?? .null)["error"]?["code"]?.asString }
    var errorEvents: Int { chunks.count { $0["error"] != nil } }
    func usage(_ name: String) -> Int? {
        let all = events.isEmpty ? [json] : chunks
        return all.compactMap { $0["usage"]?[name]?.asInt }.last
    }

    private func parts(of choice: Int) -> [JSONValue] {
        chunks.flatMap { $0["choices"]?.asArray ?? [] }.filter { $0["index"]?.asInt == choice }
    }
}

/// A process full of clients, a connection each.
@LoopActor
final class TestUsers {
    private let loop: Loop
    private let sockets: any SocketSystem
    private let server: (host: String, port: UInt16)
    private var kept: HTTPClientConnection?

    init(on loop: Loop, sockets: any SocketSystem, server: (host: String, port: UInt16)) {
        self.loop = loop
        self.sockets = sockets
        self.server = server
    }

    func send(_ request: HTTPClientRequest, reading: Bool = true, keepingConnection: Bool = false) -> Answer {
        let answer = Answer(on: loop)
        let connection = keepingConnection ? kept ?? connection() : connection()
        if keepingConnection { kept = connection }
        answer.connection = connection
        connection.isReading = reading
        connection.start(request, until: loop.now + .seconds(7_200), answer)
        return answer
    }

    private func connection() -> HTTPClientConnection {
        HTTPClientConnection(on: loop, sockets: sockets, host: server.host, port: server.port)
    }
}
