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
    /// Texts for people: a line of a log.
    package static let reasonBytes = 512
    package static let nameBytes = 256
    package static let addressBytes = 256
    package static let clusterIDBytes = 64
    /// Keys of tenants, sessions and cache groups as clients send them.
    package static let labelBytes = 256
    package static let nonceBytes = 32
    /// The first half of an HMAC-SHA256: enough to keep tenants apart.
    package static let saltBytes = 16
    /// A W3C `traceparent` has 55 bytes in version 0; later versions may be longer.
    package static let traceParentBytes = 128

    /// Prompts up to 2 Mi tokens: the longest context that models have today, twice.
    package static let promptTokens = 2 << 20
    /// A prompt of 2 Mi tokens in blocks of 16.
    package static let promptBlocks = 128 << 10
    /// Requests in one batch: what a loop turn gathers for one peer.
    package static let batchEntries = 4096
    /// Frames of one step for one frontend: every running sequence of a large worker, several times.
    package static let framesPerBatch = 16 << 10
    /// Tokens of one request and choice in one frame: its count is one byte. A longer run is several frames.
    package static let tokensPerFrame = 255
    /// What a later minor may add to a frame.
    package static let frameExtensionBytes = 4 << 10
    package static let choices = 16
    package static let attempts = 3
    package static let stopSequences = 64
    package static let stopTextBytes = 1 << 10
    package static let stopTokens = 256
    /// What an engine's stop matcher must keep between two attempts.
    package static let stopStateBytes = 4 << 10
    package static let logitBiases = 1024
    package static let topLogprobs = 32
    /// Grammar or JSON schema text of one request.
    package static let constraintBytes = 256 << 10
    /// Hand-over parameters of an engine: opaque to us.
    package static let handOverBytes = 64 << 10
    /// 65,536 dimensions of four bytes.
    package static let embeddingBytes = 256 << 10
    package static let multimodalItems = 4096

    package static let workerIDs = 4096
    /// One a leg.
    package static let pins = 3
    /// A request is refused for overbooking once an attempt; several routers may be asked.
    package static let overbookedReports = 8
    package static let planLegs = 2
    package static let explainBytes = 1 << 20

    package static let ranks = 1024
    package static let loRAs = 1024
    package static let servedNames = 64
    package static let modelFiles = 64
    package static let warnings = 16
    /// A registration: its card and entry must fit a message of the router's feed.
    package static let registrationBytes = 48 << 10
    package static let generationDefaultsBytes = 16 << 10
    package static let parityLists = 128
    package static let parityTokens = 64 << 10

    /// More does not fit a message of a feed.
    package static let eventsPerBatch = 8192
    /// 64,000 bytes: with its header an event of this many blocks fits a message of a feed.
    package static let hashesPerEvent = 8000
    /// Blocks of a prompt of 128 Ki tokens in blocks of 64; the worker's own events name the rest.
    package static let leaseHashes = 2048
    /// Several feed messages in one answer.
    package static let replayBytes = 256 << 10
    package static let snapshotEntries = 4096
    /// 64,000 bytes with their parents: one page.
    package static let snapshotHashes = 4000
    package static let fileChunkBytes = 64 << 10
    package static let modelFileBytes = 256 << 20
    package static let kvChunkBytes = 4 << 20
}
