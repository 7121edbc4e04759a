import ClusterModel

/// The place of a request in its caller's trace, as the header `traceparent` of W3C Trace Context says it.
///
/// One that is not well formed counts as none: a caller's mistake in its tracing is no reason to fail its request.
package struct TraceParent: Hashable, Sendable {
    package let trace: TraceID
    /// The caller's span.
    package let span: SpanID
    /// The caller records the trace, and wants the same of those whom it calls.
    package let isSampled: Bool

    package init(trace: TraceID, span: SpanID, isSampled: Bool) {
        self.trace = trace
        self.span = span
        self.isSampled = isSampled
    }

    /// What version 00 has, dashes and all; later versions may go on behind another dash.
    private static let length = 55
    private static let sampledFlag: UInt8 = 1

    /// Nil unless the text is a `traceparent` of version 00, or the beginning of one of a later version.
    package init?(parsing text: some StringProtocol) {
        let read = text.utf8.withContiguousStorageIfAvailable { Self.read(UnsafeRawBufferPointer($0)) }
        guard let parent = read ?? Array(text.utf8).withUnsafeBytes(Self.read) else { return nil }
        self = parent
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) -> TraceParent? {
        guard bytes.count >= length else { return nil }
        for dash in [2, 35, 52] where bytes[dash] != UInt8(ascii: "-") { return nil }
        guard let version = number(bytes[0..<2]), let high = number(bytes[3..<19]), let low = number(bytes[19..<35]),
            let id = number(bytes[36..<52]), let flags = number(bytes[53..<55]), let trace = TraceID(high: high, low: low),
            let span = SpanID(id)
        else { return nil }
        switch version {
        case 0x00: guard bytes.count == length else { return nil }
        case 0xFF: return nil
        // What a later version adds is unknown here; where it begins is not.
        default: guard bytes.count == length || bytes[length] == UInt8(ascii: "-") else { return nil }
        }
        return TraceParent(trace: trace, span: span, isSampled: UInt8(truncatingIfNeeded: flags) & sampledFlag != 0)
    }

    /// Lower-case digits only: others are no header of this kind.
    private static func number(_ digits: Slice<UnsafeRawBufferPointer>) -> UInt64? {
        var number: UInt64 = 0
        for byte in digits {
            guard !(UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte), let digit = Hexadecimal.value(of: byte) else { return nil }
            number = number << 4 | UInt64(digit)
        }
        return number
    }

    /// The header's value, in version 00. Flags that this version does not know are not passed on.
    package var text: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.length)
        bytes.append(contentsOf: "00-".utf8)
        Hexadecimal.append(trace.high, to: &bytes)
        Hexadecimal.append(trace.low, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        Hexadecimal.append(span.rawValue, to: &bytes)
        bytes.append(contentsOf: (isSampled ? "-01" : "-00").utf8)
        return String(decoding: bytes, as: UTF8.self)
    }
}
