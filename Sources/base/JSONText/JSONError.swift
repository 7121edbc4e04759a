/// Why a text is not the JSON it should be, and where.
///
/// Its description quotes nothing of the document but the path (shortened and escaped) and at most one printable ASCII character, so that
/// it may be logged and sent back.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The text stops before the value does.
        case unexpectedEnd
        /// This byte cannot stand here.
        case unexpectedByte(UInt8)
        /// A complete value is followed by more than white space.
        case trailingBytes
        /// Not UTF-8: overlong, truncated, a surrogate, or beyond U+10FFFF.
        case invalidUTF8
        /// U+0000 to U+001F must be escaped inside a string.
        case controlCharacter
        /// A backslash followed by something JSON does not define.
        case invalidEscape
        /// `\uD800` to `\uDFFF` without its other half.
        case loneSurrogate
        /// Leading zero, missing digits, or a sign JSON does not allow.
        case invalidNumber
        /// The last step of `path` was already a member of its object.
        case duplicateKey
        case tooDeep(limit: Int)
        case tooLarge(limit: Int)
        case tooManyValues(limit: Int)
        /// Of names, strings, arrays, objects and long numbers.
        case tooManyPieces(limit: Int)
        case numberTooLong(limit: Int)
    }

    package let code: Code
    /// Offset in bytes from the start of the text.
    package let offset: Int
    /// Counted from 1; lines end with a line feed.
    package let line: Int
    /// Counted from 1, in Unicode scalars.
    package let column: Int
    /// The value being read, such as `messages[3].content`; empty for the document itself.
    package let path: String

    package var description: String {
        let place = "line \(line), column \(column)"
        return path.isEmpty ? "\(reason) (\(place))" : "\(path): \(reason) (\(place))"
    }

    /// What is wrong, without where.
    package var reason: String {
        switch code {
        case .unexpectedEnd: "the text ends too early"
        case .unexpectedByte(let byte) where byte > 0x20 && byte < 0x7F: "unexpected '\(Character(UnicodeScalar(byte)))'"
        case .unexpectedByte: "unexpected character"
        case .trailingBytes: "the value is followed by something else"
        case .invalidUTF8: "invalid UTF-8"
        case .controlCharacter: "a control character in a string must be escaped"
        case .invalidEscape: "invalid escape in a string"
        case .loneSurrogate: "half of a surrogate pair in a string"
        case .invalidNumber: "invalid number"
        case .duplicateKey: "the member occurs twice"
        case .tooDeep(let limit): "nested deeper than \(limit) levels"
        case .tooLarge(let limit): "longer than \(limit) bytes"
        case .tooManyValues(let limit): "more than \(limit) values"
        case .tooManyPieces(let limit): "more than \(limit) names, strings, arrays and objects"
        case .numberTooLong(let limit): "a number longer than \(limit) bytes"
        }
    }
}

extension JSONError {
    /// Finds line and column: only a failed parse pays for them.
    init(_ code: Code, at offset: Int, in source: RawSpan, path: String) {
        var line = 1
        var column = 1
        for index in 0..<min(offset, source.byteCount) {
            let byte = source.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0b1100_0000 != 0b1000_0000 {  // continuation bytes are part of a scalar already counted
                column += 1
            }
        }
        self.init(code: code, offset: offset, line: line, column: column, path: path)
    }
}
