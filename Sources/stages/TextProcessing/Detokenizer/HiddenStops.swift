package import ClusterModel

/// What ends a model's texts by itself, whatever its clients ask for: never shown, and no stop that a client is told of.
///
/// Engines know most of these; those that do not would go on behind the end of their own text.
package struct HiddenStops: Hashable, Sendable {
    /// A handful.
    package let tokens: [TokenID]
    package let texts: [String]

    package static let none = HiddenStops()

    package init(tokens: [TokenID] = [], texts: [String] = []) {
        self.tokens = tokens
        self.texts = texts
    }
}
