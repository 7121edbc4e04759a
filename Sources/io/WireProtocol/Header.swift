/// The 32 bytes before every body. Layout: `proto-spec/01-header.md`.
package struct MessageHeader: Hashable, Sendable {
    package static let byteCount = 32
    /// The bytes `A P U S`, read as a little-endian integer.
    package static let magic: UInt32 = 0x5355_5041

    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt16
        package init(rawValue: UInt16) { self.rawValue = rawValue }

        /// The body is one zstd frame; `bodyLength` is the length it unpacks to.
        package static let compressed = Flags(rawValue: 1 << 0)
        /// The sender waits for an answer that bears the same `number`.
        package static let question = Flags(rawValue: 1 << 1)
        /// This message answers the question with the same `number`.
        package static let answer = Flags(rawValue: 1 << 2)

        package static let known: Flags = [.compressed, .question, .answer]
        /// A flag in the low byte changes how a message is read, so an unknown one is refused; the high byte may be ignored.
        static let mustUnderstand: UInt16 = 0x00FF
    }

    package var version: WireVersion
    /// Kept raw: an unknown kind is not an error of the header, it is answered or skipped.
    package var rawKind: UInt16
    package var flags: Flags
    /// The length of the body, uncompressed.
    package var bodyLength: UInt32
    /// Who counts: a frontend's nonce for requests, the generation of the publisher for streams, the asker's generation for questions.
    package var origin: UInt64
    /// A request's counter, a stream's first sequence number, a question's number.
    package var number: UInt64

    package var kind: MessageKind? { MessageKind(rawValue: rawKind) }

    package init(
        kind: MessageKind, flags: Flags = [], origin: UInt64 = 0, number: UInt64 = 0, bodyLength: UInt32 = 0,
        version: WireVersion = .current
    ) {
        self.version = version
        rawKind = kind.rawValue
        self.flags = flags
        self.bodyLength = bodyLength
        self.origin = origin
        self.number = number
    }

    /// For tests and tools that speak a version to come.
    package init(rawKind: UInt16, flags: Flags = [], origin: UInt64 = 0, number: UInt64 = 0, version: WireVersion = .current) {
        self.init(kind: .hello, flags: flags, origin: origin, number: number, version: version)
        self.rawKind = rawKind
    }

    /// Reads and checks a header; what follows it in `bytes` is the body.
    ///
    /// - Parameter anyMajor: for the opening of a link, where the refusal of another major must be readable.
    package init(reading bytes: RawSpan, anyMajor: Bool = false) throws(WireError) {
        guard bytes.byteCount >= Self.byteCount else { throw WireError(.truncated, "header") }
        var reader = WireReader(bytes)
        var magic: UInt32 = 0, major: UInt8 = 0, minor: UInt8 = 0, flags: UInt16 = 0, reserved: UInt16 = 0
        rawKind = 0
        bodyLength = 0
        origin = 0
        number = 0
        try reader.u32("magic", &magic)
        guard magic == Self.magic else { throw WireError(.badMagic, "magic") }
        try reader.u8("major", &major)
        guard anyMajor || major == WireVersion.current.major else { throw WireError(.unsupportedMajor, "major") }
        try reader.u8("minor", &minor)
        version = WireVersion(major: major, minor: minor)
        try reader.u16("kind", &rawKind)
        try reader.u16("flags", &flags)
        guard flags & Flags.mustUnderstand & ~Flags.known.rawValue == 0 else { throw WireError(.unknownFlags, "flags") }
        self.flags = Flags(rawValue: flags)
        try reader.u16("reserved", &reserved)
        guard reserved == 0 else { throw WireError(.reservedNotZero, "reserved") }
        try reader.u32("bodyLength", &bodyLength)
        try reader.u64("origin", &origin)
        try reader.u64("number", &number)
        guard bodyLength <= UInt32(Limits.messageBytes) else { throw WireError(.bodyTooLarge, "bodyLength") }
        guard self.flags.contains(.compressed) || Int(bodyLength) == bytes.byteCount - Self.byteCount else {
            throw WireError(.lengthMismatch, "bodyLength")
        }
    }

    func append(to bytes: inout [UInt8]) {
        bytes.appendLittleEndian(Self.magic)
        bytes.append(version.major)
        bytes.append(version.minor)
        bytes.appendLittleEndian(rawKind)
        bytes.appendLittleEndian(flags.rawValue)
        bytes.appendLittleEndian(UInt16(0))
        bytes.appendLittleEndian(bodyLength)
        bytes.appendLittleEndian(origin)
        bytes.appendLittleEndian(number)
    }

    static let bodyLengthOffset = 12
    static let originOffset = 16
    static let numberOffset = 24
}
