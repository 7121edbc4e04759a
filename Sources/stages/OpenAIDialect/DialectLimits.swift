import JSONText

/// Every bound of this stage, in one place. Lengths of texts are bytes of UTF-8.
package enum DialectLimits {
    /// Depth, bytes and values of a body: 64 levels, the largest HTTP body, a million values.
    static let json = JSONLimits.request
    /// Members of one object: more than all known fields of a request.
    static let members = 128
    /// Unknown members that are named to whoever asks; all are counted.
    static let listedUnknown = 16
    /// Of a name that is listed or quoted.
    static let quotedName = 32

    /// Messages of a conversation: agents reach thousands, each costing a few hundred bytes beyond its text.
    package static let messages = 16 << 10
    static let partsPerMessage = 4 << 10
    static let toolCallsPerMessage = 128
    static let tools = 128
    /// That a template is given to quote from: what a search finds, many times over.
    static let documents = 1 << 10
    /// Of a function's or speaker's name, and of the id of a call.
    static let name = 256
    /// As long as names are on the wire.
    static let model = 256
    /// What OpenAI's API allows: so many pairs of a name and a value, here with four bytes to a character.
    static let metadata = 16
    static let metadataName = 4 * 64
    static let metadataValue = 4 * 512
    /// Of a user, a key or another word of the client's that is kept: real ones are ids, and JSON texts of a few.
    static let label = 1 << 10
    /// As long as labels are on the wire.
    static let session = 256
    /// A prompt of token ids: as many as fit into a body beside its other members.
    static let promptTokens = json.values - 1_024
    /// Of the text that tokens spell, where somebody asks for it: eight for each that a body can hold, which is twice what languages need.
    package static let spelledBytes = 8 << 20
    /// Of a list: each is a request of its own, with a plan and a worker; evaluations send some dozens at once.
    package static let prompts = 64
    /// Of all prompts together: each choice of a body is held until the last one has ended.
    package static let choicesOfPrompts = 128
    /// Of a request for embeddings: what OpenAI's API allows, since clients fill their batches by it.
    package static let inputs = 2_048
    /// Of a vector: what the wire carries.
    static let dimensions = 64 << 10
    package static let choices = 16
    /// What OpenAI's API allows.
    static let stops = 4
    /// As many as the wire carries: Anthropic's API allows more than OpenAI's.
    static let stopSequences = 64
    /// As long as stops are on the wire, which bounds what is held back of a stream.
    package static let stop = 1 << 10
    /// Half of what the wire carries: the model's own end tokens are among them there.
    static let stopTokens = 128
    static let logitBiases = 1024
    static let topLogprobs = 20
    /// More are cut to the context length anyway.
    static let maxTokens = 1 << 30
    /// Media in one block of a prompt, and places of each: a block has some dozen tokens.
    static let mediaPerBlock = 64
    /// Words of `extra_fields` and `annotations`.
    static let hintWords = 64
    /// Longest session in seconds: a year.
    static let sessionSeconds = 31_536_000
    /// As long as constraints are on the wire.
    static let schemaBytes = 256 << 10

    /// 1 is neutral; a penalty of 0 would divide by it, and one beyond these rules out all that came before anyway.
    static let repetitionPenalties = 0.01...100.0
    /// What OpenAI's API allows; the ends forbid and force a token.
    static let logitBiasRange = -100.0...100.0
    /// Router weights and temperatures: more would drown every other term.
    static let weights = 0.0...1e6
    /// Whatever a `Float` can hold.
    static let anyFloat = -3e38...3e38
    /// A clock's milliseconds since 1970: the year 287396, the last one in which they are exact.
    static let latestMilliseconds = 9_007_199_254_740_991.0
}
