import EventLoop

/// A server that says what the test wants, byte for byte: what a real one said once, part of it, or what none would say.
@LoopActor
final class ServerDouble {
    struct Asked: Sendable {
        let target: String
        let head: String
        let body: String
    }

    struct Answer: Sendable {
        var bytes: [UInt8]
        /// So many at a time, with a pause between.
        var piece = Int.max
        /// The connection ends behind it.
        var closes = false
        /// More of it would follow.
        var isPart = false

        init(_ bytes: [UInt8], piece: Int = .max, closes: Bool = false, isPart: Bool = false) {
            self.bytes = bytes
            self.piece = piece
            self.closes = closes
            self.isPart = isPart
        }

        static func json(_ text: String) -> Answer { json(200, text) }

        static func json(_ status: Int, _ text: String) -> Answer {
            Answer(
                Array("HTTP/1.1 \(status) X\r\nContent-Type: application/json\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)".utf8))
        }

        /// A stream that does not end.
        static func events(_ events: [String], ends: Bool = false) -> Answer {
            var text = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            for event in events {
                let data = "data: \(event)\n\n"
                text += "\(String(data.utf8.count, radix: 16))\r\n\(data)\r\n"
            }
            return Answer(Array((text + (ends ? "0\r\n\r\n" : "")).utf8), isPart: !ends)
        }

        /// Nothing, for ever.
        static let silence = Answer([], isPart: true)
    }

    let loop: Loop
    /// By target; others are 404.
    var answers: [String: @Sendable (Asked) -> Answer] = [:]
    private(set) var asked: [Asked] = []
    /// Clients that left before they had all of an answer.
    private(set) var departures = 0
    private(set) var connections = 0
    /// Connections end without an answer, as those of a server that is going.
    var isClosing = false
    private var listener: (any SocketListener)?
    private var open: [DoubleConnection] = []

    init(on loop: Loop) { self.loop = loop }

    func listen(_ sockets: any SocketSystem, port: UInt16) throws(SystemError) {
        listener = try sockets.listen(host: "0.0.0.0", port: port) { [weak self] socket in
            guard let self else { return socket.close() }
            connections += 1
            let connection = DoubleConnection(socket, self)
            open.append(connection)
            socket.start(connection)
        }
    }

    /// As a process that is killed: nobody is there any more.
    func die() {
        listener?.close()
        listener = nil
        for connection in open { connection.end() }
        open.removeAll()
    }

    func targets() -> [String] { asked.map(\.target) }

    fileprivate func answer(_ question: Asked) -> Answer? {
        asked.append(question)
        guard !isClosing else { return nil }
        return answers[question.target]?(question) ?? .json(404, #"{"detail":"Not Found"}"#)
    }

    fileprivate func departed() { departures += 1 }
}

@LoopActor
private final class DoubleConnection: ByteSocketOwner {
    private var socket: (any ByteSocket)?
    private let double: ServerDouble
    private var input: [UInt8] = []
    private var output: ArraySlice<UInt8> = []
    private var piece = Int.max
    private var closes = false
    private var isPart = false
    private var isAnswering = false

    init(_ socket: any ByteSocket, _ double: ServerDouble) {
        self.socket = socket
        self.double = double
    }

    func end() {
        socket?.close()
        socket = nil
    }

    func socketReady(_ events: FileEvents) {
        guard let socket else { return }
        if events.contains(.writable) { write() }
        if events.contains(.readable) || events.contains(.broken) {
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 8)
            defer { memory.deallocate() }
            reading: while true {
                switch socket.receive(into: memory) {
                case .bytes(let count): input.append(contentsOf: memory[..<count])
                case .nothing: break reading
                case .ended, .failed: return left()
                }
            }
            take()
        }
        if events.contains(.hangup) || events.contains(.broken) { left() }
    }

    private func left() {
        guard socket != nil else { return }
        if isAnswering { double.departed() }
        end()
    }

    private func take() {
        guard !isAnswering, let end = (0..<input.count).first(where: { input[$0...].starts(with: [13, 10, 13, 10]) }) else { return }
        let head = String(decoding: input[..<end], as: UTF8.self)
        let length =
            head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }.flatMap {
                Int($0.split(separator: " ").last ?? "")
            } ?? 0
        guard input.count >= end + 4 + length else { return }
        let body = String(decoding: input[(end + 4)..<(end + 4 + length)], as: UTF8.self)
        input.removeFirst(end + 4 + length)
        let words = head.split(separator: " ")
        guard words.count > 1, let answer = double.answer(.init(target: String(words[1]), head: head, body: body)) else {
            return self.end()
        }
        isAnswering = true
        output = answer.bytes[...]
        piece = answer.piece
        closes = answer.closes
        isPart = answer.isPart
        if output.isEmpty { wrote() } else { write() }
    }

    private func write() {
        guard let socket, !output.isEmpty else { return }
        let part = output.prefix(piece)
        guard case .taken(let count) = part.withUnsafeBytes({ socket.send($0) }) else { return left() }
        output = output.dropFirst(count)
        if !output.isEmpty {
            if piece == .max { return socket.setWriting(true) }
            double.loop.schedule(after: .milliseconds(1)) { [weak self] in self?.write() }
            return
        }
        socket.setWriting(false)
        wrote()
    }

    private func wrote() {
        if closes { return end() }
        guard !isPart else { return }
        isAnswering = false
        take()
    }
}
