/// Log probabilities of some tokens, flat, with memory that is kept from chunk to chunk.
package struct LogprobsBuffer: Hashable, Sendable {
    struct Entry: Hashable, Sendable {
        /// Offset behind its last byte.
        var end: Int
        var logprob: Float
        /// Of the code point in the answer's text that the token begins or goes on with; of chosen tokens only.
        var textOffset: Int
        var isChosen: Bool
    }

    private(set) var bytes: [UInt8] = []
    /// Each chosen token, and behind it the alternatives at its place, best first.
    private(set) var entries: [Entry] = []
    private var place: TextPlace

    /// `offset`: code points of the text before the first token, such as a prompt that is echoed.
    package init(startingAt offset: Int = 0) { place = TextPlace(offset: offset) }

    package var isEmpty: Bool { entries.isEmpty }

    /// Forgets the tokens, and keeps the place in the text and the memory.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
    }

    /// The next token of the answer; `spelling` appends what it spells, which need not be whole UTF-8. A token that is not shown takes no place.
    package mutating func append(logprob: Float, isShown: Bool = true, spelling: (inout [UInt8]) -> Void) {
        let start = bytes.count
        spelling(&bytes)
        entries.append(Entry(end: bytes.count, logprob: logprob, textOffset: place.offset, isChosen: true))
        if isShown { place.advance(over: bytes[start...]) }
    }

    /// What could have stood in place of the token appended last.
    package mutating func appendAlternative(logprob: Float, spelling: (inout [UInt8]) -> Void) {
        precondition(!entries.isEmpty, "an alternative to no token")
        spelling(&bytes)
        entries.append(Entry(end: bytes.count, logprob: logprob, textOffset: 0, isChosen: false))
    }
}
