/// Names of blocks that stand for all that precedes them as well, as caches of prefixes know them.
///
/// Some traces name a block by its own content, so that the same 16 tokens in the middle of two prompts have one name though no cache of prefixes could
/// use one for the other.
enum BlockChain {
    /// Replaces each id by one of the ids up to it. 64 bits of a mixing function: among a hundred million blocks two meet by chance once in 3,000 traces.
    static func chain(_ blocks: inout [UInt64]) {
        var previous: UInt64 = 0
        for index in blocks.indices {
            previous = next(previous, blocks[index])
            blocks[index] = previous
        }
    }

    @inline(__always)
    static func next(_ previous: UInt64, _ id: UInt64) -> UInt64 {
        mix(mix(previous &+ 0x9E37_79B9_7F4A_7C15) ^ mix(id &+ 0xD1B5_4A32_D192_ED03))
    }

    /// A permutation of 64 bits in which every bit of the input moves half of the output's: multiply and fold, twice.
    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = (value ^ value >> 32) &* 0xE703_7ED1_A0B4_28DB
        mixed = (mixed ^ mixed >> 29) &* 0x8EBC_6AF0_9C88_C6E3
        return mixed ^ mixed >> 32
    }
}
