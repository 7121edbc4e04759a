extension TemplateCompiler {
    func compile(_ expression: ExpressionSyntax) throws(TemplateError) -> Evaluation {
        switch expression.kind {
        case .none: return .init { _ in TemplateValue.none }
        case .bool(let value): return .init { _ in .bool(value) }
        case .int(let value): return .init { _ in .int(value) }
        case .float(let value): return .init { _ in .float(value) }
        case .text(let bytes):
            let text = TemplateText(bytes, isTrusted: true)
            return .init { _ in .text(text) }
        case .name(let name): return variable(name)
        case .list(let elements): return try list(elements, .list)
        case .tuple(let elements): return try list(elements, .tuple)
        case .dict(let members): return try dict(members)
        case .attribute(let value, let name): return try attribute(value, name)
        case .item(let value, let index): return try item(value, index)
        case .slice(let value, let start, let stop, let step): return try slice(value, start, stop, step)
        case .call(let callee, let arguments): return try call(callee, arguments)
        case .filter(let value?, _, _):
            let (value, filter) = (try compile(value), try filter(step: expression))
            return .init { (rendering) throws(TemplateError) in try filter(try value(rendering), rendering) }
        case .filter(nil, _, _): throw .invalid(line: expression.line, reason: "a filter without a value")
        case .test, .not, .compare:
            let condition = try condition(expression)
            return .init { (rendering) throws(TemplateError) in .bool(try condition(rendering)) }
        case .negative(let value):
            let value = try compile(value)
            return .init { (rendering) throws(TemplateError) in try Operators(rendering).negative(try value(rendering)) }
        case .positive(let value):
            let value = try compile(value)
            return .init { (rendering) throws(TemplateError) in try Operators(rendering).positive(try value(rendering)) }
        case .arithmetic(.add, _, _):
            let terms = try terms(expression)
            return .init { (rendering) throws(TemplateError) in
                var values: [TemplateValue] = []
                values.reserveCapacity(terms.count)
                for term in terms { values.append(try term(rendering)) }
                return try Operators(rendering).sum(values)
            }
        case .arithmetic(let operation, let left, let right):
            let (left, right) = (try compile(left), try compile(right))
            return .init { (rendering) throws(TemplateError) in
                try Operators(rendering).apply(operation, try left(rendering), try right(rendering))
            }
        case .and(let left, let right):
            let (left, right) = (try compile(left), try compile(right))
            return .init { (rendering) throws(TemplateError) in
                let value = try left(rendering)
                return value.isTrue ? try right(rendering) : value
            }
        case .or(let left, let right):
            let (left, right) = (try compile(left), try compile(right))
            return .init { (rendering) throws(TemplateError) in
                let value = try left(rendering)
                return value.isTrue ? value : try right(rendering)
            }
        case .concat(let parts): return try concat(parts)
        case .conditional(let test, let then, let otherwise):
            let (test, then) = (try condition(test), try compile(then))
            let otherwise = try otherwise.map { syntax throws(TemplateError) in try compile(syntax) }
            return .init { (rendering) throws(TemplateError) in
                if try test(rendering) { return try then(rendering) }
                return try otherwise?(rendering) ?? .undefined
            }
        }
    }

    /// Spares the detour over a value where only the truth matters.
    func condition(_ expression: ExpressionSyntax) throws(TemplateError) -> Condition {
        switch expression.kind {
        case .not(let value):
            let value = try condition(value)
            return .init { (rendering) throws(TemplateError) in !(try value(rendering)) }
        case .and(let left, let right):
            let (left, right) = (try condition(left), try condition(right))
            return .init { (rendering) throws(TemplateError) in
                guard try left(rendering) else { return false }
                return try right(rendering)
            }
        case .or(let left, let right):
            let (left, right) = (try condition(left), try condition(right))
            return .init { (rendering) throws(TemplateError) in
                if try left(rendering) { return true }
                return try right(rendering)
            }
        case .test(let value, let name, let arguments): return try test(value, name, arguments, expression.line)
        case .compare(let first, let rest): return try comparison(first, rest)
        default:
            let value = try compile(expression)
            return .init { (rendering) throws(TemplateError) in try value(rendering).isTrue }
        }
    }

    // MARK: Operators

    /// The parts of a sum, from the left.
    func terms(_ expression: ExpressionSyntax) throws(TemplateError) -> [Evaluation] {
        guard case .arithmetic(.add, let left, let right) = expression.kind else { return [try compile(expression)] }
        return try terms(left) + [try compile(right)]
    }

    private func concat(_ parts: [ExpressionSyntax]) throws(TemplateError) -> Evaluation {
        var evaluations: [Evaluation] = []
        for part in parts { evaluations.append(try compile(part)) }
        return .init { [evaluations] (rendering) throws(TemplateError) in
            var values: [TemplateValue] = []
            values.reserveCapacity(evaluations.count)
            for evaluation in evaluations { values.append(try evaluation(rendering)) }
            var builder = TextBuilder()
            let printer = ValuePrinter(rendering: rendering)
            for value in values { try printer.append(value, to: &builder) }
            return .text(builder.text())
        }
    }

    private func comparison(_ first: ExpressionSyntax, _ rest: [(ComparisonOperator, ExpressionSyntax)]) throws(TemplateError) -> Condition
    {
        let first = try compile(first)
        if rest.count == 1 {
            let operation = rest[0].0
            if case .text(let bytes) = rest[0].1.kind, operation == .equal || operation == .notEqual {
                // By far the most frequent one: a role or a kind against a word of the template.
                let (word, wanted) = (TemplateText(bytes, isTrusted: true), operation == .equal)
                return .init { (rendering) throws(TemplateError) in
                    guard case .text(let text) = try first(rendering) else { return !wanted }
                    return text.hasSameBytes(as: word) == wanted
                }
            }
            let second = try compile(rest[0].1)
            return .init { (rendering) throws(TemplateError) in
                try Operators(rendering).compare(operation, try first(rendering), try second(rendering))
            }
        }
        var steps: [(ComparisonOperator, Evaluation)] = []
        for (operation, value) in rest { steps.append((operation, try compile(value))) }
        return .init { [steps] (rendering) throws(TemplateError) in
            var left = try first(rendering)
            for (operation, value) in steps {
                let right = try value(rendering)
                guard try Operators(rendering).compare(operation, left, right) else { return false }
                left = right
            }
            return true
        }
    }

    // MARK: Displays and access

    private func list(_ elements: [ExpressionSyntax], _ kind: TemplateList.Kind) throws(TemplateError) -> Evaluation {
        var evaluations: [Evaluation] = []
        for element in elements { evaluations.append(try compile(element)) }
        return .init { [evaluations] (rendering) throws(TemplateError) in
            var values: [TemplateValue] = []
            values.reserveCapacity(evaluations.count)
            for evaluation in evaluations { values.append(try evaluation(rendering)) }
            return try rendering.list(values, kind)
        }
    }

    private func dict(_ members: [(key: ExpressionSyntax, value: ExpressionSyntax)]) throws(TemplateError) -> Evaluation {
        var evaluations: [(Evaluation, Evaluation)] = []
        for member in members { evaluations.append((try compile(member.key), try compile(member.value))) }
        return .init { [evaluations] (rendering) throws(TemplateError) in
            var values: [(key: TemplateValue, value: TemplateValue)] = []
            for (key, value) in evaluations { values.append((try key(rendering), try value(rendering))) }
            return try rendering.dict(values)
        }
    }

    private func attribute(_ value: ExpressionSyntax, _ name: String) throws(TemplateError) -> Evaluation {
        let (evaluation, attribute, what) = (try compile(value), AttributeName(name), value.shortName)
        return .init { (rendering) throws(TemplateError) in
            let value = try evaluation(rendering)
            if case .undefined = value { throw rendering.undefined(what) }
            return Access.attribute(attribute, of: value)
        }
    }

    private func item(_ value: ExpressionSyntax, _ index: ExpressionSyntax) throws(TemplateError) -> Evaluation {
        let (evaluation, what) = (try compile(value), value.shortName)
        if case .text(let bytes) = index.kind {
            let name = AttributeName(String(decoding: bytes, as: UTF8.self))
            return .init { (rendering) throws(TemplateError) in
                let value = try evaluation(rendering)
                switch value {
                case .dict(let dict): if let member = dict[name.text, mark: name.mark] { return member }
                case .undefined: throw rendering.undefined(what)
                default: break
                }
                return Access.method(name, of: value)
            }
        }
        let index = try compile(index)
        return .init { (rendering) throws(TemplateError) in
            let value = try evaluation(rendering)
            if case .undefined = value { throw rendering.undefined(what) }
            return try Access.item(try index(rendering), of: value, rendering)
        }
    }

    private func slice(
        _ value: ExpressionSyntax, _ start: ExpressionSyntax?, _ stop: ExpressionSyntax?, _ step: ExpressionSyntax?
    ) throws(TemplateError) -> Evaluation {
        let evaluation = try compile(value)
        var bounds: [Evaluation?] = []
        for bound in [start, stop, step] { bounds.append(try bound.map { syntax throws(TemplateError) in try compile(syntax) }) }
        return .init { [bounds] (rendering) throws(TemplateError) in
            let value = try evaluation(rendering)
            var numbers: [Int?] = []
            for bound in bounds {
                guard let bound = try bound?(rendering) else {
                    numbers.append(nil)
                    continue
                }
                if case .none = bound { numbers.append(nil) } else { numbers.append(try rendering.integer(bound, "a bound of a slice")) }
            }
            return try Slices(rendering).slice(value, numbers[0], numbers[1], numbers[2])
        }
    }
}

extension ExpressionSyntax {
    /// What messages call it.
    var shortName: String {
        switch kind {
        case .name(let name): "'\(name.prefix(40))'"
        case .attribute(_, let name): "'\(name.prefix(40))'"
        case .item(_, let index):
            if case .text(let bytes) = index.kind { "'\(String(decoding: bytes.prefix(40), as: UTF8.self))'" } else { "an element" }
        default: "a value"
        }
    }
}
