/// A macro, with the variables that stood around it when it was made.
final class TemplateMacro {
    /// What the compiler knows of it.
    final class Code: Sendable {
        let name: String
        let parameters: [(name: String, slot: Int, standard: Evaluation?)]
        let slots: Int
        let entry: Execution?
        let body: [Execution]
        /// Levels that its body may recurse.
        let depth: Int
        let callerSlot: Int?
        let restSlot: Int?
        let namedRestSlot: Int?

        init(
            name: String, parameters: [(name: String, slot: Int, standard: Evaluation?)], slots: Int, entry: Execution?, body: [Execution],
            depth: Int, callerSlot: Int?, restSlot: Int?, namedRestSlot: Int?
        ) {
            self.name = name
            self.parameters = parameters
            self.slots = slots
            self.entry = entry
            self.body = body
            self.depth = depth
            self.callerSlot = callerSlot
            self.restSlot = restSlot
            self.namedRestSlot = namedRestSlot
        }
    }

    private let code: Code
    private let surroundings: Rendering.Frame

    init(_ code: Code, in frame: Rendering.Frame) {
        self.code = code
        surroundings = frame
    }

    func call(_ arguments: CallArguments, _ rendering: Rendering) throws(TemplateError) -> TemplateValue {
        try rendering.descend(code.depth)
        let frame = Rendering.Frame(slots: code.slots, parent: surroundings)
        try rendering.spend(code.slots / 4 + 4)
        var given = [Bool](repeating: false, count: code.parameters.count)
        try bind(arguments, to: frame, &given, rendering)
        let (outer, line) = (rendering.frame, rendering.line)
        rendering.frame = frame
        defer {
            rendering.frame = outer
            rendering.line = line
            rendering.ascend(code.depth)
        }
        let text = try rendering.capture { () throws(TemplateError) in
            if let entry = code.entry { _ = try entry(rendering) }
            for (parameter, isGiven) in zip(code.parameters, given) where !isGiven {
                if let standard = parameter.standard { frame.slots[parameter.slot] = try standard(rendering) }
            }
            for statement in code.body { _ = try statement(rendering) }
        }
        return .text(text)
    }

    private func bind(
        _ arguments: CallArguments, to frame: Rendering.Frame, _ given: inout [Bool], _ rendering: Rendering
    ) throws(TemplateError) {
        for (index, value) in arguments.positional.prefix(code.parameters.count).enumerated() {
            frame.slots[code.parameters[index].slot] = value
            given[index] = true
        }
        if let slot = code.restSlot {
            frame.slots[slot] = try rendering.list(Array(arguments.positional.dropFirst(code.parameters.count)), .tuple)
        } else if arguments.positional.count > code.parameters.count {
            throw rendering.failure("the macro '\(code.name)' takes at most \(code.parameters.count) arguments")
        }
        var namedRest: [(key: TemplateValue, value: TemplateValue)] = []
        for (name, value) in arguments.named {
            if let index = code.parameters.firstIndex(where: { $0.name == name }) {
                guard !given[index] else { throw rendering.failure("the macro '\(code.name)' is given '\(name)' twice") }
                frame.slots[code.parameters[index].slot] = value
                given[index] = true
            } else if name == "caller", let slot = code.callerSlot {
                frame.slots[slot] = value
            } else if code.namedRestSlot != nil {
                namedRest.append((.text(TemplateText(Array(name.utf8), isTrusted: false)), value))
            } else {
                throw rendering.failure("the macro '\(code.name)' has no parameter '\(name)'")
            }
        }
        if let slot = code.namedRestSlot { frame.slots[slot] = try rendering.dict(namedRest) }
    }
}
