/// An expression as it was written.
final class ExpressionSyntax {
    enum Kind {
        case none
        case bool(Bool)
        case int(Int)
        case float(Double)
        case text([UInt8])
        case name(String)
        case list([ExpressionSyntax])
        case tuple([ExpressionSyntax])
        case dict([(key: ExpressionSyntax, value: ExpressionSyntax)])
        case attribute(ExpressionSyntax, String)
        case item(ExpressionSyntax, ExpressionSyntax)
        case slice(ExpressionSyntax, start: ExpressionSyntax?, stop: ExpressionSyntax?, step: ExpressionSyntax?)
        case call(ExpressionSyntax, ArgumentsSyntax)
        /// Without a value: the filter of a block.
        case filter(ExpressionSyntax?, String, ArgumentsSyntax)
        case test(ExpressionSyntax, String, ArgumentsSyntax)
        case not(ExpressionSyntax)
        case negative(ExpressionSyntax)
        case positive(ExpressionSyntax)
        case arithmetic(Arithmetic.Operator, ExpressionSyntax, ExpressionSyntax)
        case and(ExpressionSyntax, ExpressionSyntax)
        case or(ExpressionSyntax, ExpressionSyntax)
        case concat([ExpressionSyntax])
        case compare(ExpressionSyntax, [(ComparisonOperator, ExpressionSyntax)])
        case conditional(test: ExpressionSyntax, then: ExpressionSyntax, otherwise: ExpressionSyntax?)

        fileprivate var nameBytes: Int {
            switch self {
            case .attribute(_, let name): return name.utf8.count
            case .item(_, let index): if case .text(let name) = index.kind { return name.count }
            default: break
            }
            return 0
        }
    }

    let kind: Kind
    let line: Int
    /// Of expressions inside each other, this one counted: what evaluating it may recurse.
    let depth: Int
    /// Expressions in it, and the names by which they look for members: what evaluating it once costs at most, loops and calls aside.
    let size: Int

    init(_ kind: Kind, line: Int) throws(TemplateError) {
        self.kind = kind
        self.line = line
        let children = kind.children
        depth = 1 + children.reduce(0) { max($0, $1.depth) }
        size = children.reduce(1 + kind.nameBytes / TextLimits.templateBytesPerStep) { $0 + $1.size }
        guard depth <= TextLimits.templateDepth else {
            throw .invalid(line: line, reason: "an expression of more than \(TextLimits.templateDepth) levels")
        }
    }
}

enum ComparisonOperator { case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, isIn, isNotIn }

struct ArgumentsSyntax {
    var positional: [ExpressionSyntax] = []
    var named: [(name: String, value: ExpressionSyntax)] = []
    /// Behind `*` and `**`.
    var rest: ExpressionSyntax?
    var namedRest: ExpressionSyntax?

    var expressions: [ExpressionSyntax] { positional + named.map(\.value) + [rest, namedRest].compactMap { $0 } }
}

extension ExpressionSyntax.Kind {
    /// In the order in which they are written.
    var children: [ExpressionSyntax] {
        switch self {
        case .none, .bool, .int, .float, .text, .name: []
        case .list(let elements), .tuple(let elements), .concat(let elements): elements
        case .dict(let members): members.flatMap { [$0.key, $0.value] }
        case .attribute(let value, _), .not(let value), .negative(let value), .positive(let value): [value]
        case .item(let left, let right), .arithmetic(_, let left, let right), .and(let left, let right), .or(let left, let right):
            [left, right]
        case .slice(let value, let start, let stop, let step): [value] + [start, stop, step].compactMap { $0 }
        case .call(let callee, let arguments): [callee] + arguments.expressions
        case .filter(let value, _, let arguments): (value.map { [$0] } ?? []) + arguments.expressions
        case .test(let value, _, let arguments): [value] + arguments.expressions
        case .compare(let first, let rest): [first] + rest.map(\.1)
        case .conditional(let test, let then, let otherwise): [test, then] + (otherwise.map { [$0] } ?? [])
        }
    }
}

indirect enum TargetSyntax {
    case name(String)
    case tuple([TargetSyntax])
    case member(namespace: String, String)
}

final class StatementSyntax {
    enum Kind {
        case data([UInt8])
        case output(ExpressionSyntax)
        case branches([(test: ExpressionSyntax, body: [StatementSyntax])], otherwise: [StatementSyntax])
        case loop(LoopSyntax)
        case set(TargetSyntax, ExpressionSyntax)
        /// The body's text becomes the value, through filters where there are any.
        case setBlock(TargetSyntax, filter: ExpressionSyntax?, body: [StatementSyntax])
        case macro(MacroSyntax)
        /// The body becomes the macro `caller` of the call.
        case callBlock(ExpressionSyntax, MacroSyntax)
        case filterBlock(ExpressionSyntax, body: [StatementSyntax])
        case with([(target: TargetSyntax, value: ExpressionSyntax)], body: [StatementSyntax])
        /// Marks what a model has said: of no consequence for the text, but a scope of its own.
        case generation([StatementSyntax])
        case breakLoop
        case continueLoop
    }

    let kind: Kind
    let line: Int

    init(_ kind: Kind, line: Int) {
        self.kind = kind
        self.line = line
    }
}

struct LoopSyntax {
    var target: TargetSyntax
    var values: ExpressionSyntax
    var test: ExpressionSyntax?
    var isRecursive: Bool
    var body: [StatementSyntax]
    var otherwise: [StatementSyntax]
}

struct MacroSyntax {
    var name: String
    var parameters: [(name: String, standard: ExpressionSyntax?)]
    var body: [StatementSyntax]
}
