import JSONText

/// Whether a JSON text stands inside a string, where it may not have control characters and models write them all the same: line breaks above all.
///
/// Clients' readers refuse the whole text for one of them, so they are escaped on the way, piece by piece; everything else stays as it is.
struct JSONStringPlace: Sendable {
    private var isInside = false
    /// Behind a backslash.
    private var isEscaped = false

    /// Appends the next piece of the text.
    mutating func append(_ text: RawSpan, to bytes: inout [UInt8]) {
        var start = 0
        for index in 0..<text.byteCount where mustEscape(text.unsafeLoad(fromByteOffset: index, as: UInt8.self)) {
            append(text, start..<index, to: &bytes)
            JSONWriter.appendEscaped(utf8: text.extracting(index..<index + 1), to: &bytes)
            start = index + 1
        }
        append(text, start..<text.byteCount, to: &bytes)
    }

    /// Goes over the byte.
    private mutating func mustEscape(_ byte: UInt8) -> Bool {
        guard isInside else {
            isInside = byte == UInt8(ascii: "\"")
            return false
        }
        if isEscaped {
            isEscaped = false
            return false
        }
        if byte < 0x20 { return true }
        isEscaped = byte == UInt8(ascii: "\\")
        isInside = byte != UInt8(ascii: "\"")
        return false
    }

    private func append(_ text: RawSpan, _ range: Range<Int>, to bytes: inout [UInt8]) {
        text.extracting(range).withUnsafeBytes { bytes.append(contentsOf: $0) }
    }
}
