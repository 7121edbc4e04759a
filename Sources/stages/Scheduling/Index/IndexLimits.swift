/// What a block index may hold.
package struct IndexLimits: Hashable, Sendable {
    /// Of all its tables. A block on one worker takes some 30 bytes, so a gibibyte serves 32 million of them: more than the caches of 500 workers
    /// with 64 Ki blocks each. Past it, see `BlockIndex`.
    package var bytes = 1 << 30
    /// Placements at once, those that wait to be swept included. At most `mostSlots`.
    package var slots = 8192

    /// That a slot's number has bits for.
    package static let mostSlots = 32_767

    package init() {}
}
