/// `[…]`, `[…]+`, `\s?[…]+`, and the same with `\p{L}` or `\p{P}` for the class: one set of code points.
struct ClassScanner: PretokenScanner, Sendable {
    enum Members: Sendable {
        case category(UnicodeProperties.Category?)
        case ranges([ClosedRange<UInt32>])
    }

    private let members: Members
    private let takesSpace: Bool
    private let isRun: Bool

    /// Nil if the pattern is none of these. A class may name code points and ranges, and escape line ends, but nothing else.
    init?(_ pattern: String) {
        var rest = pattern[...]
        takesSpace = rest.hasPrefix(#"\s?"#)
        if takesSpace { rest = rest.dropFirst(3) }
        isRun = rest.hasSuffix("+")
        if isRun { rest = rest.dropLast() }
        guard isRun || !takesSpace else { return nil }
        switch rest {
        case #"\p{L}"#: members = .category(nil)
        case #"\p{P}"#: members = .category(.punctuation)
        default:
            guard let ranges = ClassScanner.ranges(rest) else { return nil }
            members = .ranges(ranges)
        }
    }

    func match(_ text: ScalarText, at place: Int) -> Int {
        var start = place
        let (code, length) = UTF8Scalar.read(text.base + place)
        // A blank that is in the set itself is taken for the set if nothing of it follows.
        if takesSpace, UnicodeProperties(of: code).isWhiteSpace, place + length < text.end, contains(text, at: place + length) {
            start += length
        }
        guard contains(text, at: start) else { return place }
        var end = start + UTF8Scalar.length(text.base[start])
        while isRun, end < text.end, contains(text, at: end) { end += UTF8Scalar.length(text.base[end]) }
        return end
    }

    @inline(__always)
    private func contains(_ text: ScalarText, at place: Int) -> Bool {
        let code = UTF8Scalar.read(text.base + place).code
        switch members {
        case .category(nil): return text.at(place).kind & ScalarKind.letter != 0
        case .category(let category): return UnicodeProperties(of: code).category == category
        case .ranges(let ranges): return ranges.contains { $0 ~= code }
        }
    }

    private static func ranges(_ text: Substring) -> [ClosedRange<UInt32>]? {
        guard text.hasPrefix("["), text.hasSuffix("]"), text.utf8.count > 2 else { return nil }
        var scalars = Array(text.unicodeScalars.dropFirst().dropLast())
        if scalars == Array(#"\r\n"#.unicodeScalars) { scalars = ["\r", "\n"] }
        guard !scalars.contains(where: { "\\[]^&".unicodeScalars.contains($0) }) else { return nil }
        var ranges: [ClosedRange<UInt32>] = []
        var place = 0
        while place < scalars.count {
            let first = scalars[place].value
            guard scalars[place] != "-" else { return nil }
            if place + 2 < scalars.count, scalars[place + 1] == "-" {
                let last = scalars[place + 2].value
                guard scalars[place + 2] != "-", first <= last else { return nil }
                ranges.append(first...last)
                place += 3
            } else {
                ranges.append(first...first)
                place += 1
            }
        }
        return ranges
    }
}
