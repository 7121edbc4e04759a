import WireProtocol

/// A stream of the SP protocol taken apart: its greeting, and whole messages. The bytes come from this side's own links, which frame well.
struct MessageSplitter {
    private var pending: [UInt8] = []
    private var offset = 0
    private var isGreeted = false

    private static let greetingBytes = 8, lengthBytes = 8

    mutating func append(_ bytes: some Sequence<UInt8>) {
        if offset == pending.count {
            pending.removeAll(keepingCapacity: true)
            offset = 0
        }
        pending.append(contentsOf: bytes)
    }

    /// Once, when it is there.
    mutating func takeGreeting() -> [UInt8]? {
        guard !isGreeted, pending.count - offset >= Self.greetingBytes else { return nil }
        isGreeted = true
        return take(Self.greetingBytes)
    }

    /// The next whole message behind the greeting.
    mutating func next() -> [UInt8]? {
        guard isGreeted, pending.count - offset >= Self.lengthBytes else { return nil }
        let length = pending[offset..<(offset + Self.lengthBytes)].reduce(0) { $0 << 8 | UInt64($1) }
        guard UInt64(pending.count - offset - Self.lengthBytes) >= length else { return nil }
        offset += Self.lengthBytes
        return take(Int(length))
    }

    private mutating func take(_ count: Int) -> [UInt8] {
        defer { offset += count }
        return Array(pending[offset..<(offset + count)])
    }

    /// Appends the message behind its length.
    static func append(_ message: [UInt8], to bytes: inout [UInt8]) {
        bytes.appendLittleEndian(UInt64(message.count).byteSwapped)
        bytes.append(contentsOf: message)
    }
}
