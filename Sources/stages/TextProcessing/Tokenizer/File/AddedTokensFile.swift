import ClusterModel

extension AddedToken {
    /// One of `added_tokens`.
    init(_ node: FileNode) throws(TextError) {
        self.init(
            id: TokenID(try node.number("id", in: 0...TextLimits.tokens - 1)),
            content: Array(try node.text("content", atMost: TextLimits.addedTokenBytes).utf8),
            isSingleWord: try node.flag("single_word", else: false), stripsLeft: try node.flag("lstrip", else: false),
            stripsRight: try node.flag("rstrip", else: false), isNormalized: try node.flag("normalized", else: false),
            isSpecial: try node.flag("special", else: false))
        guard !content.isEmpty else { throw node.error(at: ".content", "must not be empty") }
    }
}
