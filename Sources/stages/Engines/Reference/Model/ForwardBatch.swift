package import ClusterModel

/// Tokens that are computed together: of any sequences, those of one sequence in the order of their positions.
package struct ForwardBatch {
    package struct Row {
        package var token: TokenID
        /// In its sequence; everything before it is in the cache, or in this batch before it.
        package var position: Int
        /// Where the blocks of its sequence begin in `blocks`.
        package var firstBlock: Int
        /// Something follows it: what that could be is wanted.
        package var wantsLogits: Bool
    }

    package private(set) var rows: [Row] = []
    package private(set) var blocks: [BlockNumber] = []
    private(set) var logitsCount = 0

    mutating func removeAll() {
        rows.removeAll(keepingCapacity: true)
        blocks.removeAll(keepingCapacity: true)
        logitsCount = 0
    }

    /// The blocks of a sequence from its first one on; gives where they begin.
    mutating func appendBlocks(_ shared: [BlockNumber], _ own: [BlockNumber]) -> Int {
        let first = blocks.count
        blocks.append(contentsOf: shared)
        blocks.append(contentsOf: own)
        return first
    }

    mutating func append(_ token: TokenID, at position: Int, blocksFrom firstBlock: Int, wantsLogits: Bool) {
        rows.append(Row(token: token, position: position, firstBlock: firstBlock, wantsLogits: wantsLogits))
        if wantsLogits { logitsCount += 1 }
    }
}
