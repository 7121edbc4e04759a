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

    // MARK: tokenizer.json

    /// The file: the largest of well-known models has 33 MB.
    package static let tokenizerFileBytes = 128 << 20
    /// Values and names in it: half a million merges of three values each, eight times over.
    package static let tokenizerFileValues = 16 << 20
    /// Token ids are below: eight times the largest vocabulary of well-known models.
    package static let tokens = 1 << 21
    /// Bytes that one token spells: the longest in well-known vocabularies are runs of some hundred blanks.
    package static let tokenBytes = 4096
    /// Merges: twice as many tokens, as some vocabularies have several ways to a token.
    package static let merges = 1 << 22
    /// Tokens beside the model's own: the most in well-known files are 6,400 unused ones.
    package static let addedTokens = 1 << 16
    /// Bytes of one of them. A text may be looked at once for each before it is clear that none begins there.
    package static let addedTokenBytes = 512
    /// Bytes of a pattern or of a literal in a normalizer, a pre-tokenizer or a decoder: the longest of well-known files has 3 kB.
    package static let patternBytes = 1 << 16
    /// Steps of a normalizer, a pre-tokenizer, a post-processor or a decoder, sequences in them counted as what they hold.
    package static let pipelineSteps = 32
    /// Special tokens that a post-processor puts around a text.
    package static let surroundingTokens = 64

    // MARK: Encoding

    /// Bytes of one pretoken: the words of a text that no pattern cuts. Merging needs some 30 bytes of memory for each.
    package static let pretokenBytes = 4 << 20
    /// Bytes between two looks at whether the tokens are too many or the request is gone.
    package static let bytesBetweenChecks = 64 << 10
    /// Bytes of the longest pretoken that is remembered.
    package static let cachedPretokenLength = 128
    /// Of one generation of the memory of pretokens; there are two for each thread that encodes at the same time, of about 3 MB.
    package static let cachedPretokens = 1 << 15
    package static let cachedPretokenBytes = 1 << 20
    package static let cachedTokens = 1 << 17
    /// Encoders that are kept for the next request.
    package static let idleEncoders = 16

    // MARK: Patterns without a scanner

    /// Steps that a pattern may make at one place of a text before what it costs is counted: well-known ones need some dozens.
    package static let patternSteps = 1000
    /// Memory for going back.
    package static let patternHeapKilobytes = 64 << 10
}
