/// What a block index holds and what has happened to it: gauges first, then counts since it was made.
package struct IndexCounts: Hashable, Sendable {
    /// Of all tables, with what they hold in reserve.
    package var bytes = 0
    /// Distinct blocks that events told of.
    package var blocks = 0
    /// The same, once for each placement that has it.
    package var copies = 0
    /// Distinct blocks of live leases, each once a placement.
    package var activeBlocks = 0
    package var predictedBlocks = 0
    package var slots = 0
    /// Slots that wait to be swept.
    package var retiredSlots = 0
    /// Places at which a placement has a block and not the one before: lookups there go block by block.
    package var openMarks = 0

    /// Blocks dropped for lack of room.
    package var evicted: UInt64 = 0
    /// Blocks not taken for lack of room.
    package var refused: UInt64 = 0
    /// Stores that named a parent which the placement does not have.
    package var parentsNotFound: UInt64 = 0
    /// Blocks stored under another parent than before: one of the two tellers errs.
    package var parentsDisputed: UInt64 = 0
    /// Blocks that named themselves as parent, and were not taken.
    package var selfParents: UInt64 = 0
    /// Removals of blocks that the placement does not have.
    package var blocksNotFound: UInt64 = 0

    package init() {}
}
