import JSONText

/// What is accepted from servers that repeat themselves, and of what they say of themselves.
enum AnswerLimits {
    /// One event of a stream that repeats all that came before: 128 k tokens with their text, or some thousand with twenty alternatives each.
    static let repeatedEventBytes = 16 << 20
    /// Tokens of one choice, beyond the longest context that is served anywhere.
    static let tokens = 1 << 21
    /// Names of adapters, addresses and the like.
    static let nameBytes = 256
    /// Names of models, which are paths with many servers.
    static let pathBytes = 4_096
    /// Models of one server, adapters among them.
    static let models = 1_024
    /// Of a page of a server's cache, and so of a block: as many as a block of ours may have.
    static let pageTokens = 4_096
    /// Data-parallel ranks of one server.
    static let ranks = 1_024
    /// Candidates at one place, more than anybody can ask for here.
    static let alternatives = 1_024

    /// Deep enough for the schemas that some servers repeat; as many values as the largest event can hold numbers.
    static let json = JSONLimits(depth: 64, bytes: repeatedEventBytes, values: repeatedEventBytes / 4, pieces: repeatedEventBytes / 16)
}
