/// What a GGUF file may demand before anything is reserved for it. Real files stay far below.
enum GGUFLimits {
    static let metadataEntries = 65_536
    static let tensors = 65_536
    /// The format's own.
    static let keyBytes = 65_535
    /// The format's own.
    static let nameBytes = 64
    /// A chat template is the longest text that files hold.
    static let textBytes = 1 << 20
    /// A vocabulary's, and its merges'.
    static let arrayElements = 1 << 24
    /// Arrays of arrays.
    static let arrayDepth = 4
    /// The format's own.
    static let dimensions = 4
    static let alignment = 1 << 20
}
