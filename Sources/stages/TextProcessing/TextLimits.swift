/// Every bound of this stage, in one place.
package enum TextLimits {
    /// Special tokens of a byte model's file: real vocabularies have up to a few hundred.
    package static let specialTokens = 1024
    /// Bytes of one special token's text.
    package static let specialTokenBytes = 128
    /// A byte model's file: its specials, twice over.
    package static let byteModelFileBytes = 1 << 20
    /// A file beside the tokenizer: the longest templates have a hundred kilobytes.
    package static let configFileBytes = 4 << 20
    /// Named templates of a model: one for chat, one for tools, one for documents.
    package static let templates = 16
    /// Tokens that end a text.
    package static let endTokens = 64
    /// A prompt as text: the largest HTTP body, and as much again for what a template adds.
    package static let promptBytes = 64 << 20
}
