/// The alphabet in which `ByteLevel` writes bytes: a printable code point for each.
enum ByteAlphabet {
    /// By byte.
    static let scalars: [UInt32] = {
        var next: UInt32 = 256
        return (0..<256 as Range<UInt32>).map { byte in
            if 0x21...0x7E ~= byte || 0xA1...0xAC ~= byte || 0xAE...0xFF ~= byte { return byte }
            defer { next += 1 }
            return next
        }
    }()

    /// By code point; 256 for one that stands for no byte.
    private static let bytes: [UInt16] = {
        var bytes = [UInt16](repeating: 256, count: 256 + 68)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = UInt16(byte) }
        return bytes
    }()

    /// Appends the bytes that a text in this alphabet stands for. False, with nothing appended, if it is in no such alphabet.
    static func append(bytesOf text: UnsafeBufferPointer<UInt8>, to result: inout [UInt8]) -> Bool {
        let start = result.count
        var place = 0
        while place < text.count, let base = text.baseAddress {
            let isWhole = place + UTF8Scalar.length(text[place]) <= text.count
            let (code, length) = isWhole ? UTF8Scalar.read(base + place) : (.max, 1)
            guard code < bytes.count, bytes[Int(code)] < 256 else {
                result.removeLast(result.count - start)
                return false
            }
            result.append(UInt8(bytes[Int(code)]))
            place += length
        }
        return true
    }
}
