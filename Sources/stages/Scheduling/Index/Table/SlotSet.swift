/// A set of slots as bits, in words that its owner holds. Sets that are combined have the same number of words.
typealias SlotWords = UnsafeMutablePointer<UInt64>

/// A set of slots with memory of its own.
struct SlotSet: ~Copyable {
    private(set) var words: SlotWords
    private(set) var wordCount: Int

    init(wordCount: Int = 1) {
        self.wordCount = wordCount
        words = .allocate(capacity: wordCount)
        words.initialize(repeating: 0, count: wordCount)
    }

    deinit { words.deallocate() }

    mutating func grow(toWords count: Int) {
        guard count > wordCount else { return }
        let wider = SlotWords.allocate(capacity: count)
        wider.update(from: words, count: wordCount)
        (wider + wordCount).initialize(repeating: 0, count: count - wordCount)
        words.deallocate()
        words = wider
        wordCount = count
    }

    subscript(slot: Int) -> Bool {
        get { words.contains(slot) }
        nonmutating set {
            assert(slot >> 6 < wordCount)
            if newValue { words[slot >> 6] |= 1 << UInt64(slot & 63) } else { words[slot >> 6] &= ~(1 << UInt64(slot & 63)) }
        }
    }

    static func words(for slots: Int) -> Int { (slots + 63) >> 6 }
}

extension SlotWords {
    @inline(__always)
    func contains(_ slot: Int) -> Bool { self[slot >> 6] & 1 << UInt64(truncatingIfNeeded: slot & 63) != 0 }

    @inline(__always)
    func insert(_ slot: Int) { self[slot >> 6] |= 1 << UInt64(truncatingIfNeeded: slot & 63) }

    @inline(__always)
    func clear(_ count: Int) { for word in 0..<count { self[word] = 0 } }

    @inline(__always)
    func isEmpty(_ count: Int) -> Bool {
        for word in 0..<count where self[word] != 0 { return false }
        return true
    }

    @inline(__always)
    func forEach(_ count: Int, _ body: (Int) -> Void) {
        for word in 0..<count {
            var bits = self[word]
            while bits != 0 {
                body(word << 6 + bits.trailingZeroBitCount)
                bits &= bits &- 1
            }
        }
    }
}
