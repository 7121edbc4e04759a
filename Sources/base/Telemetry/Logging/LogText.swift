/// Text of any origin made safe for one line of UTF-8, in the escapes of JSON strings.
enum LogText {
    /// Appends at most `LogLimits.textBytes` of the input, escaped, and `…` where more was left.
    ///
    /// Escaped are quotes, backslashes, all control characters, and the scalars that break lines or reverse the order of a terminal's text.
    /// Bytes that are not UTF-8 become `\\xNN`: visible, and still a valid string.
    static func append(_ source: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
        var parser = Unicode.UTF8.ForwardParser()
        var input = source.makeIterator()
        var position = 0
        while true {
            switch parser.parseScalar(from: &input) {
            case .emptyInput: return
            case .valid(let encoded):
                guard position + encoded.count <= LogLimits.textBytes else { return bytes.append(contentsOf: "…".utf8) }
                append(Unicode.UTF8.decode(encoded), encoded, to: &bytes)
                position += encoded.count
            case .error(let length):
                guard position + length <= LogLimits.textBytes else { return bytes.append(contentsOf: "…".utf8) }
                for byte in source[position..<position + length] {
                    bytes.append(contentsOf: #"\\x"#.utf8)
                    append(hex: UInt64(byte), digits: 2, to: &bytes)
                }
                position += length
            }
        }
    }

    static func append(hex value: UInt64, digits: Int, to bytes: inout [UInt8]) {
        for position in stride(from: digits - 1, through: 0, by: -1) {
            let digit = UInt8(truncatingIfNeeded: value >> (4 * UInt64(position))) & 0xF
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    /// Letters, digits and what ids, addresses and paths are made of.
    static func isWord(_ text: some Collection<UInt8>) -> Bool {
        !text.isEmpty && text.count <= LogLimits.textBytes
            && text.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                case UInt8(ascii: "-")...UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "@"), UInt8(ascii: "+"): true
                default: false
                }
            }
    }

    private static func append(_ scalar: Unicode.Scalar, _ encoded: Unicode.UTF8.EncodedScalar, to bytes: inout [UInt8]) {
        switch scalar.value {
        case 0x22: bytes.append(contentsOf: #"\""#.utf8)
        case 0x5C: bytes.append(contentsOf: #"\\"#.utf8)
        case 0x0A: bytes.append(contentsOf: #"\n"#.utf8)
        case 0x0D: bytes.append(contentsOf: #"\r"#.utf8)
        case 0x09: bytes.append(contentsOf: #"\t"#.utf8)
        case 0..<0x20, 0x7F..<0xA0,  // control characters, both sets
            0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069:  // line and paragraph separators, direction marks, embeddings, overrides
            bytes.append(contentsOf: #"\u"#.utf8)
            append(hex: UInt64(scalar.value), digits: 4, to: &bytes)
        default: bytes.append(contentsOf: encoded)
        }
    }
}
