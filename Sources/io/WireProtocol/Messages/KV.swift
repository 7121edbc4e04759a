package import ClusterModel

/// Table: `proto-spec/04-messages.md#roompurpose`.
package enum RoomPurpose: UInt8, WireEnum {
    /// Prefill to decode.
    case handOver = 1
    /// A planned move of a running request.
    case move
}

/// Table: `proto-spec/04-messages.md#kvcodec`.
package enum KVCodec: UInt8, WireEnum {
    /// Bytes as they are.
    case none = 0
    /// One zstd frame a chunk.
    case zstd
    /// First bytes of all elements, then second bytes and so on, then one zstd frame a chunk.
    case splitZstd
}

/// Offers the KV state of one request. The receiver has reserved blocks for it, or waits for its own part of the request up to the
/// rendezvous limit. Answered by RoomReady or Failure. After a lost link the same room may be offered again. Layout:
/// `proto-spec/04-messages.md#roomopen`.
package struct RoomOpen: WireMessage, Hashable {
    package static let kind = MessageKind.roomOpen

    /// Request and attempt name the room.
    package var room = RequestKey()
    /// Chosen by the dialer, unique on this link; the room's short name.
    package var roomNumber: UInt32 = 0
    package var purpose = RoomPurpose.handOver
    /// The card's.
    package var model = Digest()
    package var engineBuild = ""
    package var shape = KVShape()
    /// Whose state is offered.
    package var tokens: UInt32 = 0
    /// Of `shape.blockTokens`, the last one perhaps not full.
    package var blocks: UInt32 = 0
    /// Uncompressed.
    package var totalBytes: UInt64 = 0
    /// What the sender means to use; each chunk says its own.
    package var codec = KVCodec.none

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("room", &room)
        try coder.u32("roomNumber", &roomNumber)
        try coder.choice("purpose", &purpose)
        try coder.digest("model", &model)
        try coder.text("engineBuild", &engineBuild, atMost: Limits.nameBytes)
        try coder.record("shape", &shape)
        try coder.u32("tokens", &tokens)
        try coder.u32("blocks", &blocks)
        try coder.u64("totalBytes", &totalBytes)
        try coder.choice("codec", &codec)
    }
}

/// Blocks are reserved; chunks may come. Layout: `proto-spec/04-messages.md#roomready`.
package struct RoomReady: WireMessage, Hashable {
    package static let kind = MessageKind.roomReady

    package var roomNumber: UInt32 = 0
    /// Bytes of `data` that may be sent unacknowledged on this link, over all rooms.
    package var credits: UInt32 = 0
    /// Leading blocks that the receiver has: they need not be sent.
    package var heldBlocks: UInt32 = 0
    /// 0, or where to go on after a lost link.
    package var nextChunk: UInt32 = 0

    package init() {}
    package init(roomNumber: UInt32, credits: UInt32, heldBlocks: UInt32, nextChunk: UInt32) {
        self.roomNumber = roomNumber
        self.credits = credits
        self.heldBlocks = heldBlocks
        self.nextChunk = nextChunk
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("roomNumber", &roomNumber)
        try coder.u32("credits", &credits)
        try coder.u32("heldBlocks", &heldBlocks)
        try coder.u32("nextChunk", &nextChunk)
    }
}

/// A part of the state: some layers of some blocks. Chunks of a room are numbered from 0 without gaps. Layout:
/// `proto-spec/04-messages.md#kvchunk`.
package struct KVChunk: WireMessage, Hashable {
    package static let kind = MessageKind.kvChunk

    package var roomNumber: UInt32 = 0
    package var chunk: UInt32 = 0
    package var firstBlock: UInt32 = 0
    package var blockCount: UInt32 = 0
    package var firstLayer: UInt32 = 0
    package var layerCount: UInt32 = 0
    package var codec = KVCodec.none
    /// Length unpacked.
    package var plainBytes: UInt32 = 0
    /// XXH3-64, seed 0, of the unpacked bytes.
    package var checksum: UInt64 = 0
    package var data: [UInt8] = []

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("roomNumber", &roomNumber)
        try coder.u32("chunk", &chunk)
        try coder.u32("firstBlock", &firstBlock)
        try coder.u32("blockCount", &blockCount)
        try coder.u32("firstLayer", &firstLayer)
        try coder.u32("layerCount", &layerCount)
        try coder.choice("codec", &codec)
        try coder.u32("plainBytes", &plainBytes)
        try coder.u64("checksum", &checksum)
        try coder.bytes("data", &data, atMost: Limits.kvChunkBytes)
    }
}

/// Chunks were stored, and credits are given anew. Layout: `proto-spec/04-messages.md#kvack`.
package struct KVAck: WireMessage, Hashable {
    package static let kind = MessageKind.kvAck

    package var roomNumber: UInt32 = 0
    /// All below are stored.
    package var nextChunk: UInt32 = 0
    /// Bytes granted beside those left; 0 is allowed.
    package var credits: UInt32 = 0

    package init() {}
    package init(roomNumber: UInt32, nextChunk: UInt32, credits: UInt32) {
        self.roomNumber = roomNumber
        self.nextChunk = nextChunk
        self.credits = credits
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("roomNumber", &roomNumber)
        try coder.u32("nextChunk", &nextChunk)
        try coder.u32("credits", &credits)
    }
}

/// Layout: `proto-spec/04-messages.md#finishmark`.
package struct FinishMark: WireRecord, Hashable {
    package var reason = FinishReason.endOfText

    package init() {}
    package init(reason: FinishReason) {
        self.reason = reason
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("reason", &reason)
    }
}

/// Layout: `proto-spec/04-messages.md#firsttoken`.
package struct FirstToken: WireRecord, Hashable {
    package var choice: UInt8 = 0
    package var token: UInt32 = 0
    /// The token ends the choice.
    package var finish: FinishMark?
    package var logprob: TokenLogprob?

    package init() {}
    package init(choice: UInt8, token: UInt32, finish: FinishMark?, logprob: TokenLogprob?) {
        self.choice = choice
        self.token = token
        self.finish = finish
        self.logprob = logprob
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u8("choice", &choice)
        try coder.u32("token", &token)
        try coder.optional("finish", &finish)
        try coder.optional("logprob", &logprob)
    }
}

/// All chunks were sent. Carries what the decode leg starts with. Answered by RoomDone. Layout: `proto-spec/04-messages.md#roomend`.
package struct RoomEnd: WireMessage, Hashable {
    package static let kind = MessageKind.roomEnd

    package var roomNumber: UInt32 = 0
    /// How many there were.
    package var chunks: UInt32 = 0
    /// Unpacked.
    package var totalBytes: UInt64 = 0
    /// XXH3-64, seed 0, over all chunks' checksums as little-endian u64.
    package var checksum: UInt64 = 0
    /// Found on the prefill worker.
    package var cachedTokens: UInt32 = 0
    /// The first token of this attempt of each choice.
    package var firstTokens: [FirstToken] = []
    /// State of the engine that is no KV, or empty.
    package var handOver: [UInt8] = []
    package var prefillMicroseconds: UInt64 = 0

    package init() {}
    package init(
        roomNumber: UInt32, chunks: UInt32, totalBytes: UInt64, checksum: UInt64, cachedTokens: UInt32, firstTokens: [FirstToken],
        handOver: [UInt8], prefillMicroseconds: UInt64
    ) {
        self.roomNumber = roomNumber
        self.chunks = chunks
        self.totalBytes = totalBytes
        self.checksum = checksum
        self.cachedTokens = cachedTokens
        self.firstTokens = firstTokens
        self.handOver = handOver
        self.prefillMicroseconds = prefillMicroseconds
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("roomNumber", &roomNumber)
        try coder.u32("chunks", &chunks)
        try coder.u64("totalBytes", &totalBytes)
        try coder.u64("checksum", &checksum)
        try coder.u32("cachedTokens", &cachedTokens)
        try coder.list("firstTokens", &firstTokens, atMost: Limits.choices)
        try coder.bytes("handOver", &handOver, atMost: Limits.handOverBytes)
        try coder.u64("prefillMicroseconds", &prefillMicroseconds)
    }
}

/// Everything is stored and checked; the room is closed and leaves a tombstone. Layout: `proto-spec/04-messages.md#roomdone`.
package struct RoomDone: WireMessage, Hashable {
    package static let kind = MessageKind.roomDone

    package var roomNumber: UInt32 = 0
    package var storedBlocks: UInt32 = 0

    package init() {}
    package init(roomNumber: UInt32, storedBlocks: UInt32) {
        self.roomNumber = roomNumber
        self.storedBlocks = storedBlocks
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("roomNumber", &roomNumber)
        try coder.u32("storedBlocks", &storedBlocks)
    }
}

/// The room is closed without success; both sides free what they hold for it. Not answered. Layout: `proto-spec/04-messages.md#roomabort`.
package struct RoomAbort: WireMessage, Hashable {
    package static let kind = MessageKind.roomAbort

    package var roomNumber: UInt32 = 0
    package var room = RequestKey()
    package var failure = FailureDetail()

    package init() {}
    package init(roomNumber: UInt32, room: RequestKey, failure: FailureDetail) {
        self.roomNumber = roomNumber
        self.room = room
        self.failure = failure
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("roomNumber", &roomNumber)
        try coder.record("room", &room)
        try coder.record("failure", &failure)
    }
}
