/// The last of DeepSeek's three patterns (V3, R1); it matches neither numbers nor control characters:
/// ``[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+``
struct DeepSeekScanner: PretokenScanner {
    private static let word = ScalarKind.letter | ScalarKind.mark
    private static let sign = ScalarKind.punctuationOrSymbol

    @inline(__always)
    func match(_ text: ScalarText, at place: Int) -> Int {
        let (kind, length) = text.at(place)
        if kind & DeepSeekScanner.word != 0 { return text.word(from: place &+ length, of: DeepSeekScanner.word) }
        let next = place &+ length
        if kind & DeepSeekScanner.sign != 0 {
            if length == 1, next < text.end, isASCIILetter(text.base[next]) {
                var end = next &+ 1
                while end < text.end, isASCIILetter(text.base[end]) { end = end &+ 1 }
                return end
            }
            return signs(text, from: place)
        }
        if next < text.end {
            let (nextKind, nextLength) = text.at(next)
            if nextKind & DeepSeekScanner.word != 0, kind & ScalarKind.newline == 0 {
                return text.word(from: next &+ nextLength, of: DeepSeekScanner.word)
            }
            if nextKind & DeepSeekScanner.sign != 0, text.base[place] == 0x20 { return signs(text, from: next) }
        }
        return kind & ScalarKind.space != 0 ? text.blanksByLine(from: place) : place
    }

    @inline(__always)
    private func isASCIILetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }

    /// `[\p{P}\p{S}]+[\r\n]*`
    @inline(__always)
    private func signs(_ text: ScalarText, from start: Int) -> Int {
        text.run(from: text.run(from: start, of: DeepSeekScanner.sign), of: ScalarKind.newline)
    }
}
