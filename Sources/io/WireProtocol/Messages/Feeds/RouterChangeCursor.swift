/// The changes of a received RouterState body, one by one, of the kinds that somebody follows; others are passed over by their length.
///
/// Most of a router's stream is what happens to single requests, which other routers follow and frontends do not. It accepts and refuses exactly
/// what `RouterState` does, but for what stands in changes that are passed over.
package struct RouterChangeCursor: ~Escapable {
    private var reader: WireReader
    private var remaining: Int
    private var skip: Int
    private let kinds: Kinds

    /// Kinds of changes, by their tags.
    package struct Kinds: Sendable {
        private var bits: UInt64 = 0

        package static let all = Kinds(bits: .max)

        private init(bits: UInt64) { self.bits = bits }

        /// Tags below 64.
        package init(tags: [UInt8]) {
            for tag in tags {
                precondition(tag < 64, "a kind of this version")
                bits |= 1 << UInt64(tag)
            }
        }

        @inline(__always)
        func contains(_ tag: UInt8) -> Bool { bits == .max || (tag < 64 && bits & (1 << UInt64(tag)) != 0) }
    }

    /// - Parameter skip: so many at the beginning were applied before.
    @_lifetime(copy body)
    package init(_ body: RawSpan, skip: Int = 0, kinds: Kinds = .all) throws(WireError) {
        reader = WireReader(body)
        remaining = try reader.count("changes", atMost: Limits.eventsPerBatch, elementBytes: 5)
        self.skip = skip
        self.kinds = kinds
    }

    /// The next change of these kinds; nil when all were passed and the tail is well formed.
    package mutating func next() throws(WireError) -> RouterChange? {
        while remaining > 0 {
            remaining -= 1
            var tag: UInt8 = 0
            try reader.u8("changes", &tag)
            let outer = try reader.enterRegion("changes")
            guard skip == 0, kinds.contains(tag) else {
                skip = max(0, skip - 1)
                reader.passRegion()
                reader.leaveRegion(outer)
                continue
            }
            var change = RouterChange(tag: tag)
            try change.layout(&reader)
            try reader.skipTail("changes")
            reader.leaveRegion(outer)
            return change
        }
        try reader.skipTail("tail")
        return nil
    }

    /// All that there are.
    package mutating func count() throws(WireError) -> Int {
        let count = remaining
        while try next() != nil {}
        return count
    }
}
