package import ClusterModel

/// Where a candidate stands among the others: the lowest is best. Two never stand alike.
package struct Standing: Hashable, Comparable, Sendable {
    package let total: Double
    /// Of equals the one that has less in its cache: it has room.
    package let indexedBlocks: UInt64
    /// Drawn for each decision and placement.
    package let ticket: UInt64

    package init(total: Double, indexedBlocks: UInt64, ticket: UInt64) {
        self.total = total
        self.indexedBlocks = indexedBlocks
        self.ticket = ticket
    }

    /// As the policy ranks it. Where it draws, the ticket alone decides; where it takes turns, placements have an order of their own.
    @inline(__always)
    package init(_ policy: SelectionPolicy, total: Double, indexedBlocks: UInt64, ticket: UInt64) {
        let draws = policy == .random || policy == .powerOfTwo
        self.total = draws ? 0 : total
        self.indexedBlocks = draws || policy == .roundRobin ? 0 : indexedBlocks
        self.ticket = ticket
    }

    @inline(__always)
    package static func < (left: Standing, right: Standing) -> Bool {
        if left.total != right.total { return left.total < right.total }
        if left.indexedBlocks != right.indexedBlocks { return left.indexedBlocks < right.indexedBlocks }
        return left.ticket < right.ticket
    }
}

/// All chance in one decision comes from one draw, so that the record of it is the record of all.
package struct DecisionDraw: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Another number for each leg and placement: the lowest of a few is a fair draw among them, whatever their order.
    @inline(__always)
    package func ticket(_ placement: Placement, for leg: PlacementRole) -> UInt64 {
        let place = placement.worker.rawValue &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(placement.rank.rawValue) &* 0xD6E8_FEB8_6659_FD93
        return Self.mixed(Self.mixed(place) ^ rawValue &+ UInt64(leg.rawValue))
    }

    /// From 0 up to 1, for the temperature.
    package func fraction(for leg: PlacementRole) -> Double {
        Double(Self.mixed(~rawValue &+ UInt64(leg.rawValue)) >> 11) * 0x1p-53
    }

    /// The last steps of SplitMix64: each bit of the input changes half of the output's.
    @inline(__always)
    private static func mixed(_ word: UInt64) -> UInt64 {
        var word = word
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
