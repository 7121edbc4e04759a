// The parts of the writer that need no structure: also for prepared texts with a hole in them, such as the chunks of a stream.
extension JSONWriter {
    private static let hexDigits: StaticString = "0123456789abcdef"

    package static func appendQuoted(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        appendEscaped(utf8: text.utf8.span.bytes, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// The inside of a string, without quotes.
    package static func appendEscaped(_ text: String, to bytes: inout [UInt8]) { appendEscaped(utf8: text.utf8.span.bytes, to: &bytes) }

    /// The inside of a string, without quotes; `utf8` must be valid UTF-8.
    package static func appendEscaped(utf8: RawSpan, to bytes: inout [UInt8]) {
        let end = utf8.byteCount
        var copied = 0
        var position = 0
        while position < end {
            if position + 8 <= end {
                let word = UInt64(littleEndian: utf8.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
                let special = SpecialBytes.mask(word)
                guard special != 0 else {
                    position += 8
                    continue
                }
                position += special.trailingZeroBitCount / 8
            }
            let byte = utf8.unsafeLoad(fromByteOffset: position, as: UInt8.self)
            if SpecialBytes.contains(byte) {
                utf8.extracting(copied..<position).withUnsafeBytes { bytes.append(contentsOf: $0) }
                appendEscape(byte, to: &bytes)
                copied = position + 1
            }
            position += 1
        }
        utf8.extracting(copied..<end).withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    private static func appendEscape(_ byte: UInt8, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        default:
            bytes.append(UInt8(ascii: "u"))
            bytes.append(UInt8(ascii: "0"))
            bytes.append(UInt8(ascii: "0"))
            bytes.append(hexDigits.utf8Start[Int(byte >> 4)])
            bytes.append(hexDigits.utf8Start[Int(byte & 15)])
        }
    }

    /// Decimal digits without a detour over `String`.
    package static func appendDigits(_ value: UInt64, to bytes: inout [UInt8]) {
        var digits = 1
        var bound: UInt64 = 10
        while value >= bound {
            digits += 1
            let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
            if overflow { break }
            bound = next
        }
        let start = bytes.count
        for _ in 0..<digits { bytes.append(0) }
        var rest = value
        var place = start + digits
        repeat {
            place -= 1
            bytes[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest != 0
    }
}
