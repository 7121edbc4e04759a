/// Functions that every template may call.
enum TemplateFunction: String, Sendable {
    case range, namespace, dict
    case raiseException = "raise_exception"
    case now = "strftime_now"
}

/// Calls of macros, functions and methods.
struct Calls {
    private let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    /// A method, without making a value of it first.
    func call(_ name: AttributeName, of value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        switch value {
        case .text(let text): if let method = name.textMethod { return try TextMethods(rendering).call(method, text, arguments) }
        case .dict(let dict): if let method = name.dictMethod { return try DictMethods(rendering).call(method, dict, arguments) }
        case .list(let list):
            if list.kind == .list || list.kind == .tuple, let method = name.listMethod {
                return try ListMethods(rendering).call(method, list, arguments)
            }
        default: break
        }
        return try call(Access.attribute(name, of: value), arguments, name: "'\(name.string)' of a \(value.typeName)")
    }

    func call(_ function: TemplateValue, _ arguments: CallArguments, name: String) throws(TemplateError) -> TemplateValue {
        try rendering.spend(1)
        switch function {
        case .macro(let macro): return try macro.call(arguments, rendering)
        case .function(let function): return try call(function, arguments)
        case .method(let method):
            if case .loop(let loop) = method.receiver { return try loop.call(method.name, arguments, rendering) }
            return try call(AttributeName(method.name), of: method.receiver, arguments)
        case .undefined: throw rendering.undefined(name)
        default: throw rendering.failure("a value of type \(function.typeName) cannot be called")
        }
    }

    private func call(_ function: TemplateFunction, _ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        switch function {
        case .range: return .range(try range(arguments))
        case .dict: return try rendering.dict(try members(arguments))
        case .namespace:
            let namespace = rendering.namespace()
            for (key, value) in try members(arguments) {
                try rendering.spend(namespace.members.count + 1)
                namespace[try rendering.text(key, "a namespace's member").string] = value
            }
            return .namespace(namespace)
        case .raiseException:
            let message = try rendering.required(try arguments.bind(["message"], to: "raise_exception", rendering)[0], "message")
            throw .refused(reason: Self.bounded(try rendering.text(message)))
        case .now:
            let format = try rendering.text(try arguments.bind(["format"], to: "strftime_now", rendering)[0], "format")
            return .text(try DateFormat(rendering).format(format))
        }
    }

    private func range(_ arguments: CallArguments) throws(TemplateError) -> TemplateRange {
        guard arguments.named.isEmpty, (1...3).contains(arguments.positional.count) else {
            throw rendering.failure("range takes one to three numbers")
        }
        var numbers: [Int] = []
        for value in arguments.positional { numbers.append(try rendering.integer(value, "a bound of a range") ?? 0) }
        let (start, stop) = numbers.count == 1 ? (0, numbers[0]) : (numbers[0], numbers[1])
        let step = numbers.count == 3 ? numbers[2] : 1
        guard step != 0 else { throw rendering.failure("the step of a range is zero") }
        let (distance, overflow) = step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
        guard !overflow, step != .min else { throw rendering.failure("a range that is too long") }
        let count = distance <= 0 ? 0 : (distance - 1) / abs(step) + 1
        guard count <= TextLimits.templateRange else {
            throw .limit(line: rendering.line, reason: "a range of more than \(TextLimits.templateRange) numbers")
        }
        return TemplateRange(start: start, step: step, count: count)
    }

    /// What `dict` and `namespace` are made of: another dict or pairs, and named arguments.
    private func members(_ arguments: CallArguments) throws(TemplateError) -> [(key: TemplateValue, value: TemplateValue)] {
        var members: [(key: TemplateValue, value: TemplateValue)] = []
        guard arguments.positional.count <= 1 else { throw rendering.failure("one dict at most is expected") }
        switch arguments.positional.first {
        case .dict(let dict)?: members = dict.members.map { ($0.key, $0.value) }
        case let value?:
            for pair in try rendering.elements(of: value) {
                let pair = try rendering.elements(of: pair)
                guard pair.count == 2 else { throw rendering.failure("pairs are expected") }
                members.append((pair[0], pair[1]))
            }
        case nil: break
        }
        // Behind `**` a name may be a client's. The template's own are identifiers, which no special token is made of.
        for (name, value) in arguments.named { members.append((.text(TemplateText(client: name)), value)) }
        try rendering.spend(members.count)
        return members
    }

    /// A template's own words may quote its client: they are kept short.
    private static func bounded(_ text: TemplateText) -> String {
        String(String.UnicodeScalarView(text.string.unicodeScalars.prefix(TextLimits.refusalCharacters)))
    }
}
