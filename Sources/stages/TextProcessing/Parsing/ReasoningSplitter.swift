/// Tells what a model thinks from what it says, symbol by symbol.
///
/// A marker spelled as text opens a thought only at the beginning of the answer: behind that it is talk about markers. A special token opens
/// one anywhere. Line ends next to the markers belong to them, as templates write them.
struct ReasoningSplitter: Sendable {
    enum Place { case start, inside, outside }
    enum Found { case nothing, opened, closed }

    private let openerIsSpecial: Bool
    private let opener: [Symbol]
    private var opening: MarkerSearch
    private var closing: MarkerSearch
    private(set) var place: Place
    /// Symbols that were passed on: not part of a thought.
    private(set) var released: [Symbol] = []
    /// What may still be in front of the opening marker.
    private var lead: [Symbol] = []
    /// Whether nothing of the thought has come yet, so that line ends belong to the marker.
    private var atOpening: Bool
    private var lineEnds: [UInt8] = []

    /// `ends` are markers that end a thought though it was not closed: openers of calls that are special tokens.
    init(_ format: ReasoningFormat?, startsInside: Bool, ends: [[Symbol]], spelling: MarkerSpelling) {
        opener = format?.opener.map(spelling.symbols) ?? []
        openerIsSpecial = opener.contains(where: \.isSpecial)
        opening = MarkerSearch(opener.isEmpty ? [] : [opener])
        closing = MarkerSearch((format?.closer).map { [spelling.symbols($0)] + ends } ?? [])
        place = opener.isEmpty ? .outside : startsInside ? .inside : .start
        atOpening = startsInside
    }

    /// Bytes that wait.
    var heldBytes: Int { opening.held.count + closing.held.count + lead.count + lineEnds.count }

    /// Whether text passes through untouched, but for bytes that may start a marker.
    var isPassing: Bool { place == .outside && opening.held.isEmpty }

    /// Whether text passes as thought, but for those and line ends.
    var isThinking: Bool { place == .inside && !atOpening && closing.held.isEmpty && lineEnds.isEmpty }

    /// Whether what comes is a thought, or ends it.
    var isInside: Bool { place == .inside }

    @inline(__always)
    func mayStart(_ byte: UInt8) -> Bool { openerIsSpecial && opening.mayStart(byte) }

    @inline(__always)
    func mayEndThought(_ byte: UInt8) -> Bool { closing.mayStart(byte) || byte == 0x0A || byte == 0x0D }

    /// Takes a symbol. Thoughts go into `events`, the rest into `released`, in front of what was found.
    mutating func step(_ symbol: Symbol, _ events: inout AnswerEvents) -> Found {
        released.removeAll(keepingCapacity: true)
        switch place {
        case .start: return start(symbol)
        case .inside: return inside(symbol, &events)
        case .outside:
            guard openerIsSpecial else {
                released.append(symbol)
                return .nothing
            }
            return search(symbol)
        }
    }

    /// The text ends here.
    mutating func finish(_ events: inout AnswerEvents) {
        released.removeAll(keepingCapacity: true)
        switch place {
        case .start: released.append(contentsOf: lead + opening.flush())
        case .outside: released.append(contentsOf: opening.flush())
        case .inside:
            for symbol in closing.flush() { think(symbol, &events) }
        }
        lead.removeAll()
        lineEnds.removeAll()
    }

    private mutating func start(_ symbol: Symbol) -> Found {
        if opening.held.isEmpty, symbol.isSpace, lead.count < TextLimits.heldSpaceBytes {
            lead.append(symbol)
            return .nothing
        }
        let found = search(symbol)
        if case .opened = found {
            lead.removeAll()
        } else if !released.isEmpty {
            released = lead + released
            lead.removeAll()
            place = .outside
            if !openerIsSpecial { released.append(contentsOf: opening.flush()) }
        }
        return found
    }

    private mutating func search(_ symbol: Symbol) -> Found {
        let found = opening.step(symbol)
        released.append(contentsOf: opening.released)
        guard found != nil else { return .nothing }
        place = .inside
        atOpening = true
        return .opened
    }

    private mutating func inside(_ symbol: Symbol, _ events: inout AnswerEvents) -> Found {
        let found = closing.step(symbol)
        for symbol in closing.released { think(symbol, &events) }
        guard let found else { return .nothing }
        lineEnds.removeAll(keepingCapacity: true)
        place = .outside
        // All but the first begin something that others must see.
        if found > 0 { released.append(contentsOf: closing.markers[found]) }
        return .closed
    }

    private mutating func think(_ symbol: Symbol, _ events: inout AnswerEvents) {
        if symbol.isNewline {
            if atOpening { return }
            if lineEnds.count < TextLimits.heldSpaceBytes { return lineEnds.append(symbol.byte) }
        }
        events.append(.reasoning, lineEnds)
        lineEnds.removeAll(keepingCapacity: true)
        atOpening = false
        events.append(.reasoning, symbol.byte)
    }

    mutating func think(_ text: Span<UInt8>, _ events: inout AnswerEvents) {
        text.withUnsafeBufferPointer { events.append(.reasoning, $0) }
    }
}
