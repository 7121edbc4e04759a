/// A placement's number in the block index: small and dense, so that sets of placements are bits. Given anew once everything of its last holder
/// has been swept away.
package struct PlacementSlot: Hashable, Comparable, Sendable {
    package let rawValue: UInt16

    package init(_ rawValue: UInt16) { self.rawValue = rawValue }

    package static func < (left: PlacementSlot, right: PlacementSlot) -> Bool { left.rawValue < right.rawValue }
    package var index: Int { Int(rawValue) }
}

/// Where a block of KV cache lies. The nearer one comes first.
package enum BlockTier: UInt8, CaseIterable, Sendable {
    case device = 0
    /// Pinned memory of the host.
    case host
    case disk
    /// A store that several workers share.
    case external
}
