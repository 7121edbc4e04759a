/// How a statement ended.
enum Flow { case next, breakLoop, continueLoop }

/// Turns syntax into closures whose variables are places, not names.
struct TemplateCompiler {
    let scope: TemplateScope
    /// The names that come from outside, shared by all scopes of a template.
    let outside: OutsideNames

    /// Names that come from outside, numbered in the order in which they are met.
    final class OutsideNames {
        private(set) var names: [String] = []
        private var numbers: [String: Int] = [:]

        func number(of name: String) -> Int {
            if let number = numbers[name] { return number }
            numbers[name] = names.count
            names.append(name)
            return names.count - 1
        }
    }

    /// A whole template.
    static func compile(_ statements: [StatementSyntax]) throws(TemplateError) -> CompiledTemplate {
        let scope = TemplateScope(frame: TemplateScope.Frame(level: 0), parent: nil)
        ScopeAnalysis(scope: scope).visit(statements)
        let compiler = TemplateCompiler(scope: scope, outside: OutsideNames())
        let entry = compiler.entry()
        let body = try compiler.compile(statements)
        return CompiledTemplate(
            statements: (entry.map { [$0] } ?? []) + body, slots: scope.frame.count, names: compiler.outside.names,
            depth: StatementDepth.of(statements))
    }

    /// The same place with a scope of its own.
    func inner(_ analyse: (ScopeAnalysis) -> Void) -> TemplateCompiler {
        let inner = TemplateScope(frame: scope.frame, parent: scope)
        analyse(ScopeAnalysis(scope: inner))
        return TemplateCompiler(scope: inner, outside: outside)
    }

    /// What entering the scope does; nil: nothing.
    func entry() -> Execution? {
        let loads = scope.entries.map { ($0.slot, source($0.source)) }
        guard !loads.isEmpty else { return nil }
        return .init { (rendering) throws(TemplateError) in
            for (slot, source) in loads { rendering.slots[slot] = try source(rendering) }
            return .next
        }
    }

    private func source(_ source: TemplateScope.Source) -> Evaluation {
        switch source {
        case .parameter, .undefined: Evaluation { _ in .undefined }
        case .context(let name): fromOutside(name)
        case .copy(let name): evaluation(of: scope.outerMeaning(of: name))
        }
    }

    // MARK: Variables

    func variable(_ name: String) -> Evaluation { evaluation(of: scope.meaning(of: name)) }

    private func evaluation(of meaning: TemplateScope.Meaning) -> Evaluation {
        switch meaning {
        case .context(let name): fromOutside(name)
        case .slot(let reference): read(reference)
        }
    }

    private func fromOutside(_ name: String) -> Evaluation {
        let number = outside.number(of: name)
        return Evaluation { $0.context[number] }
    }

    func read(_ reference: TemplateScope.Reference) -> Evaluation {
        let slot = reference.slot
        switch scope.frame.level - reference.level {
        case 0: return Evaluation { $0.slots[slot] }
        case 1: return Evaluation { $0.frame.parent!.slots[slot] }
        case let hops:
            return .init { (rendering) throws(TemplateError) in
                var frame = rendering.frame
                for _ in 0..<hops { frame = frame.parent! }
                return frame.slots[slot]
            }
        }
    }

    /// The slot of a name that this scope sets.
    func slot(_ name: String) -> Int {
        guard case .slot(let reference) = scope.meaning(of: name) else { preconditionFailure("a name that is set has a slot") }
        return reference.slot
    }

    /// Puts a value where a target says.
    func assign(_ target: TargetSyntax) -> @Sendable (TemplateValue, Rendering) throws(TemplateError) -> Void {
        switch target {
        case .name(let name):
            let slot = slot(name)
            return { $1.slots[slot] = $0 }
        case .member(let name, let member):
            let namespace = variable(name)
            return { (value, rendering) throws(TemplateError) in
                guard case .namespace(let namespace) = try namespace(rendering) else {
                    throw rendering.failure("'\(name)' is no namespace: its members cannot be set")
                }
                if namespace[member] == nil { try rendering.spend(namespace.members.count + 1) }
                namespace[member] = value
            }
        case .tuple(let targets):
            let assignments = targets.map { assign($0) }
            return { (value, rendering) throws(TemplateError) in
                let values = try rendering.elements(of: value)
                guard values.count == assignments.count else {
                    throw rendering.failure("\(values.count) values for \(assignments.count) names")
                }
                for (assignment, value) in zip(assignments, values) { try assignment(value, rendering) }
            }
        }
    }
}

/// A template, ready to run on any thread.
struct CompiledTemplate: Sendable {
    let statements: [Execution]
    let slots: Int
    /// Variables from outside, in the order of a rendering's context.
    let names: [String]
    let depth: Int

    func run(_ rendering: Rendering) throws(TemplateError) {
        defer { rendering.end() }
        try rendering.descend(depth)
        for statement in statements { _ = try statement(rendering) }
    }
}

/// How deep running statements may recurse, calls aside.
enum StatementDepth {
    static func of(_ statements: [StatementSyntax]) -> Int { statements.reduce(0) { max($0, of($1)) } }

    private static func of(_ statement: StatementSyntax) -> Int {
        switch statement.kind {
        case .data, .breakLoop, .continueLoop: 1
        case .output(let value), .set(_, let value): 1 + value.depth
        case .branches(let branches, let otherwise):
            1 + branches.reduce(of(otherwise)) { max($0, $1.test.depth, of($1.body)) }
        case .loop(let loop): 1 + max(loop.values.depth, loop.test?.depth ?? 0, of(loop.body), of(loop.otherwise))
        case .setBlock(_, let filter, let body): 1 + max(filter?.depth ?? 0, of(body))
        // A macro's body recurses where it is called.
        case .macro: 1
        case .callBlock(let call, _): 1 + call.depth
        case .filterBlock(let filter, let body): 1 + max(filter.depth, of(body))
        case .with(let assignments, let body): 1 + assignments.reduce(of(body)) { max($0, $1.value.depth) }
        case .generation(let body): 2 + of(body)
        }
    }
}
