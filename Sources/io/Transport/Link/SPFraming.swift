import WireProtocol

/// The wire format of an SP stream: an 8-byte greeting, then messages behind their 64-bit big-endian length.
///
/// Links speak it as PAIR0, feeds as PUB0 and SUB0, so that ordinary nng sockets can be peers. Facts: `proto-spec/02-negotiation.md#transport`.
struct SPFraming {
    /// Protocols of nng's, by the numbers in their greetings.
    enum Role: UInt8 {
        case pair = 0x10
        case publisher = 0x20
        case subscriber = 0x21
    }

    static func greeting(of role: Role) -> [UInt8] { [0x00, 0x53, 0x50, 0x00, 0x00, role.rawValue, 0x00, 0x00] }
    static let greeting = greeting(of: .pair)
    static let lengthBytes = 8

    enum Problem: Error { case notSP, wrongProtocol, tooLong }

    private let peerGreeting: [UInt8]
    private(set) var isGreeted = false
    /// The longest message that is taken now; checked before memory is.
    var maximum: Int

    /// What the next message needs in one piece, with its length.
    private(set) var wanted = greeting.count

    init(from peer: Role = .pair, maximum: Int = Limits.handshakeBytes) {
        peerGreeting = peer == .pair ? Self.greeting : Self.greeting(of: peer)
        self.maximum = maximum
    }

    /// The place of the next whole message in `bytes` after `offset`, or nil until there is more. `offset` moves past what was used.
    mutating func next(in bytes: UnsafeRawBufferPointer, from offset: inout Int) throws(Problem) -> Range<Int>? {
        if !isGreeted {
            guard bytes.count - offset >= Self.greeting.count else { return nil }
            for index in 0..<4 where bytes[offset + index] != peerGreeting[index] { throw .notSP }
            for index in 4..<8 where bytes[offset + index] != peerGreeting[index] { throw .wrongProtocol }
            offset += Self.greeting.count
            isGreeted = true
            wanted = Self.lengthBytes
        }
        guard bytes.count - offset >= Self.lengthBytes else {
            wanted = Self.lengthBytes
            return nil
        }
        let length = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        guard length <= UInt64(maximum) else { throw .tooLong }
        wanted = Self.lengthBytes + Int(length)
        guard bytes.count - offset >= wanted else { return nil }
        let start = offset + Self.lengthBytes
        offset += wanted
        wanted = Self.lengthBytes
        return start..<offset
    }

    /// Leaves room for the length of a message that is appended next; `endMessage` fills it in.
    static func beginMessage(in bytes: inout [UInt8]) -> Int {
        bytes.appendLittleEndian(UInt64(0))
        return bytes.count
    }

    /// `beyond`: bytes of the message that leave behind these.
    static func endMessage(at start: Int, in bytes: inout [UInt8], beyond: Int = 0) {
        bytes.storeLittleEndian(UInt64(bytes.count - start + beyond).byteSwapped, at: start - lengthBytes)
    }
}

extension [UInt8] {
    /// Outside a link's isolation, about which its closures would ask the runtime each time.
    mutating func append(_ message: RawSpan) { message.withUnsafeBytes { append(contentsOf: $0) } }
}
