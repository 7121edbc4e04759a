/// Where plain text may be cut: before a blank that follows a letter, both of ASCII.
///
/// The patterns of `endWordsAtBlanks` never match over such a place: whatever holds a letter and no blank before it ends before the blank, and what
/// begins at the blank looks at nothing before it. So neither side depends on the other, but for the blank itself. Composing characters leaves
/// both as they are, too. An added token that held a letter with a blank behind it could reach over the place: a tokenizer with such a token has
/// no cuts here.
struct WordCuts: Sendable {
    private let areSafe: Bool

    init(_ pattern: Pattern?, _ normalizer: Normalizer, _ addedTokens: [AddedToken]) {
        areSafe =
            pattern?.endsWordsAtBlanks == true && normalizer.onlyComposes
            && addedTokens.allSatisfy { !$0.isNormalized && !WordCuts.holdsOne($0.content) }
    }

    private static func holdsOne(_ content: [UInt8]) -> Bool {
        zip(content, content.dropFirst()).contains { isLetter($0) && $1 == blank }
    }

    /// The first offset in a part that begins at `start` of its prompt, at or behind which a cut is wanted; none may be where it is `Int.max`.
    ///
    /// Wanted are those that come first behind each multiple of a number of bytes, from wherever encoding began.
    func next(behind place: Int, ofPartAt start: Int) -> Int {
        guard areSafe else { return .max }
        let interval = TextLimits.bytesBetweenWordCuts
        return ((start + place) / interval + 1) * interval - start
    }

    /// `place` has a byte before it and one behind it.
    static func isCut(_ text: UnsafePointer<UInt8>, at place: Int) -> Bool { text[place] == blank && isLetter(text[place - 1]) }

    /// How many bytes behind it make a place a cut: the blank.
    static let reach = 1

    private static let blank = UInt8(ascii: " ")
    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) }
}
