import ClusterModel

/// Pretokens of up to eight bytes that are one token, as most of most texts are. One look tells whether one is known; a new one takes the place of
/// another that has the same place.
///
/// It stands before `PretokenCache`, which knows all of them and is larger than what a processor keeps near.
struct ShortWords {
    private struct Entry: BitwiseCopyable {
        var word: UInt64
        var length: UInt32
        var token: TokenID
    }

    private static let bits = UInt64(TextLimits.shortWords.trailingZeroBitCount)
    /// No pretoken is as long as those that stand nowhere.
    private let entries = OwnedBuffer(repeating: Entry(word: 0, length: .max, token: 0), count: 1 << Int(bits))

    /// `length` is 1 or more, and eight bytes of `text` may be read.
    @inline(__always)
    func token(_ text: UnsafePointer<UInt8>, _ length: Int) -> TokenID? {
        guard length <= 8 else { return nil }
        let word = ByteWord.load(text) & ByteWord.mask(length)
        let entry = entries.base + ShortWords.place(word)
        return entry.pointee.word == word && Int(entry.pointee.length) == length ? entry.pointee.token : nil
    }

    /// For one that is longer nothing is done.
    func insert(_ text: UnsafePointer<UInt8>, _ length: Int, _ token: TokenID) {
        guard length <= 8 else { return }
        let word = ByteWord.load(text) & ByteWord.mask(length)
        entries.base[ShortWords.place(word)] = Entry(word: word, length: UInt32(length), token: token)
    }

    /// Less than the number of entries.
    @inline(__always)
    private static func place(_ word: UInt64) -> Int { Int(truncatingIfNeeded: (word &* 0x9E37_79B9_7F4A_7C15) &>> (64 &- bits)) }
}
