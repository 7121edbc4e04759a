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

    // Chat templates. They come with models and run for each request: what one may cost is bounded whatever it says (T9).

    /// A template's source: the longest in use have about 20 kB.
    package static let templateBytes = 1 << 19
    /// Templates of one model.
    package static let templates = 16
    /// Brackets, operators of one operand and bodies inside each other, in the source: the parser recurses for each.
    package static let templateNesting = 100
    /// Expressions and statements inside each other, over all calls of macros under way: what a rendering may recurse. A level takes less
    /// than 500 bytes of stack, and threads have 512 kB at least.
    package static let templateDepth = 500
    /// Lists and dicts inside each other: JSON from clients has 64 levels at most.
    package static let templateValueDepth = 128
    /// Numbers of one `range`, as in the sandbox that templates are written for.
    package static let templateRange = 100_000
    /// Expressions, elements and turns of loops in one rendering: all well-known templates stay below for conversations with tools, and this many
    /// take 15 to 25 ms.
    package static let templateSteps = 300_000
    /// What a conversation adds to the steps, since templates look at each message several times, and at each value of a definition.
    package static let templateStepsPerMessage = 2_000
    package static let templateStepsPerTextByte = 1
    package static let templateStepsPerJSONByte = 8
    /// Bytes that are copied or looked at for the price of one step.
    package static let templateBytesPerStep = 16
    /// Characters of a template's own refusal that are passed on.
    package static let refusalCharacters = 300
}
