/// How a model writes calls as a name, a marker and the arguments.
struct HeadedCallStyle: Sendable {
    enum Name: Sendable {
        /// The text up to the arguments.
        case plain
        /// `functions.name:0`, which is the call's id as a whole.
        case numbered
        /// `function`, and the name on a line of its own behind the marker, before a fence of three backticks. Or plain.
        case fenced
    }

    /// What begins calls.
    var openers: [String]
    /// What begins each call; nil: the opener itself does.
    var callOpener: String?
    /// What ends a name and leads to the arguments.
    var nameEnds: [String]
    /// What ends a name and leads to the call's id; the next of `nameEnds` ends that.
    var idOpener: String?
    var callCloser: String?
    var closer: String?
    var name = Name.plain
}

/// `name` marker `{…}`, one or more of them between markers.
struct HeadedCalls: CallMachine {
    private enum State {
        case between(MarkerExpectation)
        case name(MarkerSearch), id(MarkerSearch)
        case beforeArguments, nameLine, fence
        case arguments(JSONFollower)
        case afterArguments
        case closing(MarkerExpectation)
    }

    private let style: HeadedCallStyle
    private let nameEnds: [[Symbol]]
    private let idOpener: [Symbol]?
    /// The markers that may follow a call; `callOpener` first where there is one.
    private let boundaries: [[Symbol]]
    private let callCloser: [Symbol]?
    private var state: State
    private var name: [UInt8] = []
    private var id: [UInt8]?
    private var fence = 0

    init(_ style: HeadedCallStyle, _ spelling: MarkerSpelling) {
        self.style = style
        nameEnds = style.nameEnds.map(spelling.symbols)
        idOpener = style.idOpener.map(spelling.symbols)
        boundaries = [style.callOpener, style.closer].compactMap { $0.map(spelling.symbols) }
        callCloser = style.callCloser.map(spelling.symbols)
        state = .between(MarkerExpectation(boundaries))
        if style.callOpener == nil { state = nameState }
    }

    private var nameState: State { .name(MarkerSearch(nameEnds + (idOpener.map { [$0] } ?? []))) }

    mutating func step(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        switch state {
        case .between(var markers): return between(&markers, symbol, &calls)
        case .name(var search): return name(&search, symbol, &calls)
        case .id(var search): return id(&search, symbol, &calls)
        case .beforeArguments: return beforeArguments(symbol, &calls)
        case .nameLine: return nameLine(symbol)
        case .fence: return fence(symbol, &calls)
        case .arguments(var follower): return arguments(&follower, symbol, &calls)
        case .afterArguments: return afterArguments(symbol, &calls)
        case .closing(var markers): return close(&markers, symbol, &calls)
        }
    }

    private mutating func between(_ markers: inout MarkerExpectation, _ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        switch markers.step(symbol) {
        case .waits:
            state = .between(markers)
            return .more
        case .refused(let unread): return calls.refuse(unread)
        case .found(let index): return go(over: index)
        }
    }

    /// Behind one of `boundaries`.
    private mutating func go(over boundary: Int) -> CallVerdict {
        guard boundary == 0, style.callOpener != nil else { return .done }
        name.removeAll()
        id = nil
        state = nameState
        return .more
    }

    private mutating func name(_ search: inout MarkerSearch, _ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        let found = search.step(symbol)
        if let strayed = search.strayed(found) { return calls.refuse(strayed) }
        name.append(contentsOf: search.released.lazy.map(\.byte))
        guard name.count <= TextLimits.callNameBytes else { return .refused }
        guard let found else {
            state = .name(search)
            return .more
        }
        name = name.trimmed
        if found == nameEnds.count {
            state = .id(MarkerSearch(nameEnds))
            id = []
            return .more
        }
        return headEnded(by: nameEnds[found], &calls)
    }

    private mutating func id(_ search: inout MarkerSearch, _ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        let found = search.step(symbol)
        if let strayed = search.strayed(found) { return calls.refuse(strayed) }
        id?.append(contentsOf: search.released.lazy.map(\.byte))
        guard id?.count ?? 0 <= TextLimits.callNameBytes else { return .refused }
        guard let found else {
            state = .id(search)
            return .more
        }
        id = id?.trimmed
        return headEnded(by: nameEnds[found], &calls)
    }

    private mutating func headEnded(by marker: [Symbol], _ calls: inout CallSink) -> CallVerdict {
        state = .beforeArguments
        // The arguments' own brace may be what ends the name.
        return marker.count == 1 && marker[0] == "{" ? beforeArguments(marker[0], &calls) : .more
    }

    private mutating func beforeArguments(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        if symbol.isSpace { return .more }
        if symbol == "{" { return begin(symbol, &calls) }
        guard case .fenced = style.name, !symbol.isSpecial else { return .refused }
        name = [symbol.byte]
        state = .nameLine
        return .more
    }

    private mutating func nameLine(_ symbol: Symbol) -> CallVerdict {
        guard !symbol.isSpecial, name.count <= TextLimits.callNameBytes else { return .refused }
        if symbol == "\n" {
            name = name.trimmed
            fence = 0
            state = .fence
        } else {
            name.append(symbol.byte)
        }
        return .more
    }

    /// Three backticks and `json` before the arguments; or none of it.
    private mutating func fence(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        if symbol.isSpace { return .more }
        if symbol == "{" { return begin(symbol, &calls) }
        let expected = Array("```json".utf8)
        guard fence < expected.count, !symbol.isSpecial, symbol.byte == expected[fence] else { return .refused }
        fence += 1
        return .more
    }

    private mutating func begin(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        if case .numbered = style.name { takeNumberedName() }
        guard calls.begin(name, id: id) else { return .refused }
        var follower = JSONFollower()
        return arguments(&follower, symbol, &calls)
    }

    private mutating func takeNumberedName() {
        id = name
        if name.starts(with: "functions.".utf8) { name.removeFirst(10) }
        if let colon = name.lastIndex(of: UInt8(ascii: ":")) { name.removeSubrange(colon...) }
    }

    private mutating func arguments(_ follower: inout JSONFollower, _ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        guard !symbol.isSpecial else { return .refused }
        switch follower.step(symbol.byte) {
        case .more:
            calls.argument(symbol.byte)
            state = .arguments(follower)
            return .more
        case .done:
            calls.argument(symbol.byte)
            calls.end()
            fence = 0
            guard callCloser != nil else { return .done }
            state = .afterArguments
            return .more
        case .doneBefore, .refused: return .refused
        }
    }

    /// White space, the fence's end, then the marker that ends the call.
    private mutating func afterArguments(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        if symbol.isSpace { return .more }
        if symbol == "`", fence < 3 {
            fence += 1
            return .more
        }
        // Models forget to close a call before the next one.
        var markers = MarkerExpectation((callCloser.map { [$0] } ?? []) + boundaries)
        return close(&markers, symbol, &calls)
    }

    private mutating func close(_ markers: inout MarkerExpectation, _ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        switch markers.step(symbol) {
        case .waits:
            state = .closing(markers)
            return .more
        case .refused(let unread): return calls.refuse(unread)
        case .found(0):
            guard !boundaries.isEmpty else { return .done }
            state = .between(MarkerExpectation(boundaries))
            return .more
        case .found(let index): return go(over: index - 1)
        }
    }
}
