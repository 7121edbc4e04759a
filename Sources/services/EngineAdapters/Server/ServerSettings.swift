package import Engines
package import ServiceRuntime
package import TextProcessing

/// What a worker is told of its engine's server.
package struct ServerSettings: Sendable {
    package var address: ServerAddress
    /// What the server asks for as a bearer key.
    package var key: Secret?
    /// The server's name for the model; nil: its first.
    package var engineModel: String?
    /// What the cluster calls it; nil: what the server calls it.
    package var modelName: String?
    /// What frontends need to render and tokenize, and what they make of it.
    package var files: [EngineModelFile] = []
    package var text: ModelText
    /// A JSON object, or empty.
    package var generationDefaults: [UInt8] = []
    package var toolFormat = ""
    package var reasoningFormat = ""
    /// Where the server says it too, both have to agree; nil: as it says.
    package var blockSize: UInt32?
    package var totalBlocks: UInt32?
    /// At most what the server allows.
    package var contextLength: UInt32?
    package var ranks = 1
    /// Of a rank, what no server tells; `totalBlocks` is for one that tells no size of its cache.
    package var room: EngineRank
    /// Of the card's block size where no server says it.
    package var usualBlockSize: UInt32
    /// Where the events of the first rank's cache can be had; further ranks are on the ports behind it.
    package var feed: EngineEventFeed?
    /// Where servers that take KV state reach this one; nil: where this worker does.
    package var meetingHost: String?
    /// The server gives and takes KV state of other servers.
    package var handsOver = false
    /// The server schedules by priority; others refuse requests that have one.
    package var hasPriorities = false

    package init(address: ServerAddress, text: ModelText, room: EngineRank, usualBlockSize: UInt32) {
        self.address = address
        self.text = text
        self.room = room
        self.usualBlockSize = usualBlockSize
    }

    /// Of all ranks. Where ports run out there are none, which options refuse.
    package var feeds: [EngineEventFeed] { feed.flatMap { EngineEventFeed.ranks(UInt32(clamping: ranks), from: $0) } ?? [] }
}
