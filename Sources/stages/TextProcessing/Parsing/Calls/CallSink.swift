/// What all forms of calls share: the text that may still turn out to be none, and the events of the calls that are.
struct CallSink: Sendable {
    let tools: ToolList
    var events = AnswerEvents()
    /// Text since the last thing that is certain: content, if no call comes of it.
    var held: [UInt8] = []
    private(set) var count = 0
    private(set) var isOpen = false
    /// Symbols before the present one that a refusing machine took for the beginning of a marker: they may begin another one.
    var unread: [Symbol] = []
    /// Whether a call ended with the symbol under way, so that it belongs to the call.
    var endedNow = false

    init(tools: ToolList) { self.tools = tools }

    /// Opens a call. False if there is no such tool or there are too many calls: then its text is no call.
    mutating func begin(_ name: [UInt8], id: [UInt8]? = nil) -> Bool {
        guard !isOpen, count < TextLimits.calls, !name.isEmpty, name.count <= TextLimits.callNameBytes, tools.allows(name) else {
            return false
        }
        held.removeAll(keepingCapacity: true)
        let id = id.flatMap { $0.isEmpty ? nil : String(decoding: $0, as: UTF8.self) }
        events.append(.callBegan(index: count, name: String(decoding: name, as: UTF8.self), id: id))
        isOpen = true
        return true
    }

    @inline(__always)
    mutating func argument(_ byte: UInt8) { events.append(.arguments(count), byte) }

    mutating func arguments(_ text: some Collection<UInt8>) { events.append(.arguments(count), text) }

    mutating func end() {
        guard isOpen else { return }
        events.append(.callEnded(index: count))
        count += 1
        isOpen = false
        endedNow = true
    }
}

/// One form of writing calls, from behind its opening marker on; takes symbols one by one, so that it cannot depend on how they were cut.
protocol CallMachine: Sendable {
    mutating func step(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict
}

extension CallSink {
    /// Refuses the present symbol, and what came just before it.
    mutating func refuse(_ unread: [Symbol]) -> CallVerdict {
        self.unread = unread
        return .refused
    }
}

enum CallVerdict {
    case more
    /// The calls end with this symbol.
    case done
    /// The calls ended before this symbol.
    case doneBefore
    /// This symbol cannot stand here: what is held is text, and a call that is open ends as it is.
    case refused
}

extension [UInt8] {
    /// Without white space at both ends.
    var trimmed: [UInt8] {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else { return [] }
        return Array(self[first...last])
    }
}
