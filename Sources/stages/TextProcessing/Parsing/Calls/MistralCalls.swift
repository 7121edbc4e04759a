/// What Mistral's models write behind `[TOOL_CALLS]`: an array of objects, or a name and its arguments.
struct MistralCalls: CallMachine {
    /// For the kind that came; nil until the first symbol tells.
    private var machine: (any CallMachine)?
    private let spelling: MarkerSpelling
    static let array = JSONCallStyle(openers: ["[TOOL_CALLS]"])
    static let named = HeadedCallStyle(openers: ["[TOOL_CALLS]"], nameEnds: ["[ARGS]", "{"], idOpener: "[CALL_ID]")

    init(_ spelling: MarkerSpelling) { self.spelling = spelling }

    mutating func step(_ symbol: Symbol, _ calls: inout CallSink) -> CallVerdict {
        if machine == nil {
            if symbol.isSpace { return .more }
            machine = symbol == "[" || symbol == "{" ? JSONCalls(Self.array, spelling) : HeadedCalls(Self.named, spelling)
        }
        return machine?.step(symbol, &calls) ?? .refused
    }
}
