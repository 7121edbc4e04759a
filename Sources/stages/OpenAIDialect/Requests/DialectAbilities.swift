/// What a deployment honours of what a request may ask; the rest is refused by name rather than ignored.
package struct DialectAbilities: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Tools are rendered, and calls parsed from the output.
    package static let tools = DialectAbilities(rawValue: 1 << 0)
    /// Output can be held to a schema or grammar.
    package static let constraints = DialectAbilities(rawValue: 1 << 1)
    /// Log probabilities of prompt tokens.
    package static let promptLogprobs = DialectAbilities(rawValue: 1 << 2)
}
