/// What Mistral's models write behind `[TOOL_CALLS]`: an array of objects, or a name and its arguments.
struct MistralCalls: CallMachine {
    private enum State { case start, array(JSONCalls), named(HeadedCalls) }

    private var state = State.start
    private let spelling: MarkerSpelling
    static let array = JSONCallStyle(openers: ["[TOOL_CALLS]"])
    static let named = HeadedCallStyle(openers: ["[TOOL_CALLS]"], nameEnds: ["[ARGS]", "{"], idOpener: "[CALL_ID]")

    init(_ spelling: MarkerSpelling) { self.spelling = spelling }

    mutating func step(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        switch state {
        case .start:
            if symbol.isSpace { return .more }
            if symbol == "[" || symbol == "{" {
                state = .array(JSONCalls(Self.array, spelling))
            } else {
                state = .named(HeadedCalls(Self.named, spelling))
            }
            return step(symbol, &calls)
        case .array(var machine):
            state = .start
            defer { state = .array(machine) }
            return machine.step(symbol, &calls)
        case .named(var machine):
            state = .start
            defer { state = .named(machine) }
            return machine.step(symbol, &calls)
        }
    }
}
