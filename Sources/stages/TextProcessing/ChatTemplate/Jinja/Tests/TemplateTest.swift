/// What may follow `is`.
enum TemplateTest: Sendable {
    case defined, undefined, none, boolean, `true`, `false`, integer, float, number, string, mapping, sequence, iterable, callable
    case odd, even, divisibleBy, lower, upper, sameAs, escaped, knownFilter, knownTest
    case compare(ComparisonOperator)

    init?(name: String) {
        switch name {
        case "defined": self = .defined
        case "undefined": self = .undefined
        case "none": self = .none
        case "boolean": self = .boolean
        case "true": self = .true
        case "false": self = .false
        case "integer": self = .integer
        case "float": self = .float
        case "number": self = .number
        case "string": self = .string
        case "mapping": self = .mapping
        case "sequence": self = .sequence
        case "iterable": self = .iterable
        case "callable": self = .callable
        case "odd": self = .odd
        case "even": self = .even
        case "divisibleby": self = .divisibleBy
        case "lower": self = .lower
        case "upper": self = .upper
        case "sameas": self = .sameAs
        case "escaped": self = .escaped
        case "filter": self = .knownFilter
        case "test": self = .knownTest
        case "in": self = .compare(.isIn)
        case "eq", "equalto", "==": self = .compare(.equal)
        case "ne", "!=": self = .compare(.notEqual)
        case "lt", "lessthan", "<": self = .compare(.less)
        case "le", "<=": self = .compare(.lessOrEqual)
        case "gt", "greaterthan", ">": self = .compare(.greater)
        case "ge", ">=": self = .compare(.greaterOrEqual)
        default: return nil
        }
    }
}

struct Tests {
    private let rendering: Rendering

    init(_ rendering: Rendering) { self.rendering = rendering }

    func holds(_ test: TemplateTest, _ value: TemplateValue, _ arguments: CallArguments) throws(TemplateError) -> Bool {
        if case .compare(let operation) = test {
            return try Operators(rendering).compare(operation, value, try argument(arguments))
        }
        switch test {
        case .divisibleBy:
            return try isRemainder(of: value, by: try argument(arguments), 0)
        case .sameAs: return Self.isSame(value, try argument(arguments))
        default:
            guard arguments.isEmpty else { throw rendering.failure("this test takes no argument") }
            return try holds(test, value)
        }
    }

    private func argument(_ arguments: CallArguments) throws(TemplateError) -> TemplateValue {
        guard arguments.positional.count == 1, arguments.named.isEmpty else { throw rendering.failure("this test takes one argument") }
        return arguments.positional[0]
    }

    private func holds(_ test: TemplateTest, _ value: TemplateValue) throws(TemplateError) -> Bool {
        switch (test, value) {
        case (.defined, .undefined): return false
        case (.defined, _): return true
        case (.undefined, .undefined), (.none, .none), (.boolean, .bool), (.true, .bool(true)), (.false, .bool(false)): return true
        case (.integer, .int), (.integer, .bigInteger), (.float, .float), (.string, .text), (.mapping, .dict): return true
        case (.number, .int), (.number, .bigInteger), (.number, .float), (.number, .bool): return true
        case (.sequence, .list(let list)): return list.kind == .list || list.kind == .tuple
        case (.sequence, .text), (.sequence, .dict), (.sequence, .range), (.sequence, .undefined): return true
        case (.iterable, .list), (.iterable, .text), (.iterable, .dict), (.iterable, .range), (.iterable, .undefined): return true
        case (.iterable, .iterator), (.iterable, .loop): return true
        case (.callable, .macro), (.callable, .function), (.callable, .method), (.callable, .undefined): return true
        case (.odd, _): return try isRemainder(of: value, by: .int(2), 1)
        case (.even, _): return try isRemainder(of: value, by: .int(2), 0)
        case (.lower, _): return try TextCase(rendering).isCased(try rendering.text(value), upper: false)
        case (.upper, _): return try TextCase(rendering).isCased(try rendering.text(value), upper: true)
        case (.escaped, .text(let text)): return text.isMarkup
        case (.knownFilter, .text(let name)): return TemplateFilter(rawValue: name.string) != nil
        case (.knownTest, .text(let name)): return TemplateTest(name: name.string) != nil
        default: return false
        }
    }

    private func isRemainder(of value: TemplateValue, by divisor: TemplateValue, _ wanted: Int) throws(TemplateError) -> Bool {
        try ValueOrder(rendering).areEqual(try Operators(rendering).apply(.remainder, value, divisor), .int(wanted))
    }

    /// Python's `is`, as far as a template can tell.
    private static func isSame(_ left: TemplateValue, _ right: TemplateValue) -> Bool {
        switch (left, right) {
        case (.none, .none): true
        case (.bool(let left), .bool(let right)): left == right
        case (.int(let left), .int(let right)): left == right
        case (.text(let left), .text(let right)): left.hasSameBytes(as: right)
        case (.list(let left), .list(let right)): left === right
        case (.dict(let left), .dict(let right)): left === right
        case (.namespace(let left), .namespace(let right)): left === right
        case (.macro(let left), .macro(let right)): left === right
        default: false
        }
    }
}
