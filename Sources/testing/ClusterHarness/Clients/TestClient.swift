import ClusterModel
package import EventLoop
package import JSONText

/// How a client behaves while it is answered.
package struct ClientConduct: Hashable, Sendable {
    /// Reads at most so many bytes each `readInterval`; nil: all there is, at once.
    package var readBytes: Int?
    package var readInterval = Duration.milliseconds(10)
    /// Sends at most so many bytes of the request each `readInterval`.
    package var writeBytes: Int?
    /// Leaves, without a word, when so many events came; 0: at the first byte of the answer.
    package var leavesAfterEvents: Int?
    /// Leaves after this long, whatever came.
    package var leavesAfter: Duration?
    /// With a reset instead of an end.
    package var leavesAbruptly = false
    /// How long it waits in all before it calls the server hung.
    package var patience = Duration.seconds(60)
    /// The key that it presents.
    package var key: String?

    package init() {}
}

/// What a client saw of one exchange.
package struct ClientReply: Sendable {
    package enum Ending: Hashable, Sendable {
        /// The whole answer came, well-formed.
        case answered
        /// The client left, as it had in mind.
        case left
        /// No connection, or it broke: what the client's system said.
        case broken(String)
        /// The answer is no HTTP, or no answer of ours.
        case malformed(String)
        /// Nothing ended the exchange within the client's patience.
        case hung
    }

    package var ending = Ending.hung
    package var status = 0
    package var headers: [(name: String, value: String)] = []
    /// Of an answer that is no stream of events.
    package var body: [UInt8] = []
    package var isStream = false
    package var events = EventReader()
    /// When each event came, since the request was begun.
    package var eventTimes: [Duration] = []
    package var took = Duration.zero

    package subscript(header: String) -> String? { headers.first { $0.name == header }?.value }
    package var text: String { String(decoding: body, as: UTF8.self) }
    package var json: JSONValue? { try? JSONValue(parsing: body) }
}

/// A client of HTTP/1.1 that does one exchange on a connection of its own, on real sockets or in a simulation.
@LoopActor
package final class TestClient {
    package static let connectLimit = Duration.seconds(5)

    private let loop: Loop
    private let sockets: any SocketSystem
    /// Into the network where it stands; nil: this process's own.
    private let door: NamespaceDoor?
    package let host: String
    package let port: UInt16

    package init(on loop: Loop, sockets: any SocketSystem, host: String, port: UInt16, through door: NamespaceDoor? = nil) {
        self.loop = loop
        self.door = door
        self.sockets = sockets
        self.host = host
        self.port = port
    }

    package func get(_ path: String, _ conduct: ClientConduct = ClientConduct()) async -> ClientReply {
        await exchange("GET", path, [], conduct)
    }

    package func post(_ path: String, _ body: [UInt8], _ conduct: ClientConduct = ClientConduct()) async -> ClientReply {
        await exchange("POST", path, body, conduct)
    }

    package func chat(_ request: ChatRequest, _ conduct: ClientConduct = ClientConduct()) async -> ChatReply {
        ChatReply(await post(request.path, request.body, conduct), to: request)
    }

    private func exchange(_ method: String, _ path: String, _ body: [UInt8], _ conduct: ClientConduct) async -> ClientReply {
        var request = "\(method) \(path) HTTP/1.1\r\nhost: \(host):\(port)\r\nconnection: close\r\n"
        if let key = conduct.key { request += "authorization: Bearer \(key)\r\n" }
        if method == "POST" { request += "content-type: application/json\r\ncontent-length: \(body.count)\r\n" }
        let bytes = Array((request + "\r\n").utf8) + body
        if let door { return await door.exchange(bytes, host: host, port: port, conduct, home: loop) ?? ClientReply() }
        let exchange = ClientExchange(on: loop, conduct), done = Promise<ClientReply>(on: loop)
        exchange.begin(bytes) { done.fulfil($0) }
        sockets.connect(host: host, port: port, timeout: Self.connectLimit) { exchange.connected($0) }
        // The exchange has its own bound, the client's patience.
        let bound = loop.now + conduct.patience + Self.connectLimit
        return await done.wait(until: bound) ?? ClientReply()
    }
}

/// An answer to a chat or text completion.
package struct ChatReply: Sendable, CustomStringConvertible {
    package let http: ClientReply
    package let answer: ChatAnswer

    init(_ http: ClientReply, to request: ChatRequest) {
        self.http = http
        guard http.isStream else {
            let hasBody = http.ending == .answered
            answer = hasBody ? ChatAnswer(unary: http.body, plain: request.isPlain) : ChatAnswer()
            return
        }
        var answer = ChatAnswer()
        for event in http.events.events { answer.take(event, plain: request.isPlain) }
        self.answer = answer
    }

    /// Of the first choice.
    package var text: String { answer.choices.first?.text ?? "" }
    package var isComplete: Bool { http.ending == .answered && http.status == 200 && answer.isComplete && violations.isEmpty }
    /// The server said why there is no answer, or no more of it.
    package var isTypedError: Bool { http.ending == .answered && answer.failure != nil && violations.isEmpty }
    package var violations: [String] { http.events.violations + answer.violations }

    /// One line for the messages of failed tests.
    package var description: String { summary }
    package var summary: String {
        let error = answer.failure.map { " \($0.code ?? $0.type): \($0.message)" } ?? ""
        return "\(http.ending), status \(http.status), \(http.events.events.count) events, \(text.utf8.count) bytes of text,"
            + " finish \(answer.choices.first?.finishReason ?? "-")\(error) \(violations)"
    }
}
