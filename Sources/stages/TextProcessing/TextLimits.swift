/// Every bound of this stage, in one place.
package enum TextLimits {
    /// Special tokens of a byte model's file: real vocabularies have up to a few hundred.
    package static let specialTokens = 1024
    /// Bytes of one special token's text.
    package static let specialTokenBytes = 128
    /// A byte model's file: its specials, twice over.
    package static let byteModelFileBytes = 1 << 20
    /// A prompt as text: the largest HTTP body, and as much again for what a template adds.
    package static let promptBytes = 64 << 20
}
