/// A frame of ZMTP 3: a byte of flags, its length in one byte or eight, and its bytes.
struct ZMTPFrame: Hashable {
    static let more: UInt8 = 1
    static let long: UInt8 = 2
    static let command: UInt8 = 4

    var flags: UInt8
    var body: [UInt8]

    var isCommand: Bool { flags & Self.command != 0 }
    var hasMore: Bool { flags & Self.more != 0 }

    /// What one is, as far as its head says.
    struct Head: Hashable {
        var flags: UInt8
        var headBytes: Int
        var bodyBytes: Int

        /// Nil while more of it is to come.
        init?(_ bytes: ArraySlice<UInt8>, limit: Int) throws(ZMTPError) {
            guard let flags = bytes.first else { return nil }
            guard flags & ~(ZMTPFrame.more | ZMTPFrame.long | ZMTPFrame.command) == 0 else { throw .malformed("unknown flags") }
            guard flags & ZMTPFrame.command == 0 || flags & ZMTPFrame.more == 0 else { throw .malformed("a command in parts") }
            let lengthBytes = flags & ZMTPFrame.long == 0 ? 1 : 8
            guard bytes.count > lengthBytes else { return nil }
            let length = bytes.dropFirst().prefix(lengthBytes).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard length <= UInt64(limit) else { throw .tooLarge(limit: limit) }
            self.flags = flags
            headBytes = 1 + lengthBytes
            bodyBytes = Int(length)
        }
    }

    static func append(_ body: some Collection<UInt8>, flags: UInt8, to output: inout [UInt8]) {
        if let short = UInt8(exactly: body.count) {
            output.append(flags)
            output.append(short)
        } else {
            output.append(flags | long)
            output.append(contentsOf: bigEndian(UInt64(body.count)))
        }
        output.append(contentsOf: body)
    }

    static func appendMessage(_ frames: [[UInt8]], to output: inout [UInt8]) {
        for (index, frame) in frames.enumerated() { append(frame, flags: index + 1 < frames.count ? more : 0, to: &output) }
    }

    /// A command begins with its name.
    static func appendCommand(_ name: String, _ data: [UInt8], to output: inout [UInt8]) {
        append([UInt8(truncatingIfNeeded: name.utf8.count)] + Array(name.utf8) + data, flags: command, to: &output)
    }

    static func bigEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
}
