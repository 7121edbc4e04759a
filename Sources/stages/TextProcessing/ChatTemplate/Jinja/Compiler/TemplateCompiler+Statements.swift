extension TemplateCompiler {
    func compile(_ statements: [StatementSyntax]) throws(TemplateError) -> [Execution] {
        var executions: [Execution] = []
        for statement in statements { executions.append(try compile(statement)) }
        return executions
    }

    /// Statements one after another, until one leaves the loop.
    private func sequence(_ statements: [StatementSyntax]) throws(TemplateError) -> Execution {
        let executions = try compile(statements)
        if executions.count == 1 { return executions[0] }
        return .init { (rendering) throws(TemplateError) in
            for index in executions.indices {
                let flow = try executions[index](rendering)
                if flow != .next { return flow }
            }
            return .next
        }
    }

    /// A body with a scope of its own.
    private func scoped(_ statements: [StatementSyntax], _ analyse: (ScopeAnalysis) -> Void) throws(TemplateError) -> Execution {
        let compiler = inner {
            analyse($0)
            $0.visit(statements)
        }
        let entry = compiler.entry()
        let body = try compiler.sequence(statements)
        guard let entry else { return body }
        return .init { (rendering) throws(TemplateError) in
            _ = try entry(rendering)
            return try body(rendering)
        }
    }

    private func compile(_ statement: StatementSyntax) throws(TemplateError) -> Execution {
        let line = statement.line
        switch statement.kind {
        case .data(let bytes):
            let text = TemplateText(bytes, isTrusted: true)
            return .init { (rendering) throws(TemplateError) in
                try rendering.write(text)
                return .next
            }
        case .output(let value): return try output(value)
        case .branches(let branches, let otherwise): return try self.branches(branches, otherwise, line)
        case .loop(let loop): return try self.loop(loop, line)
        case .set(let target, let value):
            let (evaluation, assignment, cost) = (try compile(value), assign(target), value.size)
            return .init { (rendering) throws(TemplateError) in
                rendering.line = line
                try rendering.spend(cost)
                try assignment(try evaluation(rendering), rendering)
                return .next
            }
        case .setBlock(let target, let filter, let body): return try setBlock(target, filter, body, line)
        case .macro(let macro):
            let (code, slot) = (try self.macro(macro), slot(macro.name))
            return .init { (rendering) throws(TemplateError) in
                rendering.keep(rendering.frame)
                rendering.slots[slot] = .macro(TemplateMacro(code, in: rendering.frame))
                return .next
            }
        case .callBlock(let call, let macro): return try callBlock(call, macro, line)
        case .filterBlock(let filter, let body):
            let body = try scoped(body) { $0.visit(filter) }
            let filter = try self.filter(filter)
            return .init { (rendering) throws(TemplateError) in
                let text = try rendering.capture { () throws(TemplateError) in _ = try body(rendering) }
                rendering.line = line
                try rendering.write(try filter(.text(text), rendering))
                return .next
            }
        case .with(let assignments, let body): return try with(assignments, body, line)
        case .generation(let body):
            let code = try macro(MacroSyntax(name: "generation", parameters: [], body: body))
            return .init { (rendering) throws(TemplateError) in
                let value = try TemplateMacro(code, in: rendering.frame).call(.none, rendering)
                try rendering.write(value)
                return .next
            }
        case .breakLoop: return .init { _ in .breakLoop }
        case .continueLoop: return .init { _ in .continueLoop }
        }
    }

    /// Sums and joined texts are written part by part, without making the whole first.
    private func output(_ value: ExpressionSyntax) throws(TemplateError) -> Execution {
        let (line, cost) = (value.line, value.size)
        switch value.kind {
        case .text(let bytes):
            let text = TemplateText(bytes, isTrusted: true)
            return .init { (rendering) throws(TemplateError) in
                try rendering.write(text)
                return .next
            }
        case .concat(let parts):
            var evaluations: [Evaluation] = []
            for part in parts { evaluations.append(try compile(part)) }
            return .init { [evaluations] (rendering) throws(TemplateError) in
                rendering.line = line
                try rendering.spend(cost)
                var values: [TemplateValue] = []
                values.reserveCapacity(evaluations.count)
                for evaluation in evaluations { values.append(try evaluation(rendering)) }
                for value in values { try rendering.write(value) }
                return .next
            }
        case .arithmetic(.add, _, _):
            let terms = try terms(value)
            return .init { (rendering) throws(TemplateError) in
                rendering.line = line
                try rendering.spend(cost)
                var values: [TemplateValue] = []
                values.reserveCapacity(terms.count)
                var areTexts = true
                for term in terms {
                    let value = try term(rendering)
                    if case .text(let text) = value { if text.isMarkup { areTexts = false } } else { areTexts = false }
                    values.append(value)
                }
                if areTexts {
                    for value in values { try rendering.write(value) }
                } else {
                    try rendering.write(try Operators(rendering).sum(values))
                }
                return .next
            }
        default:
            let evaluation = try compile(value)
            return .init { (rendering) throws(TemplateError) in
                rendering.line = line
                try rendering.spend(cost)
                try rendering.write(try evaluation(rendering))
                return .next
            }
        }
    }

    private func branches(
        _ branches: [(test: ExpressionSyntax, body: [StatementSyntax])], _ otherwise: [StatementSyntax], _ line: Int
    ) throws(TemplateError) -> Execution {
        var compiled: [Branch] = []
        for branch in branches {
            compiled.append(
                Branch(line: branch.test.line, cost: branch.test.size, test: try condition(branch.test), body: try sequence(branch.body)))
        }
        let otherwise = otherwise.isEmpty ? nil : try sequence(otherwise)
        return .init { [compiled] (rendering) throws(TemplateError) in
            for index in compiled.indices {
                rendering.line = compiled[index].line
                try rendering.spend(compiled[index].cost)
                if try compiled[index].test(rendering) { return try compiled[index].body(rendering) }
            }
            return try otherwise?(rendering) ?? .next
        }
    }

    private func setBlock(
        _ target: TargetSyntax, _ filter: ExpressionSyntax?, _ body: [StatementSyntax], _ line: Int
    ) throws(TemplateError) -> Execution {
        let (body, assignment) = (try scoped(body) { _ in }, assign(target))
        let filter = try filter.map { syntax throws(TemplateError) in try self.filter(syntax) }
        return .init { (rendering) throws(TemplateError) in
            rendering.line = line
            let text = TemplateValue.text(try rendering.capture { () throws(TemplateError) in _ = try body(rendering) })
            try assignment(try filter?(text, rendering) ?? text, rendering)
            return .next
        }
    }

    private func with(
        _ assignments: [(target: TargetSyntax, value: ExpressionSyntax)], _ body: [StatementSyntax], _ line: Int
    ) throws(TemplateError) -> Execution {
        var values: [Evaluation] = []
        for assignment in assignments { values.append(try compile(assignment.value)) }
        let cost = assignments.reduce(1) { $0 + $1.value.size }
        let compiler = inner {
            for assignment in assignments { $0.visit(assignment.target, asParameter: true) }
            $0.visit(body)
        }
        let (entry, targets) = (compiler.entry(), assignments.map { compiler.assign($0.target) })
        let body = try compiler.sequence(body)
        return .init { [values] (rendering) throws(TemplateError) in
            rendering.line = line
            try rendering.spend(cost)
            var results: [TemplateValue] = []
            for value in values { results.append(try value(rendering)) }
            _ = try entry?(rendering)
            for (target, result) in zip(targets, results) { try target(result, rendering) }
            return try body(rendering)
        }
    }

    // MARK: Loops

    private func loop(_ loop: LoopSyntax, _ line: Int) throws(TemplateError) -> Execution {
        guard !loop.isRecursive else { throw .invalid(line: line, reason: "recursive loops are not known here") }
        let (values, cost) = (try compile(loop.values), loop.values.size)
        let test = try loop.test.map { test throws(TemplateError) in try filter(of: loop.target, test) }
        let mentionsLoop = ScopeAnalysis.mentions("loop", loop.body)
        let compiler = inner {
            $0.visit(loop.target, asParameter: true)
            if mentionsLoop { $0.scope.declare("loop") }
            $0.visit(loop.body)
        }
        let (entry, target) = (compiler.entry(), compiler.assign(loop.target))
        let loopSlot = mentionsLoop ? compiler.slot("loop") : nil
        let body = try compiler.sequence(loop.body)
        let otherwise = loop.otherwise.isEmpty ? nil : try scoped(loop.otherwise) { _ in }
        return .init { (rendering) throws(TemplateError) in
            rendering.line = line
            try rendering.spend(cost)
            var elements = try rendering.elements(of: try values(rendering))
            if let test { elements = try test(elements, rendering) }
            // `else` is for loops of which no turn came to its end.
            var isElse = true
            var state = loopSlot == nil ? nil : LoopState(elements)
            for (index, element) in elements.enumerated() {
                try rendering.spend(1)
                rendering.line = line
                if let state, let loopSlot {
                    state.index = index
                    rendering.slots[loopSlot] = .loop(state)
                }
                _ = try entry?(rendering)
                try target(element, rendering)
                let flow = try body(rendering)
                if flow == .breakLoop { break }
                if flow == .next { isElse = false }
            }
            if let loopSlot { rendering.slots[loopSlot] = .undefined }
            if !isKnownUniquelyReferenced(&state), let state { rendering.keep(state) }
            if isElse, let otherwise { return try otherwise(rendering) }
            return .next
        }
    }

    /// The elements for which a loop's condition holds.
    private func filter(
        of target: TargetSyntax, _ test: ExpressionSyntax
    ) throws(TemplateError) -> @Sendable ([TemplateValue], Rendering) throws(TemplateError) -> [TemplateValue] {
        let compiler = inner {
            $0.visit(target, asParameter: true)
            $0.visit(test)
        }
        let (entry, assignment, condition) = (compiler.entry(), compiler.assign(target), try compiler.condition(test))
        let cost = test.size
        return { (elements, rendering) throws(TemplateError) in
            var kept: [TemplateValue] = []
            for element in elements {
                try rendering.spend(cost)
                _ = try entry?(rendering)
                try assignment(element, rendering)
                if try condition(rendering) { kept.append(element) }
            }
            return kept
        }
    }

    // MARK: Macros

    private func macro(_ macro: MacroSyntax) throws(TemplateError) -> TemplateMacro.Code {
        let inner = TemplateScope(frame: TemplateScope.Frame(level: scope.frame.level + 1), parent: scope)
        let analysis = ScopeAnalysis(scope: inner)
        for parameter in macro.parameters { inner.declare(parameter.name) }
        var hidden: [String: Int] = [:]
        let compiler = TemplateCompiler(scope: inner, outside: outside)
        for name in ["caller", "kwargs", "varargs"]
        where ScopeAnalysis.mentions(name, macro.body) && !macro.parameters.contains(where: { $0.name == name }) {
            inner.declare(name)
            hidden[name] = compiler.slot(name)
        }
        for parameter in macro.parameters { if let standard = parameter.standard { analysis.visit(standard) } }
        analysis.visit(macro.body)
        let entry = compiler.entry()
        var parameters: [(name: String, slot: Int, standard: Evaluation?)] = []
        for parameter in macro.parameters {
            let standard = try parameter.standard.map { syntax throws(TemplateError) in try compiler.compile(syntax) }
            parameters.append((parameter.name, compiler.slot(parameter.name), standard))
        }
        let body = try compiler.compile(macro.body)
        let depth = 1 + max(StatementDepth.of(macro.body), macro.parameters.reduce(0) { max($0, $1.standard?.depth ?? 0) })
        return TemplateMacro.Code(
            name: macro.name, parameters: parameters, slots: inner.frame.count, entry: entry, body: body, depth: depth,
            callerSlot: hidden["caller"], restSlot: hidden["varargs"], namedRestSlot: hidden["kwargs"])
    }

    private func callBlock(_ call: ExpressionSyntax, _ macro: MacroSyntax, _ line: Int) throws(TemplateError) -> Execution {
        guard case .call(let callee, let given) = call.kind else { preconditionFailure("the parser lets only calls through") }
        let code = try self.macro(macro)
        let (function, arguments, cost) = (try compile(callee), try self.arguments(given), call.size)
        return .init { (rendering) throws(TemplateError) in
            rendering.line = line
            try rendering.spend(cost)
            let function = try function(rendering)
            var arguments = try arguments(rendering)
            rendering.keep(rendering.frame)
            arguments.named.append(("caller", .macro(TemplateMacro(code, in: rendering.frame))))
            try rendering.write(try Calls(rendering).call(function, arguments, name: "the called value"))
            return .next
        }
    }
}
