import JSONText

/// How a model writes calls as JSON objects.
struct JSONCallStyle: Sendable {
    /// What begins calls.
    var openers: [String]
    var closer: String?
    /// Whether a brace or a bracket at the beginning of the text begins calls too.
    var isBare = false
    /// Instead of members called name and arguments: one member, whose name is the tool.
    var isKeyedByName = false
}

/// `{"name": …, "arguments": {…}}`: one, several behind each other, or in an array.
struct JSONCalls: CallMachine {
    private enum State {
        /// Before an object, or behind one.
        case between
        case object
        /// Behind the last call.
        case closing
    }

    private let style: JSONCallStyle
    private var closer: MarkerExpectation?
    private var state = State.between
    private var object: JSONCallObject
    private var inArray = false
    /// Objects that are over.
    private var objects = 0
    /// Whether a separator came behind the last object.
    private var isSeparated = true
    /// Whether the closing marker is under way.
    private var closerBegan = false

    init(_ style: JSONCallStyle, _ spelling: MarkerSpelling) {
        self.style = style
        object = JSONCallObject(isKeyedByName: style.isKeyedByName)
        closer = style.closer.map { MarkerExpectation([spelling.symbols($0)]) }
    }

    mutating func step(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        switch state {
        case .object:
            switch object.step(symbol, &calls) {
            case .more: return .more
            case .done, .doneBefore:
                objects += 1
                isSeparated = false
                state = .between
                return .more
            case .refused: return .refused
            }
        case .between: return between(symbol, &calls)
        case .closing: return close(symbol, &calls)
        }
    }

    private mutating func between(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        if !closerBegan {
            if symbol.isSpace { return .more }
            if symbol == "{", isSeparated || closer != nil {
                object = JSONCallObject(isKeyedByName: style.isKeyedByName)
                state = .object
                return .more
            }
            if symbol == "[", !inArray, objects == 0 {
                inArray = true
                return .more
            }
            if inArray, symbol == "]" {
                guard closer != nil else { return .done }
                inArray = false
                state = .closing
                return .more
            }
            if !isSeparated, symbol == "," || symbol == ";" {
                isSeparated = true
                return .more
            }
        }
        guard !inArray, objects > 0 else { return .refused }
        return close(symbol, &calls)
    }

    private mutating func close(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        guard closer != nil else { return isSeparated ? .refused : .doneBefore }
        switch closer!.step(symbol) {
        case .found: return .done
        case .waits:
            closerBegan = !symbol.isSpace || closerBegan
            return .more
        case .refused(let unread): return calls.refuse(unread)
        }
    }
}

/// One object that is a call. It begins as soon as name and arguments are known to be there.
struct JSONCallObject: Sendable {
    private enum Member { case name, arguments, id, other }
    private enum State {
        case firstKey, key, keyText(isEscaped: Bool), colon(Member), value(Member), afterValue
    }

    private let isKeyedByName: Bool
    private var state = State.firstKey
    private var value = JSONFollower()
    private var word: [UInt8] = []
    private var name: [UInt8]?
    private var id: [UInt8]?
    /// Arguments that came before the name.
    private var early: [UInt8] = []
    private var isBegun = false

    init(isKeyedByName: Bool) { self.isKeyedByName = isKeyedByName }

    mutating func step(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        guard !symbol.isSpecial else { return .refused }
        switch state {
        case .keyText(let isEscaped): return keyText(symbol.byte, isEscaped, &calls)
        case .value(let member): return step(member, symbol, &calls)
        default: break
        }
        if symbol.isSpace { return .more }
        switch state {
        case .firstKey where symbol == "}", .afterValue where symbol == "}": return end(&calls)
        case .firstKey where symbol == "\"", .key where symbol == "\"":
            word = [symbol.byte]
            state = .keyText(isEscaped: false)
            return .more
        case .afterValue where symbol == ",":
            state = .key
            return .more
        case .colon(let member) where symbol == ":":
            state = .value(member)
            value = JSONFollower()
            word.removeAll(keepingCapacity: true)
            return .more
        default: return .refused
        }
    }

    private mutating func keyText(_ byte: UInt8, _ isEscaped: Bool, _ calls: inout CallSink) -> CallVerdict {
        guard word.count <= TextLimits.callNameBytes else { return .refused }
        word.append(byte)
        if isEscaped || byte != UInt8(ascii: "\"") {
            state = .keyText(isEscaped: !isEscaped && byte == UInt8(ascii: "\\"))
            return .more
        }
        guard let key = Self.decoded(word) else { return .refused }
        state = .colon(member(key))
        return .more
    }

    private mutating func member(_ key: [UInt8]) -> Member {
        if isKeyedByName {
            guard name == nil else { return .other }
            name = key
            return .arguments
        }
        return switch String(decoding: key, as: UTF8.self) {
        case "name", "tool_name": name == nil ? .name : .other
        case "arguments", "parameters": isBegun || !early.isEmpty ? .other : .arguments
        case "id", "tool_call_id": .id
        default: .other
        }
    }

    private mutating func step(_ member: Member, _ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        let verdict = value.step(symbol.byte)
        if case .refused = verdict { return .refused }
        let isText = !(symbol.isSpace && value.openLevels == 0 && word.isEmpty && early.isEmpty && !calls.isOpen)
        if case .doneBefore = verdict {
            // A number ended; this byte belongs to the object.
            guard finish(member, &calls) else { return .refused }
            return step(symbol, &calls)
        }
        if isText {
            guard take(symbol.byte, member, &calls) else { return .refused }
        }
        if case .done = verdict { return finish(member, &calls) ? .more : .refused }
        return .more
    }

    private mutating func take(_ byte: UInt8, _ member: Member, _ calls: inout CallSink) -> Bool {
        switch member {
        case .arguments:
            if name == nil {
                early.append(byte)
                return true
            }
            guard isBegun || begin(&calls) else { return false }
            calls.argument(byte)
        case .name, .id:
            word.append(byte)
            return word.count <= TextLimits.callNameBytes
        case .other: break
        }
        return true
    }

    /// A member's value is over.
    private mutating func finish(_ member: Member, _ calls: inout CallSink) -> Bool {
        state = .afterValue
        switch member {
        case .name:
            guard let text = Self.decoded(word) else { return false }
            name = text
            guard !early.isEmpty else { return true }
            guard begin(&calls) else { return false }
            calls.arguments(early)
            early.removeAll()
        case .id: id = Self.decoded(word) ?? word
        case .arguments, .other: break
        }
        return true
    }

    private mutating func begin(_ calls: inout CallSink) -> Bool {
        guard let name, calls.begin(name, id: id) else { return false }
        isBegun = true
        return true
    }

    private mutating func end(_ calls: inout CallSink) -> CallVerdict {
        if !isBegun {  // a call without arguments
            guard begin(&calls) else { return .refused }
            calls.arguments("{}".utf8)
        }
        calls.end()
        return .done
    }

    /// What a JSON string says; nil if it is none.
    private static func decoded(_ quoted: [UInt8]) -> [UInt8]? {
        guard let text = (try? JSONValue(parsing: quoted))?.asString else { return nil }
        return Array(text.utf8)
    }
}
