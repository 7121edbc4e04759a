/// Cuts text that no pre-tokenizer cuts before its words, so that they can be looked up, and long text need not be merged at once.
///
/// The cut changes nothing: a merge would have to reach over it, and then some token that merges make would hold the byte before the word and
/// the mark of its beginning next to each other. The mark must have a token, and every character
/// something that stands for it, or what is unknown might be fused over the cut, or left out and its neighbours meet.
struct PretokenCutter: Sendable {
    /// Stands for a blank at the beginning of words.
    static let mark = "\u{2581}"

    /// Bytes that stand before a mark inside a token that merges make.
    private var joined = [Bool](repeating: false, count: 256)

    /// Takes in a token that merges make.
    mutating func add(_ token: Slice<UnsafeBufferPointer<UInt8>>) {
        guard token.count > 3 else { return }
        for place in token.startIndex + 1...token.endIndex - 3
        where token[place] == 0xE2 && token[place + 1] == 0x96 && token[place + 2] == 0x81 {
            joined[Int(token[place - 1])] = true
        }
    }

    /// The first cut behind `start`, or `end`.
    @inline(__always)
    func next(_ text: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        var place = start &+ 1
        while place &+ 2 < end {
            if text[place] == 0xE2, text[place &+ 1] == 0x96, text[place &+ 2] == 0x81, !joined[Int(text[place &- 1])] { return place }
            place = place &+ 1
        }
        return end
    }
}
