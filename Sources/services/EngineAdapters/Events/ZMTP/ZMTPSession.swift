/// One side of a ZMTP 3 connection without a socket: bytes in, messages out, and what is to be answered. The mechanism is NULL.
///
/// It takes messages of topics as a subscriber, or asks and is answered as a dealer. Whatever the peer sends, what is kept of it is bounded by
/// one message.
struct ZMTPSession {
    enum Role: Hashable, Sendable {
        /// Messages whose first frame begins with this.
        case subscriber(topic: [UInt8])
        case dealer

        var socketType: String {
            switch self {
            case .subscriber: "SUB"
            case .dealer: "DEALER"
            }
        }

        var peers: [String] {
            switch self {
            case .subscriber: ["PUB", "XPUB"]
            case .dealer: ["ROUTER", "REP", "DEALER"]
            }
        }
    }

    enum Event: Hashable {
        /// The opening is over, and the topic was asked for.
        case ready
        case message([[UInt8]])
        /// The peer answered a heartbeat.
        case alive
    }

    private enum Phase { case greeting, handshake, open }

    private let role: Role
    private var phase = Phase.greeting
    private var input: [UInt8] = []
    private var frames: [[UInt8]] = []
    private var frameBytes = 0
    private var peerMinor: UInt8 = 0

    private static let greetingBytes = 64
    private static let mechanism = 12..<32
    /// Where the major version stands: a peer of another protocol is known by what comes up to here.
    private static let versionPlace = 10
    /// Names and reasons in a peer's words are repeated up to here.
    private static let quotedBytes = 64

    init(_ role: Role) { self.role = role }

    /// The peer understands heartbeats by the specification, and topics as commands.
    var speaksCommands: Bool { phase == .open && peerMinor >= 1 }

    /// What is said first.
    static var greeting: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: greetingBytes)
        bytes.replaceSubrange(0..<1, with: [0xFF])
        bytes.replaceSubrange(9..<12, with: [0x7F, 3, 1])
        bytes.replaceSubrange(12..<16, with: "NULL".utf8)
        return bytes
    }

    /// A question of ours whether the peer lives. The peer may give us up when it hears nothing for so many tenths of a second.
    static func appendHeartbeat(deadlineTenths: UInt16, to output: inout [UInt8]) {
        ZMTPFrame.appendCommand("PING", ZMTPFrame.bigEndian(deadlineTenths), to: &output)
    }

    // MARK: Receiving

    /// Takes what arrived; `output` gets what is to be sent.
    mutating func received(_ bytes: UnsafeRawBufferPointer, output: inout [UInt8], _ tell: (Event) -> Void) throws(ZMTPError) {
        input.append(contentsOf: bytes)
        var used = 0
        while let count = try next(from: used, &output, tell) { used += count }
        if used == input.count {
            input.removeAll(keepingCapacity: input.capacity <= Self.keptBytes)
        } else if used > 0 {
            input.removeFirst(used)
        }
    }

    /// A busy engine's batches fit; what a large one took is given back.
    private static let keptBytes = 64 << 10

    /// How many bytes were used; nil: more must come.
    private mutating func next(from start: Int, _ output: inout [UInt8], _ tell: (Event) -> Void) throws(ZMTPError) -> Int? {
        if phase == .greeting { return try takeGreeting(&output) }
        let limit = EngineEventLimits.messageBytes - frameBytes
        guard let head = try ZMTPFrame.Head(input[start...], limit: limit), input.count - start - head.headBytes >= head.bodyBytes else {
            return nil
        }
        let body = Array(input[start + head.headBytes..<start + head.headBytes + head.bodyBytes])
        try take(ZMTPFrame(flags: head.flags, body: body), &output, tell)
        return head.headBytes + head.bodyBytes
    }

    private mutating func takeGreeting(_ output: inout [UInt8]) throws(ZMTPError) -> Int? {
        guard input.first ?? 0xFF == 0xFF, input.count < Self.versionPlace || input[9] == 0x7F else { throw .notZMTP }
        if input.count > Self.versionPlace, input[Self.versionPlace] < 3 { throw .oldVersion(input[Self.versionPlace]) }
        guard input.count >= Self.greetingBytes else { return nil }
        let name = input[Self.mechanism].prefix { $0 != 0 }
        guard name.elementsEqual("NULL".utf8) else { throw .mechanism(Self.quoted(name)) }
        // Of later majors the newest that is known is spoken, by the rule of the protocol.
        peerMinor = input[Self.versionPlace] > 3 ? 1 : input[Self.versionPlace + 1]
        let type = Self.property("Socket-Type", role.socketType) + Self.property("Identity", "")
        ZMTPFrame.appendCommand("READY", type, to: &output)
        phase = .handshake
        return Self.greetingBytes
    }

    private mutating func take(_ frame: ZMTPFrame, _ output: inout [UInt8], _ tell: (Event) -> Void) throws(ZMTPError) {
        if frame.isCommand {
            guard frames.isEmpty else { throw .malformed("a command within a message") }
            return try takeCommand(frame.body, &output, tell)
        }
        guard phase == .open else { throw .malformed("a message before the opening is over") }
        guard frames.count < EngineEventLimits.framesPerMessage else { throw .malformed("a message of too many frames") }
        frames.append(frame.body)
        frameBytes += frame.body.count
        guard !frame.hasMore else { return }
        let message = frames
        frames = []
        frameBytes = 0
        tell(.message(message))
    }

    // MARK: Commands

    private mutating func takeCommand(_ body: [UInt8], _ output: inout [UInt8], _ tell: (Event) -> Void) throws(ZMTPError) {
        guard let length = body.first, body.count > Int(length) else { throw .malformed("a command without a name") }
        let name = body[1..<1 + Int(length)], data = body[(1 + Int(length))...]
        switch (phase, String(decoding: name, as: UTF8.self)) {
        case (.handshake, "READY"):
            try takeReady(data)
            phase = .open
            if case .subscriber(let topic) = role { subscribe(to: topic, &output) }
            tell(.ready)
        case (_, "ERROR"): throw .refused(Self.quoted(data.dropFirst()))
        case (.open, "PING"):
            // The time in which the peer wants to hear of us, which is our affair, then what it wants to have back.
            guard data.count >= 2 else { throw .malformed("a heartbeat without a time") }
            ZMTPFrame.appendCommand("PONG", Array(data.dropFirst(2).prefix(Self.heartbeatContextBytes)), to: &output)
        case (.open, "PONG"): tell(.alive)
        case (.open, _): break  // of a later version
        default: throw .malformed("the opening begins with another command than READY")
        }
    }

    /// By the specification; a peer cannot make us say more.
    private static let heartbeatContextBytes = 16

    private func takeReady(_ data: ArraySlice<UInt8>) throws(ZMTPError) {
        var rest = data, type: String?
        while let nameLength = rest.first {
            let name = rest.dropFirst().prefix(Int(nameLength))
            let lengthBytes = rest.dropFirst(1 + Int(nameLength)).prefix(4)
            guard name.count == Int(nameLength), lengthBytes.count == 4 else { throw .malformed("a property is cut short") }
            let length = lengthBytes.reduce(0) { $0 << 8 | Int($1) }
            let value = rest.dropFirst(5 + Int(nameLength)).prefix(length)
            guard value.count == length else { throw .malformed("a property is cut short") }
            if String(decoding: name, as: UTF8.self).lowercased() == "socket-type" { type = Self.quoted(value) }
            rest = rest.dropFirst(5 + Int(nameLength) + length)
        }
        guard let type, role.peers.contains(type) else { throw .socketType(type ?? "of no type") }
    }

    private func subscribe(to topic: [UInt8], _ output: inout [UInt8]) {
        if peerMinor >= 1 {
            ZMTPFrame.appendCommand("SUBSCRIBE", topic, to: &output)
        } else {
            ZMTPFrame.append([1] + topic, flags: 0, to: &output)
        }
    }

    private static func property(_ name: String, _ value: String) -> [UInt8] {
        [UInt8(truncatingIfNeeded: name.utf8.count)] + Array(name.utf8) + ZMTPFrame.bigEndian(UInt32(truncatingIfNeeded: value.utf8.count))
            + Array(value.utf8)
    }

    /// A peer's words for a log: a few, and no control characters.
    private static func quoted(_ bytes: some Collection<UInt8>) -> String {
        String(decoding: bytes.prefix(quotedBytes).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}
