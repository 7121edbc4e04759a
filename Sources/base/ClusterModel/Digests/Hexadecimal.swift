/// Sixteen lower-case digits for a 64-bit value: the one text form of ids and digests.
package enum Hexadecimal {
    package static let digitsOfWord = 16

    /// Appends the digits without a detour over `String`: log lines and headers are full of ids.
    package static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(60), through: 0, by: -4) { bytes.append(digit(UInt8(truncatingIfNeeded: value >> shift) & 15)) }
    }

    package static func text(_ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: digitsOfWord) { buffer in
            write(value, to: buffer, at: 0)
            return digitsOfWord
        }
    }

    /// Two words, with a dash between them.
    package static func text(_ first: UInt64, _ second: UInt64) -> String {
        String(unsafeUninitializedCapacity: 2 * digitsOfWord + 1) { buffer in
            write(first, to: buffer, at: 0)
            buffer[digitsOfWord] = UInt8(ascii: "-")
            write(second, to: buffer, at: digitsOfWord + 1)
            return 2 * digitsOfWord + 1
        }
    }

    private static func write(_ value: UInt64, to buffer: UnsafeMutableBufferPointer<UInt8>, at place: Int) {
        for index in 0..<digitsOfWord { buffer[place + index] = digit(UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index)) & 15) }
    }

    /// Nil unless the text is exactly sixteen digits, in either case.
    package static func word(_ text: some StringProtocol) -> UInt64? {
        var word: UInt64 = 0
        var count = 0
        for character in text.utf8 {
            guard count < digitsOfWord, let digit = value(of: character) else { return nil }
            word = word << 4 | UInt64(digit)
            count += 1
        }
        return count == digitsOfWord ? word : nil
    }

    package static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value }
}
