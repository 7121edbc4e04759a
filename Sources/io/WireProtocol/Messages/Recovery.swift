package import ClusterModel

/// Table: `proto-spec/04-messages.md#streamkind`.
package enum StreamKind: UInt8, WireEnum {
    case workerEvents = 1
    case routerState
    case frontendState
}

/// Asks the publisher of a stream for a range of its ring. Answered by ReplayAnswer. May be asked twice. Layout:
/// `proto-spec/04-messages.md#replayquestion`.
package struct ReplayQuestion: WireMessage, Hashable {
    package static let kind = MessageKind.replayQuestion

    package var stream = StreamKind.workerEvents
    /// Its id.
    package var publisher: UInt64 = 0
    /// Of which the asker has a cursor.
    package var generation: UInt64 = 0
    package var firstSequence: UInt64 = 0
    /// The last one wanted.
    package var lastSequence: UInt64 = 0

    package init() {}
    package init(stream: StreamKind, publisher: UInt64, generation: UInt64, firstSequence: UInt64, lastSequence: UInt64) {
        self.stream = stream
        self.publisher = publisher
        self.generation = generation
        self.firstSequence = firstSequence
        self.lastSequence = lastSequence
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("stream", &stream)
        try coder.u64("publisher", &publisher)
        try coder.u64("generation", &generation)
        try coder.u64("firstSequence", &firstSequence)
        try coder.u64("lastSequence", &lastSequence)
    }
}

/// Table: `proto-spec/04-messages.md#replayoutcome`.
package enum ReplayOutcome: UInt8, WireEnum {
    /// `batch` holds the range that is given.
    case events = 1
    /// The ring no longer has `firstSequence`: take a snapshot.
    case tooOld
    /// `firstSequence` is past the newest number.
    case tooNew
    /// The publisher is in another life: start over.
    case wrongGeneration
}

/// A part of the ring, from `firstSequence` on and perhaps shorter than asked: the asker goes on behind `lastSequence`. Layout:
/// `proto-spec/04-messages.md#replayanswer`.
package struct ReplayAnswer: WireMessage, Hashable {
    package static let kind = MessageKind.replayAnswer

    package var outcome = ReplayOutcome.events
    /// The publisher's present one.
    package var generation: UInt64 = 0
    /// Of `batch`; 0 if it is empty.
    package var firstSequence: UInt64 = 0
    /// Of `batch`; 0 if it is empty.
    package var lastSequence: UInt64 = 0
    /// Of the stream.
    package var newestSequence: UInt64 = 0
    /// The body of a WorkerEvents, RouterState or FrontendState, or empty.
    package var batch: [UInt8] = []

    package init() {}
    package init(
        outcome: ReplayOutcome, generation: UInt64, firstSequence: UInt64, lastSequence: UInt64, newestSequence: UInt64, batch: [UInt8]
    ) {
        self.outcome = outcome
        self.generation = generation
        self.firstSequence = firstSequence
        self.lastSequence = lastSequence
        self.newestSequence = newestSequence
        self.batch = batch
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("outcome", &outcome)
        try coder.u64("generation", &generation)
        try coder.u64("firstSequence", &firstSequence)
        try coder.u64("lastSequence", &lastSequence)
        try coder.u64("newestSequence", &newestSequence)
        try coder.bytes("batch", &batch, atMost: Limits.replayBytes)
    }
}

/// Layout: `proto-spec/04-messages.md#snapshotcursor`.
package struct SnapshotCursor: WireRecord, Hashable {
    /// Of a worker: 0 state, load, sessions and requests, then 1 + the tier of blocks; of others: 0.
    package var section: UInt8 = 0
    /// The first hash of the range; in section 0 the first key.
    package var fromHash: UInt64 = 0

    package init() {}
    package init(section: UInt8, fromHash: UInt64) {
        self.section = section
        self.fromHash = fromHash
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u8("section", &section)
        try coder.u64("fromHash", &fromHash)
    }
}

/// Asks for one page of the publisher's state. Answered by SnapshotPage. May be asked twice. Layout:
/// `proto-spec/04-messages.md#snapshotquestion`.
package struct SnapshotQuestion: WireMessage, Hashable {
    package static let kind = MessageKind.snapshotQuestion

    package var stream = StreamKind.workerEvents
    package var publisher: UInt64 = 0
    /// 0: whichever.
    package var generation: UInt64 = 0
    /// Section 0 and hash 0 to begin.
    package var cursor = SnapshotCursor()

    package init() {}
    package init(stream: StreamKind, publisher: UInt64, generation: UInt64, cursor: SnapshotCursor) {
        self.stream = stream
        self.publisher = publisher
        self.generation = generation
        self.cursor = cursor
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("stream", &stream)
        try coder.u64("publisher", &publisher)
        try coder.u64("generation", &generation)
        try coder.record("cursor", &cursor)
    }
}

/// State as it was at one sequence number, for one range. An event for a key in the range applies only if its number is above `sequence`.
/// Layout: `proto-spec/04-messages.md#snapshotpage`.
package struct SnapshotPage: WireMessage, Hashable {
    package static let kind = MessageKind.snapshotPage

    package var generation: UInt64 = 0
    /// As in SnapshotCursor.
    package var section: UInt8 = 0
    /// When this page was read.
    package var sequence: UInt64 = 0
    /// The range: from here.
    package var fromHash: UInt64 = 0
    /// To here, both included.
    package var throughHash: UInt64 = 0
    package var entries: [SnapshotEntry] = []
    /// None: this is the last page.
    package var next: SnapshotCursor?

    package init() {}
    package init(
        generation: UInt64, section: UInt8, sequence: UInt64, fromHash: UInt64, throughHash: UInt64, entries: [SnapshotEntry],
        next: SnapshotCursor?
    ) {
        self.generation = generation
        self.section = section
        self.sequence = sequence
        self.fromHash = fromHash
        self.throughHash = throughHash
        self.entries = entries
        self.next = next
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("generation", &generation)
        try coder.u8("section", &section)
        try coder.u64("sequence", &sequence)
        try coder.u64("fromHash", &fromHash)
        try coder.u64("throughHash", &throughHash)
        try coder.variants("entries", &entries, atMost: Limits.snapshotEntries)
        try coder.optional("next", &next)
        try coder.checksum("checksum")
    }
}

/// Asks for a part of a model file. Answered by FileAnswer. May be asked twice. Layout: `proto-spec/04-messages.md#filequestion`.
package struct FileQuestion: WireMessage, Hashable {
    package static let kind = MessageKind.fileQuestion

    /// Of the file, as the card says.
    package var digest = Digest()
    /// As the card says.
    package var name = ""
    package var offset: UInt64 = 0

    package init() {}
    package init(digest: Digest, name: String, offset: UInt64) {
        self.digest = digest
        self.name = name
        self.offset = offset
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.digest("digest", &digest)
        try coder.text("name", &name, atMost: Limits.nameBytes)
        try coder.u64("offset", &offset)
    }
}

/// A part of a file: `fileChunkBytes` of it, less only at its end. Layout: `proto-spec/04-messages.md#fileanswer`.
package struct FileAnswer: WireMessage, Hashable {
    package static let kind = MessageKind.fileAnswer

    package var digest = Digest()
    package var offset: UInt64 = 0
    package var totalBytes: UInt64 = 0
    package var data: [UInt8] = []

    package init() {}
    package init(digest: Digest, offset: UInt64, totalBytes: UInt64, data: [UInt8]) {
        self.digest = digest
        self.offset = offset
        self.totalBytes = totalBytes
        self.data = data
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.digest("digest", &digest)
        try coder.u64("offset", &offset)
        try coder.u64("totalBytes", &totalBytes)
        try coder.bytes("data", &data, atMost: Limits.fileChunkBytes)
    }
}
