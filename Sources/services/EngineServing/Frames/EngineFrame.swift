import ClusterModel
package import WireProtocol

/// Writes frames, one behind the other: the length of what follows, the kind, the body.
package enum EngineFrame {
    /// - Parameter body: cannot fail, since what it writes is this side's own.
    package static func append(
        _ kind: EngineFrameKind, to bytes: inout [UInt8], _ body: (inout WireWriter) throws(WireError) -> Void = { _ in }
    ) {
        let start = bytes.count
        var writer = WireWriter(exchange(&bytes, with: []))
        writer.bytes.appendLittleEndian(UInt32(0))
        writer.bytes.append(kind.rawValue)
        do throws(WireError) { try body(&writer) } catch { preconditionFailure("a writer takes what is within its limits: \(error)") }
        writer.bytes.storeLittleEndian(UInt32(clamping: writer.bytes.count - start - MemoryLayout<UInt32>.size), at: start)
        bytes = writer.bytes
    }

    package static func append<Record: WireRecord>(_ kind: EngineFrameKind, _ record: inout Record, to bytes: inout [UInt8]) {
        append(kind, to: &bytes) { (writer) throws(WireError) in try record.write(to: &writer) }
    }

    /// A whole body: bytes behind the record are an error, since both sides are of one version.
    package static func read<Record: WireRecord>(
        _ record: inout Record, _ kind: EngineFrameKind, from body: RawSpan
    ) throws(EngineProtocolError) {
        var reader = WireReader(body)
        do throws(WireError) { try record.read(from: &reader) } catch { throw .field(kind, error) }
        guard reader.remaining == 0 else { throw .bytesBehind(kind) }
    }
}
