/// Tells calls from content, symbol by symbol.
struct ToolCallScanner: Sendable {
    /// What becomes of white space that waits.
    private enum Gap {
        case none
        /// Nothing has come yet: it is content, unless calls follow.
        case start
        /// Behind a thought: line ends belong to its marker.
        case afterReasoning
        /// Behind calls: it is content only if other content follows.
        case afterCalls
    }

    private let grammar: ToolGrammar?
    private let openers: [String]
    private let spelling: MarkerSpelling
    private var search: MarkerSearch
    private var machine: (any CallMachine)?
    /// Calls that were there before the machine began.
    private var callsBefore = 0
    private var gap = Gap.start
    private var space: [UInt8] = []
    var sink: CallSink

    init(_ format: ToolFormat?, tools: ToolList, spelling: MarkerSpelling) {
        grammar = format?.grammar
        openers = grammar?.openers ?? []
        self.spelling = spelling
        search = MarkerSearch(openers.map(spelling.symbols))
        sink = CallSink(tools: tools)
    }

    /// Bytes that wait.
    var heldBytes: Int { search.held.count + space.count + sink.held.count }

    /// Whether text passes by as content, but for bytes that may start a marker.
    var isPassing: Bool { machine == nil && search.held.isEmpty && gap == .none }

    @inline(__always)
    func mayStart(_ byte: UInt8) -> Bool { search.mayStart(byte) }

    /// Ordinary text while it is passing, none of its bytes one that may start a marker.
    mutating func pass(_ text: Span<UInt8>) {
        text.withUnsafeBufferPointer { sink.events.append(.content, $0) }
    }

    /// A thought ended here.
    mutating func reasoningEnded() {
        flushSpace()
        gap = .afterReasoning
    }

    mutating func step(_ symbol: Symbol) {
        guard machine == nil else { return stepMachine(symbol) }
        let found = search.step(symbol)
        if search.released.count == 1, found == nil { return content(search.released[0]) }
        for symbol in search.released { content(symbol) }
        if let found { begin(openedBy: openers[found]) }
    }

    /// The text ends here, or a thought begins: what waits is decided.
    mutating func finish() {
        if machine != nil {
            giveUp()
        } else {
            for symbol in search.flush() { content(symbol) }
            if machine != nil { giveUp() }
        }
        if gap == .start { flushSpace() }
        space.removeAll(keepingCapacity: true)
    }

    // MARK: Content

    private mutating func content(_ symbol: Symbol) {
        if gap != .none {
            if symbol.isSpace, space.count < TextLimits.heldSpaceBytes { return space.append(symbol.byte) }
            if let grammar, grammar.beginsBare(with: symbol) {
                begin(openedBy: nil)
                return stepMachine(symbol)
            }
            flushSpace()
        }
        sink.events.append(.content, symbol.byte)
    }

    private mutating func flushSpace() {
        var kept = space[...]
        if gap == .afterReasoning { kept = kept.drop { $0 == 0x0A || $0 == 0x0D } }
        sink.events.append(.content, kept)
        space.removeAll(keepingCapacity: true)
        gap = .none
    }

    // MARK: Calls

    private mutating func begin(openedBy opener: String?) {
        guard let grammar else { return }
        sink.held = opener.map { Array($0.utf8) } ?? []
        callsBefore = sink.count
        machine = grammar.machine(spelling, openedBy: opener)
    }

    private mutating func stepMachine(_ symbol: Symbol) {
        sink.endedNow = false
        let verdict = machine?.step(symbol, &sink) ?? .doneBefore
        switch verdict {
        case .more:
            guard !sink.isOpen, !sink.endedNow else { return }
            sink.held.append(symbol.byte)
            if sink.held.count > TextLimits.heldCallBytes { giveUp() }
        case .done:
            if hasCalls {
                sink.held.removeAll(keepingCapacity: true)
            } else {  // markers around nothing
                sink.held.append(symbol.byte)
            }
            giveUp()
        case .doneBefore, .refused:
            var unread: [Symbol] = []
            swap(&unread, &sink.unread)
            if !sink.isOpen { sink.held.removeLast(min(unread.count, sink.held.count)) }
            giveUp()
            // Shorter than a marker, so nothing is read often.
            for symbol in unread { step(symbol) }
            step(symbol)
        }
    }

    /// Whether a call came of what is read now.
    private var hasCalls: Bool { sink.isOpen || sink.count > callsBefore }

    /// Back to content: an open call ends as it is, and what is held is text, but for white space behind a call.
    private mutating func giveUp() {
        machine = nil
        if hasCalls {
            sink.end()
            gap = .afterCalls
            space.removeAll(keepingCapacity: true)
        }
        if hasCalls, sink.held.allSatisfy({ Symbol($0).isSpace }) {
            space.append(contentsOf: sink.held)
        } else {
            flushSpace()
            sink.events.append(.content, sink.held)
        }
        sink.held.removeAll(keepingCapacity: true)
    }
}
