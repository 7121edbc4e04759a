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

    /// A chunk but for its data, which is the last of it: whoever sends it sends that from where it lies.
    package static func appendHead(of chunk: KVChunk, version: WireVersion = .current, to bytes: inout [UInt8]) {
        let start = bytes.count
        MessageHeader(kind: KVChunk.kind, flags: [], origin: 0, number: 0, version: version).append(to: &bytes)
        var writer = WireWriter()
        writer.leavesLastBytes = true
        append(chunk, with: &writer, to: &bytes)
        patchBodyLength(of: start, in: &bytes, beyond: chunk.data.count)
    }

    /// The body alone, without a tail: for whoever writes the header, as feeds do.
    package static func appendBody<M: WireMessage>(_ message: M, to bytes: inout [UInt8]) {
        var writer = WireWriter()
        append(message, with: &writer, to: &bytes)
    }

    private static func append<M: WireMessage>(_ message: M, with writer: inout WireWriter, to bytes: inout [UInt8]) {
        swap(&writer.bytes, &bytes)
        writer.bodyStart = writer.bytes.count
        var value = message
        do throws(WireError) { try value.write(to: &writer) } catch { preconditionFailure("writing \(M.kind) failed: \(error)") }
        swap(&writer.bytes, &bytes)
    }

    /// Appends a header now and gives its place; `patchBodyLength` completes it when the body was appended.
    package static func beginMessage(_ header: MessageHeader, in bytes: inout [UInt8]) -> Int {
        let start = bytes.count
        header.append(to: &bytes)
        return start
    }

    /// `beyond`: bytes of the body that are not among these.
    package static func patchBodyLength(of start: Int, in bytes: inout [UInt8], beyond: Int = 0) {
        let length = bytes.count - start - MessageHeader.byteCount + beyond
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
        try message.read(from: &reader)
        try reader.skipTail("tail")
        return message
    }
}
