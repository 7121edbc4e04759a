/// Arguments of one tool that are the whole text.
struct ForcedCall: Sendable {
    private enum State { case start, arguments(JSONFollower), over, content }

    private let tool: String
    private var state = State.start
    /// White space in front of what comes.
    private var space: [UInt8] = []

    init(_ tool: String) { self.tool = tool }

    var heldBytes: Int { space.count }

    mutating func append(_ symbol: Symbol, _ events: inout AnswerEvents) {
        switch state {
        case .start where symbol == "{":
            space.removeAll()
            events.append(.callBegan(index: 0, name: tool, id: nil))
            follow(JSONFollower(), symbol, &events)
        case .arguments(let follower): follow(follower, symbol, &events)
        case .start where symbol.isSpace && space.count < TextLimits.heldSpaceBytes,
            .over where symbol.isSpace && space.count < TextLimits.heldSpaceBytes:
            space.append(symbol.byte)
        case .start, .over, .content:
            state = .content
            flush(&events)
            events.append(.content, symbol.byte)
        }
    }

    mutating func finish(_ events: inout AnswerEvents) {
        switch state {
        case .arguments: end(&events)
        case .start: flush(&events)
        case .over, .content: break
        }
        space.removeAll()
    }

    private mutating func follow(_ follower: JSONFollower, _ symbol: Symbol, _ events: inout AnswerEvents) {
        var follower = follower
        switch symbol.isSpecial ? .refused : follower.step(symbol.byte) {
        case .more:
            events.append(.arguments(0), symbol.byte)
            state = .arguments(follower)
        case .done:
            events.append(.arguments(0), symbol.byte)
            end(&events)
        case .doneBefore, .refused:
            end(&events)
            append(symbol, &events)
        }
    }

    private mutating func end(_ events: inout AnswerEvents) {
        state = .over
        events.append(.callEnded(index: 0))
    }

    private mutating func flush(_ events: inout AnswerEvents) {
        events.append(.content, space)
        space.removeAll()
    }
}
