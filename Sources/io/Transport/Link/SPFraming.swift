import WireProtocol

/// The wire format of an SP stream: an 8-byte greeting, then messages behind their 64-bit big-endian length.
///
/// We speak it as PAIR0, so that an ordinary nng PAIR0 socket can be a peer. Facts: `proto-spec/02-negotiation.md#transport`.
struct SPFraming {
    static let greeting: [UInt8] = [0x00, 0x53, 0x50, 0x00, 0x00, 0x10, 0x00, 0x00]
    static let lengthBytes = 8

    enum Problem: Error { case notSP, wrongProtocol, tooLong }

    private(set) var isGreeted = false
    /// The longest message that is taken now; checked before memory is.
    var maximum = Limits.handshakeBytes

    /// What the next message needs in one piece, with its length.
    private(set) var wanted = greeting.count

    /// The place of the next whole message in `bytes` after `offset`, or nil until there is more. `offset` moves past what was used.
    mutating func next(in bytes: UnsafeRawBufferPointer, from offset: inout Int) throws(Problem) -> Range<Int>? {
        if !isGreeted {
            guard bytes.count - offset >= Self.greeting.count else { return nil }
            for index in 0..<4 where bytes[offset + index] != Self.greeting[index] { throw .notSP }
            for index in 4..<8 where bytes[offset + index] != Self.greeting[index] { throw .wrongProtocol }
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
