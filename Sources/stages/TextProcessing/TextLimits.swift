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
    /// Tokens that end a text.
    package static let endTokens = 64
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
    /// Places that are looked at for a token's text or for a pair in a model's tables: in half full ones of this size honest files need some 80.
    package static let modelSteps = 256
    /// Tokens beside the model's own: the most in well-known files are 6,400 unused ones.
    package static let addedTokens = 1 << 16
    /// Bytes of one of them. A text may be looked at once for each before it is clear that none begins there.
    package static let addedTokenBytes = 512
    /// Bytes of all of them: ten times as many as in well-known files. Searching for them takes some 40 bytes of memory for each.
    package static let addedTokensBytes = 1 << 20
    /// Bytes that a normalizer may make of one of them, or a decoder of any token: replacing makes long texts out of short ones, step by step.
    package static let rewrittenTokenBytes = 4 * tokenBytes
    /// Bytes that all tokens spell.
    package static let spellingBytes = 2 * tokenizerFileBytes
    /// Bytes that one match is replaced with, or that are put before a text: well-known files have up to three.
    package static let replacementBytes = 512
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
    /// Those of one token that are looked for first: 128 kB for each of these threads. A power of two.
    package static let shortWords = 1 << 13
    /// Places that are looked at for a remembered pretoken: not one in a thousand honest ones is further from where it should be.
    package static let cacheSteps = 32
    /// Encoders that are kept for the next request.
    package static let idleEncoders = 16
    /// Bytes that each of three parts of an encoder may keep for the next request: enough for a prompt of some hundred kilobytes.
    package static let idleBufferBytes = 2 << 20

    // MARK: Remembered prompts

    /// Bytes of a prompt that is remembered. Shorter ones are encoded in the time that remembering takes; of longer ones the hashes alone would
    /// hold up other threads for a millisecond.
    package static let rememberedPromptBytes = 4 << 10...4 << 20
    /// Bytes to which prompts must be alike to be found by each other.
    package static let promptBlockBytes = 1 << 10

    /// Bytes from one cut between words to the next: what is found by its blocks is reused nearly to the end of what is alike.
    package static let bytesBetweenWordCuts = promptBlockBytes

    // MARK: Patterns without a scanner

    /// Steps that a pattern may make at one place of a text before what it costs is counted: well-known ones need some dozens.
    package static let patternSteps = 1000
    /// Memory for going back.
    package static let patternHeapKilobytes = 64 << 10

    // MARK: Calls and thoughts in answers

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
    /// Expressions, elements and turns of loops in one rendering: all well-known templates stay below for conversations with tools, and a
    /// million takes 10 to 20 ms in them and up to 45 ms in the worst.
    package static let templateSteps = 300_000
    /// What a conversation adds to the steps, since templates look at each message several times, and at each value of a definition.
    package static let templateStepsPerMessage = 2_000
    /// For each two messages or calls, as some templates look from each message at all before it: 3 are needed where these are messages, 4
    /// where each other one calls a tool.
    package static let templateStepsPerPair = 4
    /// That stops at 2,000 messages of which 1,000 call tools.
    package static let templateStepsOfPairs = 40_000_000
    package static let templateStepsPerTextByte = 1
    package static let templateStepsPerJSONByte = 8
    /// Whatever the conversation: the work of a second or two.
    package static let templateStepsAtMost = 64_000_000
    /// Bytes that are copied or looked at for the price of one step.
    package static let templateBytesPerStep = 16
    /// Characters of a template's own refusal that are passed on.
    package static let refusalCharacters = 300
}
