package import ClusterModel

/// Special tokens whose text is shown though special tokens are not, since they are markers that a parser reads. One set a model.
package struct VisibleSpecials: Hashable, Sendable {
    /// Ascending: formats have a handful.
    private let tokens: [TokenID]

    package static let none = VisibleSpecials([])

    package init(_ tokens: [TokenID]) { self.tokens = tokens.sorted() }

    package var isEmpty: Bool { tokens.isEmpty }

    package func contains(_ token: TokenID) -> Bool { tokens.contains(token) }
}
