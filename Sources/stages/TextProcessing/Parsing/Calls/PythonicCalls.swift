/// `[f(a=1, b="x"), g()]`: calls as Python writes them; the arguments become JSON.
struct PythonicCalls: CallMachine {
    private enum State { case list, name, firstKey, key, keyText, value, afterValue, afterCall, closing }

    private var closer: MarkerExpectation?
    private var state = State.list
    private var name: [UInt8] = []
    private var key: [UInt8] = []
    private var parameters = 0
    private var literal = PythonLiteral()
    /// Whether the next symbol is behind the list's bracket; a bare list begins with it.
    private var isInList = false

    init(closer: String?, _ spelling: MarkerSpelling) { self.closer = closer.map { MarkerExpectation([spelling.symbols($0)]) } }

    mutating func step(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        if case .closing = state { return close(symbol, &calls) }
        guard !symbol.isSpecial else { return .refused }
        switch state {
        case .value: return value(symbol, &calls)
        case .name: return name(symbol)
        case .keyText: return keyText(symbol, &calls)
        default: break
        }
        if symbol.isSpace { return .more }
        switch state {
        case .list: return list(symbol)
        case .firstKey, .key: return beginKey(symbol, &calls)
        case .afterValue: return afterValue(symbol, &calls)
        default: return afterCall(symbol)
        }
    }

    private mutating func list(_ symbol: Symbol) -> CallVerdict {
        if !isInList {
            isInList = symbol == "["
            return isInList ? .more : .refused
        }
        guard Self.isNameStart(symbol.byte) else { return .refused }
        name = [symbol.byte]
        state = .name
        return .more
    }

    private mutating func name(_ symbol: Symbol) -> CallVerdict {
        if symbol == "(" {
            parameters = 0
            state = .firstKey
            return .more
        }
        guard Self.isName(symbol.byte) || symbol == "." || symbol == "-", name.count < TextLimits.callNameBytes else { return .refused }
        name.append(symbol.byte)
        return .more
    }

    private mutating func beginKey(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        if symbol == ")" {
            if parameters == 0, !calls.begin(name) { return .refused }
            return endCall(&calls)
        }
        guard Self.isNameStart(symbol.byte) else { return .refused }
        key = [symbol.byte]
        state = .keyText
        return .more
    }

    private mutating func keyText(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        if symbol.isSpace { return .more }
        if symbol == "=" {
            // A name, a bracket and a named argument: now it is a call.
            if parameters == 0, !calls.begin(name) { return .refused }
            calls.argument(parameters == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
            parameters += 1
            JSONQuoting.append(key, to: &calls)
            calls.argument(UInt8(ascii: ":"))
            literal = PythonLiteral()
            state = .value
            return .more
        }
        guard Self.isName(symbol.byte), key.count < TextLimits.callNameBytes else { return .refused }
        key.append(symbol.byte)
        return .more
    }

    private mutating func value(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        switch literal.step(symbol.byte, &calls) {
        case .more: return .more
        case .done:
            state = .afterValue
            return .more
        case .doneBefore:
            state = .afterValue
            return symbol.isSpace ? .more : afterValue(symbol, &calls)
        case .refused: return .refused
        }
    }

    private mutating func afterValue(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        if symbol == ")" { return endCall(&calls) }
        guard symbol == "," else { return .refused }
        state = .key
        return .more
    }

    private mutating func endCall(_ calls: inout CallSink) -> CallVerdict {
        calls.arguments(parameters == 0 ? "{}".utf8 : "}".utf8)
        calls.end()
        state = .afterCall
        return .more
    }

    private mutating func afterCall(_ symbol: Symbol) -> CallVerdict {
        if symbol == "," {
            state = .list
            return .more
        }
        guard symbol == "]" else { return .refused }
        guard closer != nil else { return .done }
        state = .closing
        return .more
    }

    private mutating func close(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        switch closer!.step(symbol) {
        case .found: .done
        case .waits: .more
        case .refused(let unread): calls.refuse(unread)
        }
    }

    private static func isNameStart(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_") || byte >= 0x80
    }

    private static func isName(_ byte: UInt8) -> Bool {
        isNameStart(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
