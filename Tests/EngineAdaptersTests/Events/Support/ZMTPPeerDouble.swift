import ClusterModel
@testable import EngineAdapters
import EventLoop

/// The listening side of ZMTP for tests, written apart from the client: it greets, says what socket it is, and shows what it hears.
@LoopActor
final class ZMTPPeerDouble: ByteSocketOwner {
    private let socket: any ByteSocket
    private let socketType: String
    private let minor: UInt8
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    private var hasGreeted = false
    private(set) var topics: [[UInt8]] = []
    private(set) var heartbeats = 0
    private(set) var isGone = false
    /// Answers no heartbeat.
    var isDeaf = false
    var heard: (@LoopActor (ZMTPPeerDouble, [[UInt8]]) -> Void)?
    var subscribed: (@LoopActor (ZMTPPeerDouble) -> Void)?
    private var parts: [[UInt8]] = []

    init(_ socket: any ByteSocket, as socketType: String, minor: UInt8 = 1) {
        self.socket = socket
        self.socketType = socketType
        self.minor = minor
        socket.start(self)
        var greeting = [UInt8](repeating: 0, count: 64)
        greeting[0] = 0xFF
        greeting[9] = 0x7F
        greeting[10] = 3
        greeting[11] = minor
        for (index, byte) in "NULL".utf8.enumerated() { greeting[12 + index] = byte }
        raw(greeting)
    }

    nonisolated static func ready(_ socketType: String) -> [UInt8] {
        let body =
            [5] + Array("READY".utf8) + [11] + Array("Socket-Type".utf8) + [0, 0, 0, UInt8(socketType.utf8.count)] + Array(socketType.utf8)
        return [4, UInt8(body.count)] + body
    }

    func raw(_ bytes: [UInt8]) {
        output += bytes
        flush()
    }

    func send(_ message: [[UInt8]]) {
        var bytes: [UInt8] = []
        for (index, frame) in message.enumerated() {
            let more: UInt8 = index + 1 < message.count ? 1 : 0
            bytes +=
                frame.count < 256
                ? [more, UInt8(frame.count)] : [more | 2] + withUnsafeBytes(of: UInt64(frame.count).bigEndian) { Array($0) }
            bytes += frame
        }
        raw(bytes)
    }

    func reset() {
        isGone = true
        socket.reset()
    }

    private func flush() {
        guard !isGone, !output.isEmpty else { return }
        if case .taken(let count) = output.withUnsafeBytes({ socket.send($0) }) {
            output.removeFirst(count)
            socket.setWriting(!output.isEmpty)
        }
    }

    func socketReady(_ events: FileEvents) {
        if events.contains(.hangup) {
            isGone = true
            return socket.close()
        }
        if events.contains(.writable) { flush() }
        guard events.contains(.readable) else { return }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        guard case .bytes(let count) = buffer.withUnsafeMutableBytes({ socket.receive(into: $0) }) else { return }
        input += buffer[..<count]
        if !hasGreeted, input.count >= 64 {
            hasGreeted = true
            input.removeFirst(64)
            raw(Self.ready(socketType))
        }
        while hasGreeted, let frame = nextFrame() { take(frame.flags, frame.body) }
    }

    private func nextFrame() -> (flags: UInt8, body: [UInt8])? {
        guard input.count >= 2 else { return nil }
        var head = 2, length = Int(input[1])
        if input[0] & 2 != 0 {
            guard input.count >= 9 else { return nil }
            head = 9
            length = input[1..<9].reduce(0) { $0 << 8 | Int($1) }
        }
        guard input.count >= head + length else { return nil }
        defer { input.removeFirst(head + length) }
        return (input[0], Array(input[head..<head + length]))
    }

    private func take(_ flags: UInt8, _ body: [UInt8]) {
        if flags & 4 != 0 {
            if body.starts(with: [9] + Array("SUBSCRIBE".utf8)) { subscribe(Array(body.dropFirst(10))) }
            if body.starts(with: [4] + Array("PING".utf8)) {
                heartbeats += 1
                if !isDeaf { raw([4, 5, 4] + Array("PONG".utf8)) }
            }
            return
        }
        if socketType == "PUB", minor == 0, body.first == 1 { return subscribe(Array(body.dropFirst())) }
        parts.append(body)
        guard flags & 1 == 0 else { return }
        let message = parts
        parts = []
        heard?(self, message)
    }

    private func subscribe(_ topic: [UInt8]) {
        topics.append(topic)
        subscribed?(self)
    }
}
