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
    private enum State { case between, name, id, beforeArguments, nameLine, fence, arguments, afterArguments, closing }

    private let style: HeadedCallStyle
    /// For what ends a name, and what ends an id. All of these as they are before the first symbol, so that calls need not make them anew.
    private let nameEnds: MarkerSearch
    private let idEnds: MarkerSearch
    /// For the markers that may follow a call, `callOpener` first where there is one; and for those with the call's own closer in front.
    private let boundaries: MarkerExpectation
    private let closers: MarkerExpectation
    // Beside the state, not in it, since what an enum holds is copied when it changes.
    private var search: MarkerSearch
    private var expectation: MarkerExpectation
    private var follower = JSONFollower()
    private var state: State
    private var name: [UInt8] = []
    private var id: [UInt8]?
    private var fence = 0

    init(_ style: HeadedCallStyle, _ spelling: MarkerSpelling) {
        self.style = style
        let ends = style.nameEnds.map(spelling.symbols), idOpener = style.idOpener.map(spelling.symbols)
        nameEnds = MarkerSearch(ends + [idOpener].compactMap(\.self))
        idEnds = MarkerSearch(ends)
        let following = [style.callOpener, style.closer].compactMap { $0.map(spelling.symbols) }
        boundaries = MarkerExpectation(following)
        closers = MarkerExpectation([style.callCloser.map(spelling.symbols)].compactMap(\.self) + following)
        search = nameEnds
        expectation = boundaries
        state = style.callOpener == nil ? .name : .between
    }

    mutating func step(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        switch state {
        case .between: between(symbol, &calls)
        case .name: name(symbol, &calls)
        case .id: id(symbol, &calls)
        case .beforeArguments: beforeArguments(symbol, &calls)
        case .nameLine: nameLine(symbol)
        case .fence: fence(symbol, &calls)
        case .arguments: arguments(symbol, &calls)
        case .afterArguments: afterArguments(symbol, &calls)
        case .closing: close(symbol, &calls)
        }
    }

    private mutating func between(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        switch expectation.step(symbol) {
        case .waits: .more
        case .refused(let unread): calls.refuse(unread)
        case .found(let index): go(over: index)
        }
    }

    /// Behind one of `boundaries`.
    private mutating func go(over boundary: Int) -> CallVerdict {
        guard boundary == 0, style.callOpener != nil else { return .done }
        name.removeAll(keepingCapacity: true)
        id = nil
        search = nameEnds
        state = .name
        return .more
    }

    private mutating func name(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        let found = search.step(symbol)
        if let strayed = search.strayed(found) { return calls.refuse(strayed) }
        name.append(contentsOf: search.released.lazy.map(\.byte))
        guard name.count <= TextLimits.callNameBytes else { return .refused }
        guard let found else { return .more }
        name = name.trimmed
        if found < idEnds.markers.count { return headEnded(by: nameEnds.markers[found], &calls) }
        search = idEnds
        id = []
        state = .id
        return .more
    }

    private mutating func id(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        let found = search.step(symbol)
        if let strayed = search.strayed(found) { return calls.refuse(strayed) }
        id?.append(contentsOf: search.released.lazy.map(\.byte))
        guard id?.count ?? 0 <= TextLimits.callNameBytes else { return .refused }
        guard let found else { return .more }
        id = id?.trimmed
        return headEnded(by: idEnds.markers[found], &calls)
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
        follower = JSONFollower()
        state = .arguments
        return arguments(symbol, &calls)
    }

    private mutating func takeNumberedName() {
        id = name
        if name.starts(with: "functions.".utf8) { name.removeFirst(10) }
        if let colon = name.lastIndex(of: UInt8(ascii: ":")) { name.removeSubrange(colon...) }
    }

    private mutating func arguments(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        guard !symbol.isSpecial else { return .refused }
        switch follower.step(symbol.byte) {
        case .more:
            calls.argument(symbol.byte)
            return .more
        case .done:
            calls.argument(symbol.byte)
            calls.end()
            fence = 0
            guard style.callCloser != nil else { return .done }
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
        expectation = closers
        state = .closing
        return close(symbol, &calls)
    }

    private mutating func close(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        switch expectation.step(symbol) {
        case .waits: return .more
        case .refused(let unread): return calls.refuse(unread)
        case .found(0):
            guard !boundaries.markers.isEmpty else { return .done }
            expectation = boundaries
            state = .between
            return .more
        case .found(let index): return go(over: index - 1)
        }
    }
}
