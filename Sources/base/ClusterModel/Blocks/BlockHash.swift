/// What is in one block, whatever stands before it. Definition: `proto-spec/05-block-hash.md`.
package struct BlockHash: WordIdentifier {
    package let rawValue: UInt64

    @inline(__always)
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// An image, sound or other medium whose placeholder tokens lie in a block: tokens alone would confuse two pictures.
package struct BlockMedium: Hashable, Sendable {
    /// Which block of the sequence, counted from 0.
    package let block: Int
    /// Identity of the content.
    package let hash: UInt64

    package init(block: Int, hash: UInt64) {
        self.block = block
        self.hash = hash
    }
}
