import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// A peer that speaks bytes: it frames by itself, and may say anything.
@LoopActor
final class RawPeer: ByteStreamOwner {
    nonisolated static let greeting: [UInt8] = [0x00, 0x53, 0x50, 0x00, 0x00, 0x10, 0x00, 0x00]

    let stream: any ByteStream
    private(set) var bytes: [UInt8] = []
    private(set) var deliveries = 0
    private(set) var largestDelivery = 0
    private(set) var closed: [TransportError] = []
    private(set) var closedAt: Instant?
    private let loop: Loop
    var keeps = true
    private(set) var count = 0

    init(_ stream: any ByteStream, loop: Loop, reading: Bool = true) {
        self.stream = stream
        self.loop = loop
        if !reading { stream.setReading(false) }
        stream.start(self)
    }

    nonisolated static func dial(_ address: Address, from process: any TestProcess, reading: Bool = true) async throws -> RawPeer {
        let loop = process.loop, network = process.network
        return try await process.run {
            let promise = Promise<Result<any ByteStream, TransportError>>(on: loop)
            network.dial(address, timeout: .seconds(5)) { promise.fulfil($0) }
            guard let result = await promise.wait(until: loop.now + .seconds(10)) else { throw TimedOut("a raw dial") }
            return RawPeer(try result.get(), loop: loop, reading: reading)
        }
    }

    func send(_ bytes: [UInt8]) {
        var copy = bytes
        stream.send(&copy)
    }

    // MARK: Messages

    nonisolated static func frame(_ message: [UInt8]) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: message.count >> (56 - 8 * $0)) } + message
    }

    nonisolated static func length(_ value: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) } }

    nonisolated static func frame<M: WireMessage>(_ message: M, flags: MessageHeader.Flags = [], number: UInt64 = 0) -> [UInt8] {
        var bytes: [UInt8] = []
        Codec.append(message, flags: flags, number: number, to: &bytes)
        return frame(bytes)
    }

    nonisolated static func hello(_ policy: LinkPolicy = Policies.dialer(), kind: LinkKind = .data) -> Hello {
        var hello = Hello()
        hello.link = kind
        hello.oldestMinor = policy.oldestMinor
        hello.newestMinor = policy.newestMinor
        hello.features = policy.features
        hello.cluster = policy.cluster
        hello.identity = policy.identity
        return hello
    }

    /// All whole messages that came, after the greeting.
    var messages: [(header: MessageHeader, body: [UInt8])] {
        var result: [(header: MessageHeader, body: [UInt8])] = []
        var offset = Self.greeting.count
        while bytes.count >= offset + 8 {
            let length = bytes[offset..<(offset + 8)].reduce(0) { $0 << 8 | Int($1) }
            guard bytes.count >= offset + 8 + length else { break }
            let message = Array(bytes[(offset + 8)..<(offset + 8 + length)])
            if let header = try? MessageHeader(reading: message.span.bytes) {
                result.append((header, Array(message.dropFirst(MessageHeader.byteCount))))
            }
            offset += 8 + length
        }
        return result
    }

    func first<M: WireMessage>(_ type: M.Type) -> M? {
        for (header, body) in messages where header.rawKind == M.kind.rawValue {
            if let message = try? Codec.decodeBody(type, from: body.span.bytes) { return message }
        }
        return nil
    }

    // MARK: ByteStreamOwner

    var wantedBytes: Int { 1 }

    func streamReceived(_ more: UnsafeRawBufferPointer) -> Int {
        deliveries += 1
        count += more.count
        largestDelivery = max(largestDelivery, more.count)
        if keeps { bytes.append(contentsOf: more) }
        return more.count
    }

    private(set) var drained = 0
    func streamDrained() { drained += 1 }

    func streamClosed(_ error: TransportError) {
        closed.append(error)
        closedAt = loop.now
        stream.close()
    }
}

/// A question and its answer, as a service would have them.
struct Ask: WireMessage, Hashable {
    static let kind = MessageKind.openSession
    var value: UInt64 = 0
    var padding: [UInt8] = []
    init() {}
    init(_ value: UInt64, padding: [UInt8] = []) {
        self.value = value
        self.padding = padding
    }
    mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("value", &value)
        try coder.bytes("padding", &padding, atMost: Limits.messageBytes)
    }
}

struct Reply: WireMessage, Hashable {
    static let kind = MessageKind.sessionOpened
    var value: UInt64 = 0
    var padding: [UInt8] = []
    init() {}
    init(_ value: UInt64, padding: [UInt8] = []) {
        self.value = value
        self.padding = padding
    }
    mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("value", &value)
        try coder.bytes("padding", &padding, atMost: Limits.messageBytes)
    }
}

/// A question that belongs to control links only.
struct Misplaced: WireMessage {
    static let kind = MessageKind.registerWorker
    init() {}
    mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {}
}

extension Link {
    /// A message of a body that is all there is to it.
    @LoopActor func post(_ number: UInt64, _ body: [UInt8]) {
        send(MessageHeader(kind: .tokenBatch, number: number)) { $0.append(contentsOf: body) }
    }
}
