/// Follows one JSON value byte by byte, to know where it ends. Nesting is bounded; nothing is stored.
///
/// Control characters inside strings pass: models write them, and where a value ends does not depend on them.
struct JSONFollower: Sendable {
    enum Verdict {
        case more
        /// The value ends with this byte.
        case done
        /// The value ended before this byte: only numbers do not tell their own end.
        case doneBefore
        /// Not JSON, or nested too deep.
        case refused
    }

    private enum State {
        case value, firstElement, firstKey, key, colon, afterValue
        case number(NumberPart)
        case string(isKey: Bool), escape(isKey: Bool), unicode(isKey: Bool, digits: Int)
        case word(StaticString, matched: Int)
    }

    private var state = State.value
    private var depth = 0
    /// One bit a level, the innermost lowest: set for objects.
    private var objects: UInt64 = 0

    /// Arrays and objects that are open.
    var openLevels: Int { depth }

    mutating func step(_ byte: UInt8) -> Verdict {
        switch state {
        case .string(let isKey):
            if byte == UInt8(ascii: "\"") { return isKey ? go(.colon) : endValue() }
            if byte == UInt8(ascii: "\\") { return go(.escape(isKey: isKey)) }
            return .more
        case .escape(let isKey):
            switch byte {
            case UInt8(ascii: "u"): return go(.unicode(isKey: isKey, digits: 0))
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
                UInt8(ascii: "r"), UInt8(ascii: "t"):
                return go(.string(isKey: isKey))
            default: return .refused
            }
        case .unicode(let isKey, let digits):
            guard Self.isHex(byte) else { return .refused }
            return go(digits == 3 ? .string(isKey: isKey) : .unicode(isKey: isKey, digits: digits + 1))
        case .word(let word, let matched):
            guard byte == word.utf8Start[matched] else { return .refused }
            return matched + 1 == word.utf8CodeUnitCount ? endValue() : go(.word(word, matched: matched + 1))
        case .number(let part):
            if let next = part.next(byte) { return go(.number(next)) }
            guard part.mayEnd else { return .refused }
            guard depth > 0 else { return .doneBefore }
            state = .afterValue
            return afterValue(byte)
        default: return Self.isSpace(byte) ? .more : structure(byte)
        }
    }

    private mutating func structure(_ byte: UInt8) -> Verdict {
        switch state {
        case .value: return value(byte)
        case .firstElement: return byte == UInt8(ascii: "]") ? close() : value(byte)
        case .firstKey where byte == UInt8(ascii: "}"): return close()
        case .firstKey, .key: return byte == UInt8(ascii: "\"") ? go(.string(isKey: true)) : .refused
        case .colon: return byte == UInt8(ascii: ":") ? go(.value) : .refused
        default: return afterValue(byte)
        }
    }

    private mutating func value(_ byte: UInt8) -> Verdict {
        switch byte {
        case UInt8(ascii: "{"): return open(isObject: true)
        case UInt8(ascii: "["): return open(isObject: false)
        case UInt8(ascii: "\""): return go(.string(isKey: false))
        case UInt8(ascii: "t"): return go(.word("true", matched: 1))
        case UInt8(ascii: "f"): return go(.word("false", matched: 1))
        case UInt8(ascii: "n"): return go(.word("null", matched: 1))
        default: return NumberPart(first: byte).map { go(.number($0)) } ?? .refused
        }
    }

    private mutating func afterValue(_ byte: UInt8) -> Verdict {
        if Self.isSpace(byte) { return .more }
        let inObject = objects & 1 == 1
        switch byte {
        case UInt8(ascii: ","): return go(inObject ? .key : .value)
        case UInt8(ascii: "}") where inObject: return close()
        case UInt8(ascii: "]") where !inObject: return close()
        default: return .refused
        }
    }

    private mutating func open(isObject: Bool) -> Verdict {
        guard depth < TextLimits.callDepth else { return .refused }
        depth += 1
        objects = objects << 1 | (isObject ? 1 : 0)
        return go(isObject ? .firstKey : .firstElement)
    }

    private mutating func close() -> Verdict {
        depth -= 1
        objects >>= 1
        return endValue()
    }

    private mutating func endValue() -> Verdict {
        guard depth > 0 else { return .done }
        return go(.afterValue)
    }

    private mutating func go(_ next: State) -> Verdict {
        state = next
        return .more
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private static func isHex(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): true
        default: false
        }
    }
}

extension JSONFollower {
    /// Where in a number the last byte stands.
    private enum NumberPart {
        case minus, zero, integer, point, fraction, exponent, exponentSign, exponentDigits

        init?(first byte: UInt8) {
            switch byte {
            case UInt8(ascii: "-"): self = .minus
            case UInt8(ascii: "0"): self = .zero
            case UInt8(ascii: "1")...UInt8(ascii: "9"): self = .integer
            default: return nil
            }
        }

        /// Whether the number may be over.
        var mayEnd: Bool {
            switch self {
            case .zero, .integer, .fraction, .exponentDigits: true
            case .minus, .point, .exponent, .exponentSign: false
            }
        }

        /// Nil: the byte is no part of the number.
        func next(_ byte: UInt8) -> NumberPart? {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                switch self {
                case .minus: byte == UInt8(ascii: "0") ? .zero : .integer
                case .zero: nil
                case .integer: .integer
                case .point, .fraction: .fraction
                case .exponent, .exponentSign, .exponentDigits: .exponentDigits
                }
            case UInt8(ascii: "."): self == .zero || self == .integer ? .point : nil
            case UInt8(ascii: "e"), UInt8(ascii: "E"): self == .zero || self == .integer || self == .fraction ? .exponent : nil
            case UInt8(ascii: "+"), UInt8(ascii: "-"): self == .exponent ? .exponentSign : nil
            default: nil
            }
        }
    }
}
