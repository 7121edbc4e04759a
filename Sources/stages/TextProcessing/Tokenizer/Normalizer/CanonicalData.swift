/// The tables of the canonical forms, made of the generated data at first use.
final class CanonicalData: @unchecked Sendable {
    // Safety: all of it is written while it is made, and only read afterwards.

    /// Canonical combining classes.
    let orders: CodePointTable
    /// Not 0 for a code point that NFC may change, move, or join with one before it.
    let mayChange: CodePointTable
    /// Not 0 for a code point that cannot stand at the beginning of a part that is worked on alone.
    let attaches: CodePointTable
    private let decompositions: [UInt32: (first: UInt32, second: UInt32)]
    private let compositions: [UInt64: UInt32]

    /// A constant: it is made once because it is large.
    static let tables = CanonicalData()

    private init() {
        let codePoints = 0x11_0000
        orders = CodePointTable(runs: UnicodeNormalizationData.classes, kinds: UnicodeNormalizationData.kinds)
        var decompositions: [UInt32: (first: UInt32, second: UInt32)] = [:]
        var compositions: [UInt64: UInt32] = [:]
        var mayChange = [UInt8](repeating: 0, count: codePoints)
        var attaches = [UInt8](repeating: 0, count: codePoints)
        orders.forEachSet { code in (mayChange[Int(code)], attaches[Int(code)]) = (1, 1) }
        var numbers = PackedNumbers(UnicodeNormalizationData.decompositions)
        var code: UInt32 = 0
        while let step = numbers.next(), let first = numbers.next(), let second = numbers.next() {
            code += UInt32(step / 2)
            decompositions[code] = (UInt32(first), UInt32(second))
            if step & 1 == 1 {
                compositions[UInt64(first) << 32 | UInt64(second)] = code
                (mayChange[second], attaches[second]) = (1, 1)
            } else {
                mayChange[Int(code)] = 1
            }
        }
        for part in Hangul.attachingParts { (mayChange[Int(part)], attaches[Int(part)]) = (1, 1) }
        // What begins with a part that attaches attaches itself. Order: what is set here is of no code point that is looked at here.
        for (code, parts) in decompositions {
            var first = parts.first
            while let parts = decompositions[first] { first = parts.first }
            if attaches[Int(first)] != 0 { (mayChange[Int(code)], attaches[Int(code)]) = (1, 1) }
        }
        self.mayChange = CodePointTable(mayChange)
        self.attaches = CodePointTable(attaches)
        self.decompositions = decompositions
        self.compositions = compositions
    }

    func decomposition(of code: UInt32) -> (first: UInt32, second: UInt32)? { decompositions[code] }

    func composition(of first: UInt32, _ second: UInt32) -> UInt32? {
        Hangul.composition(of: first, second) ?? compositions[UInt64(first) << 32 | UInt64(second)]
    }
}

/// Korean syllables, which are composed by arithmetic.
enum Hangul {
    private static let syllables: UInt32 = 0xAC00, leads: UInt32 = 0x1100, vowels: UInt32 = 0x1161, tails: UInt32 = 0x11A7
    private static let leadCount: UInt32 = 19, vowelCount: UInt32 = 21, tailCount: UInt32 = 28
    private static let syllableCount = leadCount * vowelCount * tailCount

    /// Vowels and tails.
    static let attachingParts = Array(vowels..<vowels + vowelCount) + Array(tails + 1..<tails + tailCount)

    /// The tail is 0 where there is none.
    static func parts(of code: UInt32) -> (lead: UInt32, vowel: UInt32, tail: UInt32)? {
        guard code >= syllables, code < syllables + syllableCount else { return nil }
        let index = code - syllables
        let tail = index % tailCount
        return (
            leads + index / (vowelCount * tailCount), vowels + index % (vowelCount * tailCount) / tailCount, tail == 0 ? 0 : tails + tail
        )
    }

    static func composition(of first: UInt32, _ second: UInt32) -> UInt32? {
        if first >= leads, first < leads + leadCount, second >= vowels, second < vowels + vowelCount {
            return syllables + ((first - leads) * vowelCount + second - vowels) * tailCount
        }
        guard first >= syllables, first < syllables + syllableCount, (first - syllables) % tailCount == 0, second > tails,
            second < tails + tailCount
        else { return nil }
        return first + second - tails
    }
}
