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
    /// Calls of tools in one answer: clients run tens of them at most.
    package static let calls = 128
    /// Bytes of a called tool's name, which OpenAI bounds to 64 letters, or of an id that a model writes.
    package static let callNameBytes = 256
    /// Levels of arguments: as deep as a request's JSON may be.
    package static let callDepth = 64
    /// Text that waits because it may become a call: arguments that stand before their name, or a value whose type is told at its end.
    package static let heldCallBytes = 64 << 10
    /// White space around calls and reasoning that waits for what it belongs to.
    package static let heldSpaceBytes = 64
}
