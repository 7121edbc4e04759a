import ClusterModel

/// A token that is found in the text itself, before anything is split or merged.
struct AddedToken: Hashable, Sendable {
    var id: TokenID
    var content: [UInt8]
    /// Only where no letter, digit or the like stands beside it.
    var isSingleWord = false
    /// Takes the white space before it.
    var stripsLeft = false
    /// Takes the white space behind it.
    var stripsRight = false
    /// Looked for in normalized text.
    var isNormalized = false
    /// Has a meaning of its own to the model, and no client may write it.
    var isSpecial = false
}
