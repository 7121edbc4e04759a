/// How often a placement's whole cache was written anew, as far as one router has counted: blocks that came to the device, by blocks that it has.
///
/// Only the gaps between placements mean anything. Each router counts for itself, from what it was told since it began, and nothing is exchanged:
/// routers hear the same events, so their gaps change by the same steps, and they differ by what was written before the younger one began. That
/// fades by itself, since the gap is what choices close; and until a router has counted anything all gaps are 0, which prices no eviction.
package struct CacheTurnover: Hashable, Sendable {
    package private(set) var times: Double

    /// `times` of the least written that it is compared with: so a new one owes nothing for what was written before it came, and gets no more than
    /// its share until it has caught up.
    package init(from times: Double = 0) { self.times = times }

    /// Nothing is known of a cache without a size.
    package mutating func wrote(_ blocks: Int, of total: UInt32) {
        guard total > 0 else { return }
        times += Double(blocks) / Double(total)
    }
}
