/// Reads one name, number, text or symbol of a tag.
struct TagScanner {
    private let source: [UInt8]

    init(_ source: [UInt8]) { self.source = source }

    private static let symbols: [[UInt8]] = ["//", "**", "==", "!=", "<=", ">="].map { Array($0.utf8) }
    private static let single: Set<UInt8> = Set("+-/*%~[](){}><=.:|,;".utf8)

    func token(at position: inout Int, line: Int) throws(TemplateError) -> TemplateToken.Kind {
        let byte = source[position]
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return try number(at: &position, line)
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), 0x80...:
            let start = position
            while position < source.count, Self.continuesName(source[position]) { position += 1 }
            return .name(String(decoding: source[start..<position], as: UTF8.self))
        case UInt8(ascii: "'"), UInt8(ascii: "\""): return .text(try text(at: &position, line))
        default:
            if let symbol = Self.symbols.first(where: { source[position...].starts(with: $0) }) {
                position += symbol.count
                return .symbol(String(decoding: symbol, as: UTF8.self))
            }
            guard Self.single.contains(byte) else { throw .invalid(line: line, reason: "unexpected character") }
            position += 1
            return .symbol(String(UnicodeScalar(byte)))
        }
    }

    private static func continuesName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), 0x80...:
            true
        default: false
        }
    }

    // MARK: Numbers

    private func number(at position: inout Int, _ line: Int) throws(TemplateError) -> TemplateToken.Kind {
        let start = position
        if source[position] == UInt8(ascii: "0"), position + 1 < source.count, let radix = Self.radix(source[position + 1]) {
            position += 2
            let digits = digits(at: &position) { Self.isHexDigit($0) }
            guard let value = Int(digits, radix: radix) else { throw .invalid(line: line, reason: "a number that cannot be read") }
            return .int(value)
        }
        var isFloat = false
        let isPath = start > 0 && source[start - 1] == UInt8(ascii: ".")
        var text = digits(at: &position, where: Self.isDigit)
        if !isPath, position + 1 < source.count, source[position] == UInt8(ascii: "."), Self.isDigit(source[position + 1]) {
            position += 1
            text += "." + digits(at: &position, where: Self.isDigit)
            isFloat = true
        }
        if !isPath, position < source.count, source[position] | 0x20 == UInt8(ascii: "e") {
            var place = position + 1
            if place < source.count, source[place] == UInt8(ascii: "+") || source[place] == UInt8(ascii: "-") { place += 1 }
            if place < source.count, Self.isDigit(source[place]) {
                text += "e" + String(decoding: source[position + 1..<place], as: UTF8.self)
                position = place
                text += digits(at: &position, where: Self.isDigit)
                isFloat = true
            }
        }
        if isFloat, let value = Double(text) { return .float(value) }
        guard !isFloat, text.utf8.count == 1 || text.utf8.first != UInt8(ascii: "0") || text.utf8.allSatisfy({ $0 == UInt8(ascii: "0") }),
            let value = Int(text)
        else { throw .invalid(line: line, reason: "a number that cannot be read") }
        return .int(value)
    }

    private func digits(at position: inout Int, where isDigit: (UInt8) -> Bool) -> String {
        var digits: [UInt8] = []
        while position < source.count, isDigit(source[position]) || source[position] == UInt8(ascii: "_") {
            if source[position] != UInt8(ascii: "_") { digits.append(source[position]) }
            position += 1
        }
        return String(decoding: digits, as: UTF8.self)
    }

    private static func radix(_ letter: UInt8) -> Int? {
        switch letter | 0x20 {
        case UInt8(ascii: "x"): 16
        case UInt8(ascii: "o"): 8
        case UInt8(ascii: "b"): 2
        default: nil
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "f"))
    }

    // MARK: Texts

    /// A quoted text with Python's escapes.
    private func text(at position: inout Int, _ line: Int) throws(TemplateError) -> [UInt8] {
        let quote = source[position]
        position += 1
        var text: [UInt8] = []
        while position < source.count {
            let byte = source[position]
            position += 1
            if byte == quote { return text }
            if byte == UInt8(ascii: "\\") { try escape(at: &position, line, to: &text) } else { text.append(byte) }
        }
        throw .invalid(line: line, reason: "a text has no end")
    }

    private func escape(at position: inout Int, _ line: Int, to text: inout [UInt8]) throws(TemplateError) {
        guard position < source.count else { return }
        let letter = source[position]
        position += 1
        switch letter {
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "a"): text.append(0x07)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "v"): text.append(0x0B)
        case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): text.append(letter)
        case 0x0A: break
        case UInt8(ascii: "x"): try scalar(at: &position, 2...2, radix: 16, line, to: &text)
        case UInt8(ascii: "u"): try scalar(at: &position, 4...4, radix: 16, line, to: &text)
        case UInt8(ascii: "U"): try scalar(at: &position, 8...8, radix: 16, line, to: &text)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            position -= 1
            try scalar(at: &position, 1...3, radix: 8, line, to: &text)
        case UInt8(ascii: "N"): throw .invalid(line: line, reason: "characters by name are not known here")
        default: text.append(contentsOf: [UInt8(ascii: "\\"), letter])
        }
    }

    private func scalar(
        at position: inout Int, _ count: ClosedRange<Int>, radix: UInt32, _ line: Int, to text: inout [UInt8]
    ) throws(TemplateError) {
        var value: UInt32 = 0
        var digits = 0
        while digits < count.upperBound, position < source.count, Self.isHexDigit(source[position]) {
            let byte = source[position]
            let digit = UInt32(Self.isDigit(byte) ? byte - UInt8(ascii: "0") : (byte | 0x20) - UInt8(ascii: "a") + 10)
            guard digit < radix else { break }
            value = value &* radix &+ digit
            digits += 1
            position += 1
        }
        guard count.contains(digits), let scalar = Unicode.Scalar(value) else {
            throw .invalid(line: line, reason: "an escape that names no character")
        }
        PythonText.append(scalar, to: &text)
    }
}
