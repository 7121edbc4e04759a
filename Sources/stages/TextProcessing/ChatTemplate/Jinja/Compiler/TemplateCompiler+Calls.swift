/// A filter with its arguments, waiting for a value.
typealias Application = @Sendable (TemplateValue, Rendering) throws(TemplateError) -> TemplateValue

extension TemplateCompiler {
    func arguments(_ syntax: ArgumentsSyntax) throws(TemplateError) -> GivenArguments {
        var positional: [Evaluation] = []
        for argument in syntax.positional { positional.append(try compile(argument)) }
        var named: [(String, Evaluation)] = []
        for argument in syntax.named { named.append((argument.name, try compile(argument.value))) }
        let rest = try syntax.rest.map { syntax throws(TemplateError) in try compile(syntax) }
        let namedRest = try syntax.namedRest.map { syntax throws(TemplateError) in try compile(syntax) }
        if positional.isEmpty && named.isEmpty && rest == nil && namedRest == nil { return .init { _ in .none } }
        return .init { [positional, named] (rendering) throws(TemplateError) in
            var arguments = CallArguments()
            arguments.positional.reserveCapacity(positional.count)
            for evaluation in positional { arguments.positional.append(try evaluation(rendering)) }
            for (name, evaluation) in named { arguments.named.append((name, try evaluation(rendering))) }
            if let rest {
                let elements = try rendering.elements(of: try rest(rendering))
                try rendering.spend(elements.count)
                arguments.positional += elements
            }
            if let namedRest {
                guard case .dict(let dict) = try namedRest(rendering) else { throw rendering.failure("a dict is expected behind '**'") }
                try rendering.spend(dict.count)
                for member in dict.members {
                    guard case .text(let name) = member.key else { throw rendering.failure("names of arguments must be texts") }
                    arguments.named.append((name.string, member.value))
                }
            }
            return arguments
        }
    }

    func call(_ callee: ExpressionSyntax, _ arguments: ArgumentsSyntax) throws(TemplateError) -> Evaluation {
        let given = try self.arguments(arguments)
        if case .attribute(let receiver, let name) = callee.kind {
            let (receiver, attribute, what) = (try compile(receiver), AttributeName(name), receiver.shortName)
            return .init { (rendering) throws(TemplateError) in
                let value = try receiver(rendering)
                if case .undefined = value { throw rendering.undefined(what) }
                let arguments = try given(rendering)
                return try Calls(rendering).call(attribute, of: value, arguments)
            }
        }
        let (function, name) = (try compile(callee), callee.shortName)
        return .init { (rendering) throws(TemplateError) in
            let function = try function(rendering)
            return try Calls(rendering).call(function, try given(rendering), name: name)
        }
    }

    /// The last filter of a chain, with its arguments.
    func filter(step expression: ExpressionSyntax) throws(TemplateError) -> Application {
        guard case .filter(_, let name, let syntax) = expression.kind else { preconditionFailure("only filters are asked for") }
        guard let filter = TemplateFilter(rawValue: name) else {
            throw .invalid(line: expression.line, reason: "the filter '\(name.prefix(40))' is not known here")
        }
        let given = try arguments(syntax)
        return { (value, rendering) throws(TemplateError) in try Filters(rendering).apply(filter, value, try given(rendering)) }
    }

    /// A chain of filters that begins without a value.
    func filter(_ expression: ExpressionSyntax) throws(TemplateError) -> Application {
        guard case .filter(let before, _, _) = expression.kind else {
            throw .invalid(line: expression.line, reason: "a filter is expected")
        }
        let last = try filter(step: expression)
        guard let before else { return last }
        let first = try filter(before)
        return { (value, rendering) throws(TemplateError) in try last(try first(value, rendering), rendering) }
    }

    func test(_ value: ExpressionSyntax, _ name: String, _ arguments: ArgumentsSyntax, _ line: Int) throws(TemplateError) -> Condition {
        guard let test = TemplateTest(name: name) else {
            throw .invalid(line: line, reason: "the test '\(name.prefix(40))' is not known here")
        }
        let value = try compile(value)
        if arguments.expressions.isEmpty, let condition = Self.frequent(test, value) { return condition }
        if arguments.expressions.isEmpty {
            return .init { (rendering) throws(TemplateError) in try Tests(rendering).holds(test, try value(rendering), .none) }
        }
        let given = try self.arguments(arguments)
        return .init { (rendering) throws(TemplateError) in
            let value = try value(rendering)
            return try Tests(rendering).holds(test, value, try given(rendering))
        }
    }

    /// The tests that nearly all templates make, without a look at the others.
    private static func frequent(_ test: TemplateTest, _ value: Evaluation) -> Condition? {
        switch test {
        case .defined:
            Condition { (rendering) throws(TemplateError) in if case .undefined = try value(rendering) { false } else { true } }
        case .none:
            Condition { (rendering) throws(TemplateError) in if case TemplateValue.none = try value(rendering) { true } else { false } }
        case .string:
            Condition { (rendering) throws(TemplateError) in if case .text = try value(rendering) { true } else { false } }
        case .mapping:
            Condition { (rendering) throws(TemplateError) in if case .dict = try value(rendering) { true } else { false } }
        default: nil
        }
    }
}
