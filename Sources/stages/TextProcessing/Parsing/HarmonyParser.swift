/// gpt-oss's messages: `<|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…`.
///
/// An answer begins inside a message's head, since the prompt has opened it. What a head says decides what the message is.
struct HarmonyParser: Sendable {
    static let markers = [
        "<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>", "<|call|>", "<|return|>",
    ]
    private enum Marker: Int { case start, channel, message, constrain, end, call, `return` }
    private enum State {
        /// Inside a head, as the prompt leaves it.
        case head
        case content, reasoning, call
        /// Between two messages.
        case between
    }

    private var search: MarkerSearch
    private var state = State.head
    /// Of the head: its text, and the text behind its channel marker.
    private var head: [UInt8] = []
    private var channelStart: Int?
    private var recipientEnd: Int?
    /// White space that ends arguments unless more of them come.
    private var space: [UInt8] = []
    private var hasArguments = false
    var sink: CallSink

    init(tools: ToolList, spelling: MarkerSpelling) {
        search = MarkerSearch(Self.markers.map(spelling.symbols))
        sink = CallSink(tools: tools)
    }

    /// Bytes that wait.
    var heldBytes: Int { search.held.count + sink.held.count + space.count }

    var isThinking: Bool { if case .reasoning = state { true } else { false } }

    /// What text is while nothing but markers can change it.
    var passing: AnswerEvents.TextKind? {
        guard search.held.isEmpty else { return nil }
        switch state {
        case .content: return .content
        case .reasoning: return .reasoning
        case .head, .call, .between: return nil
        }
    }

    @inline(__always)
    func mayStart(_ byte: UInt8) -> Bool { search.mayStart(byte) }

    mutating func step(_ symbol: Symbol) {
        let found = search.step(symbol)
        for symbol in search.released { text(symbol.byte) }
        if let found, let marker = Marker(rawValue: found) { self.marker(marker) }
    }

    mutating func finish() {
        for symbol in search.flush() { text(symbol.byte) }
        if sink.isOpen { endCall() }
        if case .head = state { headIsText() }
    }

    private mutating func text(_ byte: UInt8) {
        switch state {
        case .content: sink.events.append(.content, byte)
        case .reasoning: sink.events.append(.reasoning, byte)
        case .call: argument(byte)
        case .between:
            if Symbol(byte).isSpace { return }
            state = .content
            sink.events.append(.content, byte)
        case .head:
            head.append(byte)
            sink.held.append(byte)
            if head.count > TextLimits.callNameBytes { headIsText() }
        }
    }

    private mutating func argument(_ byte: UInt8) {
        if Symbol(byte).isSpace {
            if hasArguments { space.append(byte) }
            if space.count <= TextLimits.heldSpaceBytes { return }
            sink.arguments(space)
            return space.removeAll(keepingCapacity: true)
        }
        hasArguments = true
        sink.arguments(space)
        space.removeAll(keepingCapacity: true)
        sink.argument(byte)
    }

    private mutating func marker(_ marker: Marker) {
        if case .head = state {
            switch marker {
            case .channel: channelStart = head.count
            case .constrain: recipientEnd = head.count
            case .message: return beginMessage()
            case .start: return beginHead()
            case .end, .call, .return:
                headIsText()
                return endMessage()
            }
            sink.held.append(contentsOf: Self.markers[marker.rawValue].utf8)
            // Markers alone make no head either.
            if sink.held.count > TextLimits.heldCallBytes { headIsText() }
            return
        }
        switch marker {
        case .start:
            endMessage()
            beginHead()
        case .channel:  // a head whose beginning is missing
            endMessage()
            beginHead()
            channelStart = 0
            sink.held.append(contentsOf: Self.markers[marker.rawValue].utf8)
        case .end, .call, .return: endMessage()
        case .message, .constrain: break
        }
    }

    private mutating func beginHead() {
        state = .head
        head.removeAll(keepingCapacity: true)
        sink.held.removeAll(keepingCapacity: true)
        (channelStart, recipientEnd) = (nil, nil)
    }

    private mutating func endMessage() {
        if sink.isOpen { endCall() }
        beginHead()
        state = .between
    }

    private mutating func endCall() {
        if !hasArguments { sink.arguments("{}".utf8) }
        space.removeAll(keepingCapacity: true)
        sink.end()
    }

    /// A head without a message: words, or markers, of a model that does not keep to the form.
    private mutating func headIsText() {
        if !sink.held.trimmed.isEmpty { sink.events.append(.content, sink.held) }
        beginHead()
        state = .content
    }

    private mutating func beginMessage() {
        let channel = word(from: head[(channelStart ?? head.count)...])
        let recipient = recipient()
        hasArguments = false
        if let recipient, sink.begin(recipient) {
            state = .call
        } else if recipient != nil && channel != Array("analysis".utf8) {
            // A call of something that is no tool here.
            sink.held.append(contentsOf: Self.markers[Marker.message.rawValue].utf8)
            headIsText()
            return
        } else {
            state = channel == Array("analysis".utf8) ? .reasoning : .content
        }
        head.removeAll(keepingCapacity: true)
        sink.held.removeAll(keepingCapacity: true)
    }

    /// The tool that a message goes to: `to=functions.name`, on either side of the channel.
    private func recipient() -> [UInt8]? {
        let mark = Array("to=".utf8)
        guard let start = head.indices.first(where: { head[$0...].starts(with: mark) }) else { return nil }
        let end = [channelStart, recipientEnd].compactMap(\.self).filter { $0 >= start + mark.count }.min() ?? head.count
        let name = word(from: head[(start + mark.count)..<end])
        let prefix = Array("functions.".utf8)
        return name.starts(with: prefix) ? Array(name.dropFirst(prefix.count)) : name
    }

    private func word(from text: ArraySlice<UInt8>) -> [UInt8] {
        Array(text.drop { Symbol($0).isSpace }.prefix { !Symbol($0).isSpace })
    }
}
