import TestSupport
import WireProtocol

extension FuzzTarget {
    /// A whole message as a link receives it: header, zstd, and the body's layout by its kind. What is accepted has one canonical encoding.
    static let message = FuzzTarget(name: "message", longest: 4096, allocation: 16) { bytes in
        guard let header = try? MessageHeader(reading: bytes.bytes), let kind = header.kind else { return }
        let body = UnsafeRawBufferPointer(rebasing: bytes[MessageHeader.byteCount...])
        if header.flags.contains(.compressed) {
            var unpacked: [UInt8] = []
            // An honest frame of one byte may announce 16 MiB; a fuzzer that allocates them each time finds nothing else.
            guard header.bodyLength <= 1 << 20 else { return }
            do throws(WireError) { try Compression().unpack(body.bytes, header: header, into: &unpacked) } catch { return }
            demand(unpacked.count == Int(header.bodyLength), "the unpacked body has another length than the header says")
            checkBody(kind, unpacked)
        } else {
            checkBody(kind, [UInt8](body))
        }
    }

    private static func checkBody(_ kind: MessageKind, _ body: [UInt8]) {
        guard let message = try? MessageCatalog.decode(kind, body: body.span.bytes) else { return }
        let canonical = MessageCatalog.body(message)
        guard let again = try? MessageCatalog.decode(kind, body: canonical.span.bytes) else {
            return demand(false, "\(kind) is not read back from what its writer writes")
        }
        demand(MessageCatalog.body(again) == canonical, "\(kind) is written in two ways")
        demand(MessageCatalog.describe(message) == MessageCatalog.describe(again), "\(kind) changes when it is written and read")
    }
}
