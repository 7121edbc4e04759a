/// What a template expects of a message's content, read off its source.
struct MessageShape: Sendable, Hashable {
    /// It goes through a list of parts, or takes one of them; others get all text parts as one text.
    private(set) var looksIntoParts = false
    /// It tests whether there is content at all.
    private(set) var asksForNone = false

    init(of statements: [StatementSyntax]) {
        var reader = ShapeReader()
        // Names that stand for content may be known only once what they were set from is: a second look finds them.
        for _ in 0..<2 { reader.visit(statements) }
        looksIntoParts = reader.looksIntoParts
        asksForNone = reader.asksForNone
    }
}

/// Follows a message's content through names, macros and filters.
private struct ShapeReader {
    private(set) var looksIntoParts = false
    private(set) var asksForNone = false
    /// Names that hold content somewhere in the template.
    private var names: Set<String> = []
    /// Places of parameters, by macro, that get content somewhere.
    private var parameters: [String: Set<Int>] = [:]

    mutating func visit(_ statements: [StatementSyntax]) { for statement in statements { visit(statement) } }

    private mutating func visit(_ statement: StatementSyntax) {
        switch statement.kind {
        case .data, .breakLoop, .continueLoop: break
        case .output(let value): visit(value)
        case .branches(let branches, let otherwise):
            for branch in branches {
                visit(branch.test)
                visit(branch.body)
            }
            visit(otherwise)
        case .loop(let loop):
            if isContent(loop.values) { looksIntoParts = true }
            visit(loop.values)
            if let test = loop.test { visit(test) }
            visit(loop.body)
            visit(loop.otherwise)
        case .set(let target, let value):
            visit(value)
            if case .name(let name) = target, isContent(value) { names.insert(name) }
        case .setBlock(_, _, let body), .filterBlock(_, let body), .generation(let body): visit(body)
        case .macro(let macro):
            // Order: a set of places.
            for place in parameters[macro.name] ?? [] where place < macro.parameters.count { names.insert(macro.parameters[place].name) }
            visit(macro.body)
        case .callBlock(let call, let macro):
            visit(call)
            visit(macro.body)
        case .with(let assignments, let body):
            for assignment in assignments {
                visit(assignment.value)
                if case .name(let name) = assignment.target, isContent(assignment.value) { names.insert(name) }
            }
            visit(body)
        }
    }

    private mutating func visit(_ expression: ExpressionSyntax) {
        switch expression.kind {
        case .item(let value, let index):
            if case .int = index.kind, isContent(value) { looksIntoParts = true }
        case .filter(let value?, let name, _):
            if ["selectattr", "rejectattr", "map", "first"].contains(name), isContent(value) { looksIntoParts = true }
        case .test(let value, "none", _): if isContent(value) { asksForNone = true }
        case .call(let callee, let arguments):
            if case .name(let macro) = callee.kind {
                for (place, argument) in arguments.positional.enumerated() where isContent(argument) {
                    parameters[macro, default: []].insert(place)
                }
            }
        default: break
        }
        for child in expression.kind.children { visit(child) }
    }

    /// Whether it is a message's content, perhaps through filters, slices or a choice.
    private func isContent(_ expression: ExpressionSyntax) -> Bool {
        switch expression.kind {
        case .attribute(_, "content"): true
        case .item(_, let index): if case .text(let bytes) = index.kind { bytes.elementsEqual("content".utf8) } else { false }
        case .call(let callee, let arguments):
            if case .attribute(_, "get") = callee.kind, case .text(let bytes)? = arguments.positional.first?.kind {
                bytes.elementsEqual("content".utf8)
            } else {
                false
            }
        case .name(let name): names.contains(name)
        case .slice(let value, _, _, _): isContent(value)
        case .filter(let value?, let name, _): ["list", "reverse", "default", "d"].contains(name) && isContent(value)
        case .or(let left, let right): isContent(left) || isContent(right)
        case .conditional(_, let then, let otherwise): isContent(then) || (otherwise.map { isContent($0) } ?? false)
        default: false
        }
    }
}
