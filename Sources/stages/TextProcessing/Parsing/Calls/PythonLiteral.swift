import JSONText

/// Turns one Python literal into JSON while it comes: strings, numbers, `True`, `False`, `None`, lists, tuples and dictionaries, nested
/// within bounds. JSON's own words for the constants are taken too, since models mix them.
struct PythonLiteral: Sendable {
    private enum Container { case list, tuple, dictionary }
    private enum State {
        case value, firstElement, firstKey, key, colon, afterValue, number, word
        case string(quote: UInt8, isKey: Bool)
        case escape(quote: UInt8, isKey: Bool)
        case hex(quote: UInt8, isKey: Bool, digits: Int, value: UInt32)
    }

    private var state = State.value
    /// A comma that Python allows behind the last element, and JSON does not: written when another element comes.
    private var hasPendingComma = false
    private var open: [Container] = []
    /// A number or a constant, which is short.
    private var word: [UInt8] = []
    /// The first half of a surrogate pair, until the other one came.
    private var highSurrogate: UInt32?

    /// What a whole literal is in JSON; nil if it is none.
    static func json(of text: [UInt8]) -> [UInt8]? {
        var literal = PythonLiteral(), sink = CallSink(tools: .any)
        for (index, byte) in (text + [0x20]).enumerated() {
            switch literal.step(byte, &sink) {
            case .more: break
            case .done: return index == text.count - 1 ? sink.events.bytes : nil
            case .doneBefore: return index == text.count ? sink.events.bytes : nil
            case .refused: return nil
            }
        }
        return nil
    }

    mutating func step(_ byte: UInt8, _ calls: inout CallSink) -> JSONFollower.Verdict {
        switch state {
        case .string(let quote, let isKey): return string(byte, quote, isKey, &calls)
        case .escape(let quote, let isKey): return escape(byte, quote, isKey, &calls)
        case .hex(let quote, let isKey, let digits, let value): return hex(byte, quote, isKey, digits, value, &calls)
        case .number, .word: return bare(byte, &calls)
        default: return Self.isSpace(byte) ? .more : structure(byte, &calls)
        }
    }

    private mutating func structure(_ byte: UInt8, _ calls: inout CallSink) -> JSONFollower.Verdict {
        switch state {
        case .value: return value(byte, &calls)
        case .firstElement: return isClosing(byte) ? close(&calls) : value(byte, &calls)
        case .firstKey where byte == UInt8(ascii: "}"), .key where byte == UInt8(ascii: "}"): return close(&calls)
        case .firstKey, .key:
            guard byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") else { return .refused }
            if case .key = state { calls.argument(UInt8(ascii: ",")) }
            return beginString(byte, isKey: true, &calls)
        case .colon:
            guard byte == UInt8(ascii: ":") else { return .refused }
            calls.argument(byte)
            return go(.value)
        default: return afterValue(byte, &calls)
        }
    }

    private mutating func value(_ byte: UInt8, _ calls: inout CallSink) -> JSONFollower.Verdict {
        switch byte {
        case UInt8(ascii: "["): return begin(.list, byte, &calls)
        case UInt8(ascii: "("): return begin(.tuple, UInt8(ascii: "["), &calls)
        case UInt8(ascii: "{"): return begin(.dictionary, byte, &calls)
        case UInt8(ascii: "'"), UInt8(ascii: "\""): return beginString(byte, isKey: false, &calls)
        case UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "0")...UInt8(ascii: "9"):
            word = [byte]
            return go(.number)
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"):
            word = [byte]
            return go(.word)
        default: return .refused
        }
    }

    private mutating func begin(_ container: Container, _ bracket: UInt8, _ calls: inout CallSink) -> JSONFollower.Verdict {
        guard open.count < TextLimits.callDepth else { return .refused }
        open.append(container)
        calls.argument(bracket)
        return go(container == .dictionary ? .firstKey : .firstElement)
    }

    private func isClosing(_ byte: UInt8) -> Bool {
        switch open.last {
        case .list: byte == UInt8(ascii: "]")
        case .tuple: byte == UInt8(ascii: ")")
        case .dictionary: byte == UInt8(ascii: "}")
        case nil: false
        }
    }

    private mutating func close(_ calls: inout CallSink) -> JSONFollower.Verdict {
        calls.argument(open.removeLast() == .dictionary ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        return endValue()
    }

    private mutating func endValue() -> JSONFollower.Verdict { open.isEmpty ? .done : go(.afterValue) }

    private mutating func afterValue(_ byte: UInt8, _ calls: inout CallSink) -> JSONFollower.Verdict {
        if hasPendingComma, !isClosing(byte) {
            calls.argument(UInt8(ascii: ","))
            hasPendingComma = false
            return value(byte, &calls)
        }
        if isClosing(byte) {
            hasPendingComma = false
            return close(&calls)
        }
        guard byte == UInt8(ascii: ","), !hasPendingComma else { return .refused }
        if open.last == .dictionary { return go(.key) }
        hasPendingComma = true
        return .more
    }

    private mutating func go(_ next: State) -> JSONFollower.Verdict {
        state = next
        return .more
    }

    // MARK: Numbers and constants

    private mutating func bare(_ byte: UInt8, _ calls: inout CallSink) -> JSONFollower.Verdict {
        let isPart =
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        if isPart {
            guard word.count < TextLimits.callNameBytes else { return .refused }
            word.append(byte)
            return .more
        }
        guard let json = converted() else { return .refused }
        calls.arguments(json)
        guard !open.isEmpty else { return .doneBefore }
        state = .afterValue
        return Self.isSpace(byte) ? .more : afterValue(byte, &calls)
    }

    private func converted() -> [UInt8]? {
        switch String(decoding: word, as: UTF8.self) {
        case "True", "true": return Array("true".utf8)
        case "False", "false": return Array("false".utf8)
        case "None", "null": return Array("null".utf8)
        case let text:
            let plain = text.filter { $0 != "_" }
            if let number = JSONNumber(plain) { return Array(number.text.utf8) }
            // What Python writes otherwise: 1., .5, +1, leading zeros.
            guard word.first.map({ !(0x41...0x7A).contains($0) }) ?? false else { return nil }
            if let integer = Int64(plain) { return Array(String(integer).utf8) }
            return Double(plain).flatMap { JSONNumber($0) }.map { Array($0.text.utf8) }
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
}

// MARK: Strings

extension PythonLiteral {
    private mutating func beginString(_ quote: UInt8, isKey: Bool, _ calls: inout CallSink) -> JSONFollower.Verdict {
        calls.argument(UInt8(ascii: "\""))
        return go(.string(quote: quote, isKey: isKey))
    }

    private mutating func string(_ byte: UInt8, _ quote: UInt8, _ isKey: Bool, _ calls: inout CallSink) -> JSONFollower.Verdict {
        if byte == UInt8(ascii: "\\") { return go(.escape(quote: quote, isKey: isKey)) }
        flushSurrogate(&calls)
        if byte == quote {
            calls.argument(UInt8(ascii: "\""))
            return isKey ? go(.colon) : endValue()
        }
        JSONQuoting.append(byte, to: &calls)
        return .more
    }

    private mutating func escape(_ byte: UInt8, _ quote: UInt8, _ isKey: Bool, _ calls: inout CallSink) -> JSONFollower.Verdict {
        let digits: Int
        switch byte {
        case UInt8(ascii: "x"): digits = 2
        case UInt8(ascii: "u"): digits = 4
        case UInt8(ascii: "U"): digits = 8
        default:
            flushSurrogate(&calls)
            if let meant = Self.meaning(byte) {
                if byte != 0x0A { JSONQuoting.append(meant, to: &calls) }
            } else {  // Python keeps the backslash of an escape it does not know
                JSONQuoting.append(UInt8(ascii: "\\"), to: &calls)
                JSONQuoting.append(byte, to: &calls)
            }
            return go(.string(quote: quote, isKey: isKey))
        }
        return go(.hex(quote: quote, isKey: isKey, digits: digits, value: 0))
    }

    private static func meaning(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "/"), 0x0A: byte
        default: nil
        }
    }

    private mutating func hex(
        _ byte: UInt8, _ quote: UInt8, _ isKey: Bool, _ digits: Int, _ value: UInt32, _ calls: inout CallSink
    ) -> JSONFollower.Verdict {
        guard let digit = Character(UnicodeScalar(byte)).hexDigitValue, byte < 0x80, value < 0x0800_0000 else { return .refused }
        let value = value << 4 | UInt32(digit)
        if digits > 1 { return go(.hex(quote: quote, isKey: isKey, digits: digits - 1, value: value)) }
        guard value <= 0x10_FFFF else { return .refused }
        if let high = highSurrogate, (0xDC00...0xDFFF).contains(value) {
            highSurrogate = nil
            append(0x10000 + ((high - 0xD800) << 10) + (value - 0xDC00), &calls)
        } else {
            flushSurrogate(&calls)
            if (0xD800...0xDBFF).contains(value) { highSurrogate = value } else { append(value, &calls) }
        }
        return go(.string(quote: quote, isKey: isKey))
    }

    /// A half that stayed alone stands for nothing.
    private mutating func flushSurrogate(_ calls: inout CallSink) {
        if highSurrogate != nil { append(0xFFFD, &calls) }
        highSurrogate = nil
    }

    private func append(_ value: UInt32, _ calls: inout CallSink) {
        let scalar = UnicodeScalar(value) ?? "\u{FFFD}"
        for byte in UTF8.encode(scalar)! { JSONQuoting.append(byte, to: &calls) }
    }
}
