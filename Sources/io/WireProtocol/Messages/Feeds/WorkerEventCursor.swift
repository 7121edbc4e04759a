/// The events of a received WorkerEvents body, in place where there are many of them. Layout: `proto-spec/04-messages.md#workerevents`.
///
/// Blocks stored and removed are nine tenths of a stream: their hashes stay where they were received. It accepts and refuses exactly what
/// `WorkerEvents` does; a fault further on shows only when it is reached, so a subscriber that must not apply half a batch goes
/// over it twice.
package struct WorkerEventCursor: ~Escapable {
    private var reader: WireReader
    package private(set) var remaining: Int

    /// Reads the count; `body` is what follows the header, or the batch of a ReplayAnswer.
    @_lifetime(copy body)
    package init(_ body: RawSpan) throws(WireError) {
        reader = WireReader(body)
        remaining = try reader.count("events", atMost: Limits.eventsPerBatch, elementBytes: 5)
    }

    /// The next event, or nil when all were read and the tail is well formed.
    @_lifetime(copy self)
    package mutating func next() throws(WireError) -> WorkerEventView? {
        guard remaining > 0 else {
            try reader.skipTail("tail")
            return nil
        }
        remaining -= 1
        var tag: UInt8 = 0
        try reader.u8("events", &tag)
        let outer = try reader.enterRegion("events")
        switch tag {
        case 1:
            var rank: UInt32 = 0, tier = Tier.device, parent: UInt64?
            try reader.u32("rank", &rank)
            try reader.choice("tier", &tier)
            try reader.optionalU64("parent", &parent)
            let hashes = try reader.integersInPlace("hashes", bytesEach: 8, atMost: Limits.hashesPerEvent)
            try reader.skipTail("events")
            reader.leaveRegion(outer)
            return .stored(rank: rank, tier: tier, parent: parent, hashes: HashList(hashes))
        case 2:
            var rank: UInt32 = 0, tier = Tier.device
            try reader.u32("rank", &rank)
            try reader.choice("tier", &tier)
            let hashes = try reader.integersInPlace("hashes", bytesEach: 8, atMost: Limits.hashesPerEvent)
            try reader.skipTail("events")
            reader.leaveRegion(outer)
            return .removed(rank: rank, tier: tier, hashes: HashList(hashes))
        default:
            var event = WorkerEvent(tag: tag)
            try event.layout(&reader)
            try reader.skipTail("events")
            reader.leaveRegion(outer)
            return .other(event)
        }
    }
}

/// One event of a received batch.
package enum WorkerEventView: ~Escapable {
    /// As `BlocksStored`.
    case stored(rank: UInt32, tier: Tier, parent: UInt64?, hashes: HashList)
    /// As `BlocksRemoved`.
    case removed(rank: UInt32, tier: Tier, hashes: HashList)
    /// Any other, as a value.
    case other(WorkerEvent)
}

/// Sequence hashes over the received bytes, which need not be aligned.
package struct HashList: ~Escapable {
    private let bytes: RawSpan
    package let count: Int

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) {
        self.bytes = bytes
        count = bytes.byteCount / 8
    }

    @inline(__always)
    package subscript(index: Int) -> UInt64 {
        precondition(index >= 0 && index < count, "a hash of this event")
        return UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index &* 8, as: UInt64.self))
    }
}
