/// Whole messages to bytes and back: header, body, compression. It never sees a socket.
package enum Codec {
    /// Appends `message` with its header to `bytes`, uncompressed.
    package static func append<M: WireMessage>(
        _ message: M, flags: MessageHeader.Flags = [], origin: UInt64 = 0, number: UInt64 = 0, dialect: WireDialect = .current,
        to bytes: inout [UInt8]
    ) {
        let start = bytes.count
        MessageHeader(kind: M.kind, flags: flags, origin: origin, number: number, version: dialect.version).append(to: &bytes)
        appendBody(message, to: &bytes)
        bytes.append(contentsOf: dialect.tail)
        patchBodyLength(of: start, in: &bytes)
    }

    /// The body alone, without a tail: for whoever writes the header, as feeds do.
    package static func appendBody<M: WireMessage>(_ message: M, to bytes: inout [UInt8]) {
        var writer = WireWriter()
        swap(&writer.bytes, &bytes)
        writer.bodyStart = writer.bytes.count
        var value = message
        do throws(WireError) { try value.layout(&writer) } catch { preconditionFailure("writing \(M.kind) failed: \(error)") }
        swap(&writer.bytes, &bytes)
    }

    /// Appends a header now and gives its place; `patchBodyLength` completes it when the body was appended.
    package static func beginMessage(_ header: MessageHeader, in bytes: inout [UInt8]) -> Int {
        let start = bytes.count
        header.append(to: &bytes)
        return start
    }

    package static func patchBodyLength(of start: Int, in bytes: inout [UInt8]) {
        let length = bytes.count - start - MessageHeader.byteCount
        precondition(length <= Limits.messageBytes, "a batch is split before it exceeds the limit of a message")
        bytes.storeLittleEndian(UInt32(length), at: start + MessageHeader.bodyLengthOffset)
    }

    /// The message of type `M` in a whole, uncompressed message.
    package static func decode<M: WireMessage>(_ type: M.Type, from message: RawSpan) throws(WireError) -> M {
        let header = try MessageHeader(reading: message)
        guard header.rawKind == M.kind.rawValue else { throw WireError(.unexpectedKind, "kind") }
        guard !header.flags.contains(.compressed) else { throw WireError(.badCompression, "flags") }
        return try decodeBody(type, from: message.extracting(droppingFirst: MessageHeader.byteCount))
    }

    /// The message of type `M` in a body that was already unpacked.
    package static func decodeBody<M: WireMessage>(_ type: M.Type, from body: RawSpan) throws(WireError) -> M {
        var reader = WireReader(body), message = M()
        try message.layout(&reader)
        try reader.skipTail("tail")
        return message
    }
}
