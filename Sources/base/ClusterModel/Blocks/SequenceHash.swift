/// A whole prefix: a block and all blocks before it. Definition: `proto-spec/05-block-hash.md`.
package struct SequenceHash: WordIdentifier {
    /// The chain's seed carries no adapter and no salt: the block hashes already do.
    static let seed: UInt64 = 1337

    package let rawValue: UInt64

    @inline(__always)
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// The prefix that ends with `block` and goes on from `previous`; nil where the sequence begins.
    @inline(__always)
    package init(after previous: SequenceHash?, _ block: BlockHash) {
        guard let previous else {
            self.init(block.rawValue)
            return
        }
        let pair = (previous.rawValue, block.rawValue)  // little-endian in memory, see Tokens.swift
        self.init(withUnsafeBytes(of: pair) { XXH3.hash($0, seed: SequenceHash.seed) })
    }
}
