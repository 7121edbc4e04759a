extension TemplateParser {
    mutating func expression() throws(TemplateError) -> ExpressionSyntax {
        try enter()
        defer { leave() }
        return try conditional()
    }

    /// Expressions with commas between them, or one alone.
    mutating func tuple(withConditional: Bool = true, ends: String? = nil) throws(TemplateError) -> ExpressionSyntax {
        let line = line
        var elements: [ExpressionSyntax] = []
        var isTuple = false
        while !isTupleEnd(ends) {
            elements.append(withConditional ? try expression() : try disjunction())
            guard take(",") else { break }
            isTuple = true
        }
        if !isTuple {
            guard let only = elements.first else { throw unexpected("an expression") }
            return only
        }
        return try ExpressionSyntax(.tuple(elements), line: line)
    }

    private func isTupleEnd(_ word: String?) -> Bool {
        switch token.kind {
        case .endOutput, .endBlock, .symbol(")"): true
        case .name(let name): name == word
        default: false
        }
    }

    private mutating func conditional() throws(TemplateError) -> ExpressionSyntax {
        let line = line
        var value = try disjunction()
        while take(name: "if") {
            let test = try disjunction()
            let otherwise = take(name: "else") ? try expression() : nil
            value = try ExpressionSyntax(.conditional(test: test, then: value, otherwise: otherwise), line: line)
        }
        return value
    }

    private mutating func disjunction() throws(TemplateError) -> ExpressionSyntax {
        var left = try conjunction()
        while take(name: "or") { left = try ExpressionSyntax(.or(left, try conjunction()), line: left.line) }
        return left
    }

    private mutating func conjunction() throws(TemplateError) -> ExpressionSyntax {
        var left = try negation()
        while take(name: "and") { left = try ExpressionSyntax(.and(left, try negation()), line: left.line) }
        return left
    }

    private mutating func negation() throws(TemplateError) -> ExpressionSyntax {
        let line = line
        guard take(name: "not") else { return try comparison() }
        try enter()
        defer { leave() }
        return try ExpressionSyntax(.not(try negation()), line: line)
    }

    private mutating func comparison() throws(TemplateError) -> ExpressionSyntax {
        let first = try sum()
        var rest: [(ComparisonOperator, ExpressionSyntax)] = []
        while let operation = comparisonOperator() { rest.append((operation, try sum())) }
        return rest.isEmpty ? first : try ExpressionSyntax(.compare(first, rest), line: first.line)
    }

    private mutating func comparisonOperator() -> ComparisonOperator? {
        let operation: ComparisonOperator
        switch token.kind {
        case .symbol("=="): operation = .equal
        case .symbol("!="): operation = .notEqual
        case .symbol("<"): operation = .less
        case .symbol("<="): operation = .lessOrEqual
        case .symbol(">"): operation = .greater
        case .symbol(">="): operation = .greaterOrEqual
        case .name("in"): operation = .isIn
        case .name("not") where isAhead(name: "in"):
            advance()
            operation = .isNotIn
        default: return nil
        }
        advance()
        return operation
    }

    private func isAhead(name: String) -> Bool {
        var copy = self
        copy.advance()
        return copy.isName(name)
    }

    private mutating func sum() throws(TemplateError) -> ExpressionSyntax {
        var left = try concatenation()
        while isSymbol("+") || isSymbol("-") {
            let operation: Arithmetic.Operator = isSymbol("+") ? .add : .subtract
            advance()
            left = try ExpressionSyntax(.arithmetic(operation, left, try concatenation()), line: left.line)
        }
        return left
    }

    private mutating func concatenation() throws(TemplateError) -> ExpressionSyntax {
        var parts = [try product()]
        while take("~") { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : try ExpressionSyntax(.concat(parts), line: parts[0].line)
    }

    private mutating func product() throws(TemplateError) -> ExpressionSyntax {
        var left = try power()
        while true {
            let operation: Arithmetic.Operator
            switch token.kind {
            case .symbol("*"): operation = .multiply
            case .symbol("/"): operation = .divide
            case .symbol("//"): operation = .floorDivide
            case .symbol("%"): operation = .remainder
            default: return left
            }
            advance()
            left = try ExpressionSyntax(.arithmetic(operation, left, try power()), line: left.line)
        }
    }

    private mutating func power() throws(TemplateError) -> ExpressionSyntax {
        var left = try unary()
        while take("**") { left = try ExpressionSyntax(.arithmetic(.power, left, try unary()), line: left.line) }
        return left
    }

    private mutating func unary(withFilters: Bool = true) throws(TemplateError) -> ExpressionSyntax {
        let line = line
        var value: ExpressionSyntax
        if isSymbol("-") || isSymbol("+") {
            let isNegative = isSymbol("-")
            advance()
            try enter()
            defer { leave() }
            let operand = try unary(withFilters: false)
            value = try ExpressionSyntax(isNegative ? .negative(operand) : .positive(operand), line: line)
        } else {
            value = try primary()
        }
        value = try postfix(value)
        return withFilters ? try filtersAndTests(value) : value
    }

    private mutating func primary() throws(TemplateError) -> ExpressionSyntax {
        let line = line
        switch token.kind {
        case .name(let word):
            advance()
            return try ExpressionSyntax(Self.constant(word) ?? .name(word), line: line)
        case .text(var bytes):
            advance()
            while case .text(let more) = token.kind {
                bytes += more
                advance()
            }
            return try ExpressionSyntax(.text(bytes), line: line)
        case .int(let value):
            advance()
            return try ExpressionSyntax(.int(value), line: line)
        case .float(let value):
            advance()
            return try ExpressionSyntax(.float(value), line: line)
        case .symbol("("):
            advance()
            if take(")") { return try ExpressionSyntax(.tuple([]), line: line) }
            let inner = try tuple()
            try expect(")")
            return inner
        case .symbol("["):
            advance()
            return try list(line)
        case .symbol("{"):
            advance()
            return try dict(line)
        default: throw unexpected("an expression")
        }
    }

    private static func constant(_ word: String) -> ExpressionSyntax.Kind? {
        switch word {
        case "true", "True": .bool(true)
        case "false", "False": .bool(false)
        case "none", "None": ExpressionSyntax.Kind.none
        default: nil
        }
    }

    private mutating func list(_ line: Int) throws(TemplateError) -> ExpressionSyntax {
        var elements: [ExpressionSyntax] = []
        while !take("]") {
            if !elements.isEmpty { try expect(",") }
            if take("]") { break }
            elements.append(try expression())
        }
        return try ExpressionSyntax(.list(elements), line: line)
    }

    private mutating func dict(_ line: Int) throws(TemplateError) -> ExpressionSyntax {
        var members: [(key: ExpressionSyntax, value: ExpressionSyntax)] = []
        while !take("}") {
            if !members.isEmpty { try expect(",") }
            if take("}") { break }
            let key = try expression()
            try expect(":")
            members.append((key, try expression()))
        }
        return try ExpressionSyntax(.dict(members), line: line)
    }

    // MARK: What follows a value

    private mutating func postfix(_ value: ExpressionSyntax) throws(TemplateError) -> ExpressionSyntax {
        var value = value
        while true {
            let line = line
            if take(".") {
                if case .int(let index) = token.kind {
                    advance()
                    value = try ExpressionSyntax(.item(value, try ExpressionSyntax(.int(index), line: line)), line: line)
                } else {
                    value = try ExpressionSyntax(.attribute(value, try name()), line: line)
                }
            } else if take("[") {
                value = try subscripted(value, line)
            } else if isSymbol("(") {
                value = try ExpressionSyntax(.call(value, try arguments()), line: line)
            } else {
                return value
            }
        }
    }

    private mutating func subscripted(_ value: ExpressionSyntax, _ line: Int) throws(TemplateError) -> ExpressionSyntax {
        var bounds: [ExpressionSyntax?] = [nil, nil, nil]
        var colons = 0
        while !isSymbol("]") {
            if take(":") {
                colons += 1
                guard colons <= 2 else { throw unexpected("']'") }
            } else {
                bounds[colons] = try expression()
                guard isSymbol(":") || isSymbol("]") else { throw unexpected("']'") }
            }
        }
        advance()
        if colons > 0 { return try ExpressionSyntax(.slice(value, start: bounds[0], stop: bounds[1], step: bounds[2]), line: line) }
        guard let index = bounds[0] else { throw unexpected("an index") }
        return try ExpressionSyntax(.item(value, index), line: line)
    }

    private mutating func arguments() throws(TemplateError) -> ArgumentsSyntax {
        var arguments = ArgumentsSyntax()
        try expect("(")
        var isFirst = true
        while !take(")") {
            if !isFirst { try expect(",") }
            isFirst = false
            if take(")") { break }
            if take("*") {
                arguments.rest = try expression()
            } else if take("**") {
                arguments.namedRest = try expression()
            } else if case .name(let name) = token.kind, isSymbol("=", ahead: 1) {
                advance()
                advance()
                guard !arguments.named.contains(where: { $0.name == name }) else {
                    throw .invalid(line: line, reason: "the argument '\(name)' is there twice")
                }
                arguments.named.append((name, try expression()))
            } else {
                guard arguments.named.isEmpty && arguments.namedRest == nil else { throw unexpected("a named argument") }
                arguments.positional.append(try expression())
            }
        }
        return arguments
    }

    private mutating func filtersAndTests(_ value: ExpressionSyntax) throws(TemplateError) -> ExpressionSyntax {
        var value = value
        while true {
            if isSymbol("|") {
                value = try filters(value)
            } else if isName("is") {
                value = try test(value)
            } else if isSymbol("(") {
                value = try ExpressionSyntax(.call(value, try arguments()), line: line)
            } else {
                return value
            }
        }
    }

    /// One filter or several; with no value the first one stands without its `|`, or behind one.
    mutating func filters(_ value: ExpressionSyntax?) throws(TemplateError) -> ExpressionSyntax {
        var value = value
        var isFirst = value == nil && !isSymbol("|")
        while isFirst || take("|") {
            isFirst = false
            let line = line
            let name = try dottedName()
            let arguments = isSymbol("(") ? try arguments() : ArgumentsSyntax()
            value = try ExpressionSyntax(.filter(value, name, arguments), line: line)
        }
        guard let value else { throw unexpected("a filter") }
        return value
    }

    private mutating func dottedName() throws(TemplateError) -> String {
        var name = try name()
        while take(".") { name += "." + (try self.name()) }
        return name
    }

    private mutating func test(_ value: ExpressionSyntax) throws(TemplateError) -> ExpressionSyntax {
        let line = line
        advance()
        let isNegated = take(name: "not")
        let name = try dottedName()
        var arguments = ArgumentsSyntax()
        switch token.kind {
        case .symbol("("): arguments = try self.arguments()
        case .name("else"), .name("or"), .name("and"): break
        case .name("is"): throw .invalid(line: line, reason: "tests with 'is' do not follow each other")
        case .name, .text, .int, .float, .symbol("["), .symbol("{"):
            try enter()
            defer { leave() }
            arguments.positional = [try postfix(try primary())]
        default: break
        }
        let test = try ExpressionSyntax(.test(value, name, arguments), line: line)
        return isNegated ? try ExpressionSyntax(.not(test), line: line) : test
    }
}
