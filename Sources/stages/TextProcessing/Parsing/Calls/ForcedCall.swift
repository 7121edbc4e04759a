/// Arguments that are the whole text.
struct ForcedCall: Sendable {
    private let tool: String
    private var isBegun = false
    private var follower = JSONFollower()
    private var isOver = false

    init(_ tool: String) { self.tool = tool }

    mutating func append(_ symbol: Symbol, _ events: inout AnswerEvents) {
        if isOver {
            if !symbol.isSpace { events.append(.content, symbol.byte) }
            return
        }
        if !isBegun {
            if symbol.isSpace { return }
            guard symbol == "{" else {
                isOver = true
                return events.append(.content, symbol.byte)
            }
            isBegun = true
            events.append(.callBegan(index: 0, name: tool, id: nil))
        }
        switch follower.step(symbol.byte) {
        case .more: events.append(.arguments(index: 0), symbol.byte)
        case .done:
            events.append(.arguments(index: 0), symbol.byte)
            end(&events)
        case .doneBefore, .refused:
            end(&events)
            events.append(.content, symbol.byte)
        }
    }

    mutating func finish(_ events: inout AnswerEvents) {
        if isBegun && !isOver { end(&events) }
    }

    private mutating func end(_ events: inout AnswerEvents) {
        isOver = true
        events.append(.callEnded(index: 0))
    }
}
