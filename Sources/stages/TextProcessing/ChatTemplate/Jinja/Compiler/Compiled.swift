// Parts of a compiled template. A function inside a structure is called directly; bare in an array or an optional it would pass through adapters.

/// An expression, compiled: what it is worth in a rendering.
struct Evaluation: Sendable {
    typealias Body = @Sendable (Rendering) throws(TemplateError) -> TemplateValue

    private let body: Body

    init(_ body: @escaping Body) { self.body = body }

    @inline(__always)
    func callAsFunction(_ rendering: Rendering) throws(TemplateError) -> TemplateValue { try body(rendering) }
}

/// A statement, compiled: how it ended.
struct Execution: Sendable {
    typealias Body = @Sendable (Rendering) throws(TemplateError) -> Flow

    private let body: Body

    init(_ body: @escaping Body) { self.body = body }

    @inline(__always)
    func callAsFunction(_ rendering: Rendering) throws(TemplateError) -> Flow { try body(rendering) }
}

/// An expression of which only the truth is asked, compiled.
struct Condition: Sendable {
    typealias Body = @Sendable (Rendering) throws(TemplateError) -> Bool

    private let body: Body

    init(_ body: @escaping Body) { self.body = body }

    @inline(__always)
    func callAsFunction(_ rendering: Rendering) throws(TemplateError) -> Bool { try body(rendering) }
}

/// The arguments of a call, compiled.
struct GivenArguments: Sendable {
    typealias Body = @Sendable (Rendering) throws(TemplateError) -> CallArguments

    private let body: Body

    init(_ body: @escaping Body) { self.body = body }

    @inline(__always)
    func callAsFunction(_ rendering: Rendering) throws(TemplateError) -> CallArguments { try body(rendering) }
}

/// One branch of an `if`.
struct Branch: Sendable {
    let line: Int
    let cost: Int
    let test: Condition
    let body: Execution
}
