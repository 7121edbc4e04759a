/// Every bound of the wire format, in one place. The same table with what happens past each: `proto-spec/07-limits.md`.
package enum Limits {
    /// A message with its header on a link: a batch of long prompts fits, and one peer cannot take more than this at once.
    package static let messageBytes = 16 << 20
    /// A message before Hello was accepted: a stranger gets no more memory than this.
    package static let handshakeBytes = 64 << 10
    /// A message on a feed: PUB keeps 128 of them for each subscriber.
    package static let feedMessageBytes = 64 << 10
    /// Bodies below this are never compressed: a frame header and a context cost more than they save.
    package static let compressionThresholdBytes = 1 << 10
    /// A tail field is an exception; hundreds of them are an attack.
    package static let reasonBytes = 512
    package static let nameBytes = 256
    package static let addressBytes = 256
    package static let clusterIDBytes = 64
    /// Keys of tenants, sessions and cache groups as clients send them.
    package static let labelBytes = 256
    package static let nonceBytes = 32

    /// Prompts up to 2 Mi tokens: the longest context that models have today, twice.
    package static let promptTokens = 2 << 20
    /// A prompt of 2 Mi tokens in blocks of 16.
    package static let promptBlocks = 128 << 10
    /// Requests in one batch: what a loop turn gathers for one peer.
    package static let batchEntries = 4096
    /// Tokens of one request and choice in one frame; a longer run is several frames.
    package static let tokensPerFrame = 255
    package static let choices = 16
    package static let attempts = 3
    package static let stopSequences = 64
    package static let stopTokens = 256
    package static let logitBiases = 1024
    package static let topLogprobs = 32
    /// Grammar or JSON schema text of one request.
    package static let constraintBytes = 256 << 10
    /// Hand-over parameters of an engine: opaque to us.
    package static let handOverBytes = 64 << 10
    package static let multimodalItems = 4096
    package static let workerIDs = 4096
    package static let ranks = 1024
    package static let loRAs = 4096
    package static let modelFiles = 64
    package static let snapshotEntries = 4096
    package static let eventsPerBatch = 8192
    package static let hashesPerEvent = 8000
    package static let parityLists = 128
    package static let parityTokens = 64 << 10
    package static let fileChunkBytes = 64 << 10
    package static let modelFileBytes = 256 << 20
    package static let kvChunkBytes = 4 << 20
    package static let explainBytes = 1 << 20
    package static let cardBytes = 64 << 10
    package static let featuresListed = 64
    package static let tenants = 4096
}
