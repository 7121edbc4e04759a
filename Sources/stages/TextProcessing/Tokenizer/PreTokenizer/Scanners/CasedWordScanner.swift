/// The pattern of GPT-4o (o200k), which breaks words where capitals follow small letters, and of Mistral's Tekken, which has no contractions:
/// `[^\r\n\p{L}\p{N}]?U*D+C?|[^\r\n\p{L}\p{N}]?U+D*C?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
/// where U is `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, D is `[\p{Ll}\p{Lm}\p{Lo}\p{M}]` and C is `(?i:'s|'t|'re|'ve|'m|'ll|'d)`.
struct CasedWordScanner: PretokenScanner {
    let numbers: Int
    let hasContractions: Bool

    private static let upper = ScalarKind.upperOrCaseless
    private static let lower = ScalarKind.lowerOrCaseless
    private static let noSign = ScalarKind.letter | ScalarKind.number | ScalarKind.space

    @inline(__always)
    func match(_ text: ScalarText, at place: Int) -> Int {
        let (kind, length) = text.at(place)
        let word = wordEnd(text, at: place, kind, length)
        if word > place { return hasContractions && word < text.end ? text.contraction(at: word, ignoringCase: true) : word }
        if kind & ScalarKind.number != 0 { return text.numbers(from: place, atMost: numbers) }
        if kind & ScalarKind.space == 0 { return signs(text, from: place) }
        if text.base[place] == 0x20, place &+ 1 < text.end, text.at(place &+ 1).kind & CasedWordScanner.noSign == 0 {
            return signs(text, from: place &+ 1)
        }
        return text.blanksByLine(from: place)
    }

    /// Both word alternatives in the order in which a backtracking matcher tries them; `place` if neither matches.
    @inline(__always)
    private func wordEnd(_ text: ScalarText, at place: Int, _ kind: UInt8, _ length: Int) -> Int {
        let mayLead = kind & (ScalarKind.letter | ScalarKind.number | ScalarKind.newline) == 0
        let behind = place &+ length
        if mayLead, behind < text.end, let end = endingLow(text, from: behind) { return end }
        // A mark may lead, and be part of a word as well.
        if kind & (CasedWordScanner.upper | CasedWordScanner.lower) != 0, let end = endingLow(text, from: place) { return end }
        if mayLead, behind < text.end {
            let end = text.run(from: behind, of: CasedWordScanner.upper)
            if end > behind { return end }
        }
        return kind & CasedWordScanner.upper != 0 ? text.run(from: place, of: CasedWordScanner.upper) : place
    }

    /// `U*D+`: where the run of U is not followed by a D, it gives back what is behind its last caseless letter.
    @inline(__always)
    private func endingLow(_ text: ScalarText, from start: Int) -> Int? {
        var place = start
        var caselessEnd: Int?
        while place < text.end {
            let (kind, length) = text.at(place)
            guard kind & CasedWordScanner.upper != 0 else {
                if kind & CasedWordScanner.lower != 0 { return text.run(from: place &+ length, of: CasedWordScanner.lower) }
                break
            }
            place = place &+ length
            if kind & CasedWordScanner.lower != 0 { caselessEnd = place }
        }
        return caselessEnd
    }

    /// `[^\s\p{L}\p{N}]+[\r\n/]*`
    @inline(__always)
    private func signs(_ text: ScalarText, from start: Int) -> Int {
        var place = text.run(from: start, without: CasedWordScanner.noSign)
        while place < text.end, text.base[place] == 0x0A || text.base[place] == 0x0D || text.base[place] == UInt8(ascii: "/") {
            place = place &+ 1
        }
        return place
    }
}
