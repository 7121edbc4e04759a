/// Python's ideas about characters and about how numbers are written.
enum PythonText {
    /// The length of the white space character at `place`, or 0. As `str.isspace` has it.
    @inline(__always)
    static func blank(at place: Int, in bytes: ArraySlice<UInt8>) -> Int {
        let byte = bytes[place]
        if byte < 0x80 { return (byte >= 9 && byte <= 13) || (byte >= 28 && byte <= 32) ? 1 : 0 }
        return wideBlank(at: place, in: bytes)
    }

    private static func wideBlank(at place: Int, in bytes: ArraySlice<UInt8>) -> Int {
        switch bytes[place] {
        case 0xC2 where place + 1 < bytes.endIndex: return bytes[place + 1] == 0x85 || bytes[place + 1] == 0xA0 ? 2 : 0
        case 0xE1, 0xE2, 0xE3:
            guard place + 2 < bytes.endIndex else { return 0 }
            switch (bytes[place], bytes[place + 1], bytes[place + 2]) {
            case (0xE1, 0x9A, 0x80), (0xE2, 0x80, 0x80...0x8A), (0xE2, 0x80, 0xA8...0xA9), (0xE2, 0x80, 0xAF), (0xE2, 0x81, 0x9F),
                (0xE3, 0x80, 0x80):
                return 3
            default: return 0
            }
        default: return 0
        }
    }

    /// The bounds that are left once blanks are taken from either end.
    static func trimmed(_ bytes: ArraySlice<UInt8>, left: Bool, right: Bool) -> Range<Int> {
        var (start, end) = (bytes.startIndex, bytes.endIndex)
        while left, start < end {
            let length = blank(at: start, in: bytes)
            guard length > 0 else { break }
            start += length
        }
        while right, start < end {
            let last = lastScalar(of: bytes[start..<end])
            guard blank(at: last, in: bytes) > 0 else { break }
            end = last
        }
        return start..<end
    }

    /// Where the last code point begins; there must be one.
    static func lastScalar(of bytes: ArraySlice<UInt8>) -> Int {
        var place = bytes.endIndex - 1
        while place > bytes.startIndex && bytes[place] & 0xC0 == 0x80 { place -= 1 }
        return place
    }

    /// Bytes of the code point that begins with this one.
    @inline(__always)
    static func length(of first: UInt8) -> Int { first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4 }

    static func scalar(at place: Int, in bytes: ArraySlice<UInt8>) -> Unicode.Scalar {
        let first = bytes[place]
        let value: UInt32
        switch length(of: first) {
        case 1: value = UInt32(first)
        case 2: value = UInt32(first & 0x1F) << 6 | rest(place + 1, bytes)
        case 3: value = UInt32(first & 0xF) << 12 | rest(place + 1, bytes) << 6 | rest(place + 2, bytes)
        default:
            value = UInt32(first & 7) << 18 | rest(place + 1, bytes) << 12 | rest(place + 2, bytes) << 6 | rest(place + 3, bytes)
        }
        return Unicode.Scalar(value) ?? "\u{FFFD}"
    }

    private static func rest(_ place: Int, _ bytes: ArraySlice<UInt8>) -> UInt32 {
        place < bytes.endIndex ? UInt32(bytes[place] & 0x3F) : 0
    }

    static func append(_ scalar: Unicode.Scalar, to bytes: inout [UInt8]) { bytes.append(contentsOf: UTF8.encode(scalar)!) }

    /// Python's `repr` of a float: the shortest digits, an exponent below 1e-4 and from 1e16.
    static func float(_ value: Double) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        if value == 0 { return value.sign == .minus ? "-0.0" : "0.0" }
        var (digits, exponent) = decimal(value.magnitude)
        let sign = value < 0 ? "-" : ""
        if exponent < -4 || exponent >= 16 {
            let mantissa = digits.count == 1 ? digits : "\(digits.removeFirst()).\(digits)"
            let size = String(abs(exponent))
            return "\(sign)\(mantissa)e\(exponent < 0 ? "-" : "+")\(size.utf8.count < 2 ? "0" : "")\(size)"
        }
        if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits }
        if digits.utf8.count <= exponent + 1 {
            return sign + digits + String(repeating: "0", count: exponent + 1 - digits.utf8.count) + ".0"
        }
        return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
    }

    /// The shortest digits of a positive finite number, without zeros at either end, and the exponent of the first one.
    static func decimal(_ value: Double) -> (digits: String, exponent: Int) {
        var digits: [UInt8] = []
        var point: Int?
        var exponent = 0
        let text = Array(value.description.utf8)
        for (place, byte) in text.enumerated() {
            if byte == UInt8(ascii: ".") {
                point = digits.count
            } else if byte == UInt8(ascii: "e") {
                exponent = Int(String(decoding: text[(place + 1)...], as: UTF8.self)) ?? 0
                break
            } else {
                digits.append(byte)
            }
        }
        exponent += (point ?? digits.count) - 1
        while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
        while digits.count > 1, digits.first == UInt8(ascii: "0") {
            digits.removeFirst()
            exponent -= 1
        }
        return (String(decoding: digits, as: UTF8.self), exponent)
    }
}
