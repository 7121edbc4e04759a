/// How far into a prompt each slot reaches: 0 but for the slots in `slots`. Whoever reads the result last leaves it empty.
struct Depths: ~Copyable {
    let slots: SlotWords
    let lengths: UnsafeMutablePointer<UInt32>

    init(words: Int) {
        slots = .allocate(capacity: words)
        slots.initialize(repeating: 0, count: words)
        lengths = .allocate(capacity: words << 6)
        lengths.initialize(repeating: 0, count: words << 6)
    }

    deinit {
        slots.deallocate()
        lengths.deallocate()
    }

    @inline(__always)
    func set(_ reached: SlotWords, _ words: Int, to length: Int) {
        let length = UInt32(truncatingIfNeeded: length)
        for word in 0..<words {
            var bits = reached[word]
            slots[word] |= bits
            if bits == .max {
                (lengths + (word << 6)).update(repeating: length, count: 64)
                continue
            }
            while bits != 0 {
                lengths[word << 6 + bits.trailingZeroBitCount] = length
                bits &= bits &- 1
            }
        }
    }

    @inline(__always)
    subscript(slot: Int) -> UInt32 { lengths[slot] }

    /// Empties the slots of one word.
    @inline(__always)
    func clear(word: Int) {
        guard slots[word] != 0 else { return }
        slots[word] = 0
        (lengths + (word << 6)).update(repeating: 0, count: 64)
    }
}

/// What lookups write on: made anew when the slots outgrow it, never in a lookup.
struct MatchScratch: ~Copyable {
    /// Intervals that wait: one a halving, so as many as a position has bits, and a few sets beside them.
    static let frames = 34

    let words: Int
    let confirmed: Depths
    let predicted: Depths
    let active: Depths
    /// Of the placements whose blocks have gaps: with predictions, block by block.
    let walked: Depths
    /// End of the host's part, of the disk's, of the external one's.
    let host: Depths
    let disk: Depths
    let external: Depths
    /// Sets of slots, `words` words each: those of waiting intervals, then those of a walk.
    private let sets: SlotWords
    let intervals: UnsafeMutablePointer<Interval>
    /// By position in the prompt: the first slot whose lower tiers begin there; then by slot the next one.
    private(set) var joining: UnsafeMutablePointer<UInt16>
    private var positions = 0
    let following: UnsafeMutablePointer<UInt16>

    static let nobody = UInt16.max

    /// Part of a prompt that is still to be searched. All of its slots have the block at `low`, none has the one at `high`.
    struct Interval: BitwiseCopyable {
        var low: Int32
        var high: Int32
        var lowBlock: BlockNumber
        /// Halvings whose blocks were looked at already.
        var near: Int32
    }

    init(words: Int) {
        self.words = words
        confirmed = Depths(words: words)
        predicted = Depths(words: words)
        active = Depths(words: words)
        walked = Depths(words: words)
        host = Depths(words: words)
        disk = Depths(words: words)
        external = Depths(words: words)
        sets = .allocate(capacity: words * (Self.frames + 6))
        sets.initialize(repeating: 0, count: words * (Self.frames + 6))
        intervals = .allocate(capacity: Self.frames)
        following = .allocate(capacity: words << 6)
        following.initialize(repeating: 0, count: words << 6)
        joining = .allocate(capacity: 1)
    }

    deinit {
        sets.deallocate()
        intervals.deallocate()
        following.deallocate()
        joining.deallocate()
    }

    var bytes: Int { words * 8 * (Self.frames + 6) + 7 * words * 8 * 33 + words << 7 + positions * 2 }

    /// Longer prompts than ever before need more.
    mutating func reserve(positions count: Int) {
        guard count > positions else { return }
        positions = max(count, 2 * positions, 256)
        joining.deallocate()
        joining = .allocate(capacity: positions)
        joining.initialize(repeating: Self.nobody, count: positions)
    }

    /// Where loads end whose only purpose is to have been made.
    var touched: UnsafeMutablePointer<UInt64> { spare(5) }

    @inline(__always)
    func frame(_ index: Int) -> SlotWords { sets + index &* words }

    @inline(__always)
    func spare(_ index: Int) -> SlotWords { sets + (Self.frames &+ index) &* words }
}
