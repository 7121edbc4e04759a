/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
struct GPT2Scanner: PretokenScanner {
    private static let classes = ScalarKind.letter | ScalarKind.number | ScalarKind.space

    @inline(__always)
    func match(_ text: ScalarText, at place: Int) -> Int {
        let contraction = text.contraction(at: place, ignoringCase: false)
        if contraction > place { return contraction }
        var start = place
        var (kind, length) = text.at(place)
        if text.base[place] == 0x20, place &+ 1 < text.end {
            let next = text.at(place &+ 1)
            if next.kind & ScalarKind.space == 0 {
                start = place &+ 1
                (kind, length) = next
            }
        }
        switch kind & GPT2Scanner.classes {
        case ScalarKind.letter: return text.word(from: start &+ length, of: ScalarKind.letter)
        case ScalarKind.number: return text.run(from: start &+ length, of: ScalarKind.number)
        case 0: return text.run(from: start &+ length, without: GPT2Scanner.classes)
        default: return text.blanks(from: place)
        }
    }
}
