/// The pattern of Llama 3 and Qwen, which differ in how many numbers stand together and in whether marks belong to words:
/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
struct WordScanner: PretokenScanner {
    private let numbers: Int
    /// Of words.
    private let word: UInt8
    /// Of what is no sign.
    private let noSign: UInt8

    init(numbers: Int, marksAreLetters: Bool = false) {
        self.numbers = numbers
        word = marksAreLetters ? ScalarKind.letter | ScalarKind.mark : ScalarKind.letter
        noSign = word | ScalarKind.number | ScalarKind.space
    }

    @inline(__always)
    func match(_ text: ScalarText, at place: Int) -> Int {
        // As nearly all that matches: a blank and a word.
        if text.base[place] == 0x20, case let end = text.word(from: place &+ 1, of: word), end > place &+ 1 { return end }
        let (kind, length) = text.at(place)
        if kind & word != 0 { return text.word(from: place &+ length, of: word) }
        let contraction = text.contraction(at: place, ignoringCase: true)
        if contraction > place { return contraction }
        if kind & ScalarKind.number != 0 { return text.numbers(from: place, atMost: numbers) }
        let next = place &+ length
        if next < text.end {
            let (nextKind, nextLength) = text.at(next)
            if nextKind & word != 0, kind & ScalarKind.newline == 0 { return text.word(from: next &+ nextLength, of: word) }
            if nextKind & noSign == 0, text.base[place] == 0x20 { return signs(text, from: next) }
        }
        return kind & ScalarKind.space == 0 ? signs(text, from: place) : text.blanksByLine(from: place)
    }

    /// `[^\s\p{L}\p{N}]+[\r\n]*`
    @inline(__always)
    private func signs(_ text: ScalarText, from start: Int) -> Int {
        text.run(from: text.run(from: start, without: noSign), of: ScalarKind.newline)
    }
}
