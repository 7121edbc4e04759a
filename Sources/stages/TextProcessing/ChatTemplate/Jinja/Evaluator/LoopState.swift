/// The variable `loop` inside a loop.
final class LoopState {
    private var elements: [TemplateValue]
    var index = 0
    private var lastSeen: TemplateValue?

    init(_ elements: [TemplateValue]) { self.elements = elements }

    var count: Int { elements.count }

    /// Lets go of all values: loops may hold each other, and themselves.
    func clear() {
        elements = []
        lastSeen = nil
    }

    func attribute(_ name: String) -> TemplateValue? {
        switch name {
        case "index": .int(index + 1)
        case "index0": .int(index)
        case "revindex": .int(elements.count - index)
        case "revindex0": .int(elements.count - index - 1)
        case "first": .bool(index == 0)
        case "last": .bool(index == elements.count - 1)
        case "length": .int(elements.count)
        // Counts recursion, of which there is none.
        case "depth": .int(1)
        case "depth0": .int(0)
        case "previtem": index > 0 ? elements[index - 1] : .undefined
        case "nextitem": index + 1 < elements.count ? elements[index + 1] : .undefined
        case "cycle", "changed": .method(BoundMethod(.loop(self), name))
        default: nil
        }
    }

    func call(_ method: String, _ arguments: CallArguments, _ rendering: Rendering) throws(TemplateError) -> TemplateValue {
        if method == "cycle" {
            guard !arguments.positional.isEmpty else { throw rendering.failure("loop.cycle needs values") }
            return arguments.positional[index % arguments.positional.count]
        }
        let seen = try rendering.list(arguments.positional, .tuple)
        if let lastSeen, try ValueOrder(rendering).areEqual(lastSeen, seen) { return .bool(false) }
        lastSeen = seen
        return .bool(true)
    }
}
