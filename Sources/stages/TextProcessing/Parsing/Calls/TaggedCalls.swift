/// How a model writes calls as tags, one for each parameter.
struct TaggedCallStyle: Sendable {
    /// What tells a value's type.
    enum Typing: Sendable { case schema, string, json }

    /// What begins calls.
    var openers: [String]
    /// What begins each call; nil: the opener itself does.
    var callOpener: String?
    /// Behind a call's name. It may be what begins a parameter or ends the call.
    var nameEnds: [String]
    var parameterOpener: String
    /// Behind a parameter's name.
    var keyEnds: [(text: String, typing: Typing)]
    /// What stands between a parameter's name and its value, beside white space.
    var valueOpener: String?
    /// The one with a line end in front of it where that is no part of the value.
    var valueEnds: [String]
    /// Whether a line end in front of a value is no part of it.
    var skipsLineEnd = false
    var callCloser: String
    /// What ends the calls, in any of its spellings; empty: a call's end does.
    var closers: [String] = []
}

/// `<function=name><parameter=key>value</parameter></function>` and its relatives; the arguments become JSON.
struct TaggedCalls: CallMachine {
    private enum Next { case call, parameter, callEnd, end }
    private enum State { case expecting, name, key, valueOpener, value }

    private let style: TaggedCallStyle
    private let spelling: MarkerSpelling
    private var state = State.expecting
    private var expectation = MarkerExpectation([])
    /// What each marker of `expectation` leads to.
    private var next: [Next] = []
    private var search = MarkerSearch([])
    private let valueEnds: MarkerSearch
    private var name: [UInt8] = []
    private var key: [UInt8] = []
    private var value = TaggedValue(.string)
    private var parameters = 0

    init(_ style: TaggedCallStyle, _ spelling: MarkerSpelling, openedBy opener: String) {
        self.style = style
        self.spelling = spelling
        valueEnds = MarkerSearch(style.valueEnds.map(spelling.symbols))
        if style.callOpener == nil || style.callOpener == opener {
            expectName()
        } else {
            expect([.call])
        }
    }

    mutating func step(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        switch state {
        case .expecting:
            switch expectation.step(symbol) {
            case .waits: return .more
            case .refused(let unread): return calls.refuse(unread)
            case .found(let index): return go(next[index], &calls)
            }
        case .name: return name(symbol, &calls)
        case .key: return key(symbol, &calls)
        case .valueOpener:
            switch expectation.step(symbol) {
            case .waits: break
            case .refused(let unread): return calls.refuse(unread)
            case .found: beginValue()
            }
            return .more
        case .value: return value(symbol, &calls)
        }
    }

    // MARK: What may follow

    private mutating func expect(_ steps: [Next]) {
        let pairs = steps.flatMap { step in texts(of: step).map { (step, spelling.symbols($0)) } }
        next = pairs.map(\.0)
        expectation = MarkerExpectation(pairs.map(\.1))
        state = .expecting
    }

    private func texts(of next: Next) -> [String] {
        switch next {
        case .call: style.callOpener.map { [$0] } ?? []
        case .parameter: [style.parameterOpener]
        case .callEnd: [style.callCloser]
        case .end: style.closers
        }
    }

    private mutating func go(_ next: Next, _ calls: inout CallSink) -> CallVerdict {
        switch next {
        case .call: expectName()
        case .parameter:
            key.removeAll()
            search = MarkerSearch(style.keyEnds.map { spelling.symbols($0.text) })
            state = .key
        case .callEnd:
            calls.arguments(parameters == 0 ? "{}".utf8 : "}".utf8)
            calls.end()
            guard !style.closers.isEmpty else { return .done }
            expect([.end, .call])
        case .end: return .done
        }
        return .more
    }

    private mutating func expectName() {
        name.removeAll()
        parameters = 0
        search = MarkerSearch(style.nameEnds.map(spelling.symbols))
        state = .name
    }

    // MARK: Names

    /// Takes what stands before a marker. Nil with `isOver` set if that cannot be a name.
    private mutating func text(before symbol: Symbol, _ text: WritableKeyPath<Self, [UInt8]>, _ calls: inout CallSink, isOver: inout Bool)
        -> Int?
    {
        let found = search.step(symbol)
        if let strayed = search.strayed(found) {
            calls.unread = strayed
            isOver = true
        }
        self[keyPath: text].append(contentsOf: search.released.lazy.map(\.byte))
        if self[keyPath: text].count > TextLimits.callNameBytes { isOver = true }
        return isOver ? nil : found
    }

    private mutating func name(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        var isOver = false
        guard let found = text(before: symbol, \.name, &calls, isOver: &isOver) else { return isOver ? .refused : .more }
        name = name.trimmed
        guard calls.begin(name) else { return .refused }
        switch style.nameEnds[found] {
        case style.parameterOpener: return go(.parameter, &calls)
        case style.callCloser: return go(.callEnd, &calls)
        default: expect([.parameter, .callEnd])
        }
        return .more
    }

    private mutating func key(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        var isOver = false
        guard let found = text(before: symbol, \.key, &calls, isOver: &isOver) else { return isOver ? .refused : .more }
        key = key.trimmed
        calls.argument(parameters == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
        parameters += 1
        JSONQuoting.append(key, to: &calls)
        calls.argument(UInt8(ascii: ":"))
        switch style.keyEnds[found].typing {
        case .schema: value = TaggedValue(calls.tools.types(of: key, in: name))
        case .string: value = TaggedValue(.string)
        case .json: value = TaggedValue([.number, .boolean, .null, .object, .array])
        }
        if let opener = style.valueOpener {
            expectation = MarkerExpectation([spelling.symbols(opener)])
            state = .valueOpener
        } else {
            beginValue()
        }
        return .more
    }

    // MARK: Values

    private mutating func beginValue() {
        search = valueEnds
        value.skipsLineEnd = style.skipsLineEnd
        state = .value
    }

    private mutating func value(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        let found = search.step(symbol)
        for symbol in search.released { value.append(symbol.byte, &calls) }
        guard found != nil else { return .more }
        value.finish(&calls)
        expect([.parameter, .callEnd])
        return .more
    }
}
