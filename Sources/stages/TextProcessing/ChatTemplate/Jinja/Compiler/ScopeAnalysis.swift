/// Tells a scope of the names that its statements read and set, in the order of their writing. Inner scopes are analysed when they are compiled.
struct ScopeAnalysis {
    let scope: TemplateScope

    func visit(_ statements: [StatementSyntax]) { for statement in statements { visit(statement) } }

    private func visit(_ statement: StatementSyntax) {
        switch statement.kind {
        case .data, .breakLoop, .continueLoop, .generation: break
        case .output(let value): visit(value)
        case .branches(let branches, let otherwise): visit(branches[...], otherwise)
        case .loop(let loop): visit(loop.values)
        case .set(let target, let value):
            visit(value)
            visit(target)
        case .setBlock(let target, _, _): visit(target)
        case .macro(let macro): scope.store(macro.name)
        case .callBlock(let call, _): visit(call)
        case .filterBlock(let filter, _): visit(filter)
        case .with(let assignments, _): for assignment in assignments { visit(assignment.value) }
        }
    }

    /// Each `elif` is an `if` in the branch before it, as far as names go.
    private func visit(_ branches: ArraySlice<(test: ExpressionSyntax, body: [StatementSyntax])>, _ otherwise: [StatementSyntax]) {
        guard let first = branches.first else { return }
        visit(first.test)
        let rest = branches.dropFirst()
        scope.branches([
            { visit(first.body) },
            {
                for branch in rest {
                    visit(branch.test)
                    scope.branches([{ visit(branch.body) }])
                }
            },
            { visit(otherwise) },
        ])
    }

    func visit(_ target: TargetSyntax, asParameter: Bool = false) {
        switch target {
        case .name(let name): asParameter ? scope.declare(name) : scope.store(name)
        case .tuple(let targets): for target in targets { visit(target, asParameter: asParameter) }
        case .member(let namespace, _): scope.load(namespace)
        }
    }

    func visit(_ expression: ExpressionSyntax) {
        if case .name(let name) = expression.kind { return scope.load(name) }
        switch expression.kind {
        case .conditional(let test, let then, let otherwise):
            visit(test)
            visit(then)
            if let otherwise { visit(otherwise) }
        default: for child in expression.kind.children { visit(child) }
        }
    }

    /// Whether statements mention a name, in whatever scope.
    static func mentions(_ name: String, _ statements: [StatementSyntax]) -> Bool { statements.contains { mentions(name, $0) } }

    private static func mentions(_ name: String, _ statement: StatementSyntax) -> Bool {
        switch statement.kind {
        case .data, .breakLoop, .continueLoop: false
        case .output(let value), .set(_, let value): mentions(name, value)
        case .branches(let branches, let otherwise):
            mentions(name, otherwise) || branches.contains { mentions(name, $0.test) || mentions(name, $0.body) }
        case .loop(let loop):
            mentions(name, loop.values) || (loop.test.map { mentions(name, $0) } ?? false) || mentions(name, loop.body)
                || mentions(name, loop.otherwise)
        case .setBlock(_, let filter, let body): mentions(name, body) || (filter.map { mentions(name, $0) } ?? false)
        case .macro(let macro): mentions(name, macro.body) || macro.parameters.contains { $0.standard.map { mentions(name, $0) } ?? false }
        case .callBlock(let call, let macro): mentions(name, call) || mentions(name, macro.body)
        case .filterBlock(let filter, let body): mentions(name, filter) || mentions(name, body)
        case .with(let assignments, let body): mentions(name, body) || assignments.contains { mentions(name, $0.value) }
        case .generation(let body): mentions(name, body)
        }
    }

    private static func mentions(_ name: String, _ expression: ExpressionSyntax) -> Bool {
        if case .name(let other) = expression.kind { return other == name }
        return expression.kind.children.contains { mentions(name, $0) }
    }
}
