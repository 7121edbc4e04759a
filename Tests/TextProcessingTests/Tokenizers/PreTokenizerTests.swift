import ClusterModel
import JSONText
import Testing

@testable import TextProcessing

@Suite("Pre-tokenizers") struct PreTokenizerTests {
    private func split(_ text: String, _ steps: [PreTokenizer.Step], isFirst: Bool = true) throws -> [String] {
        let splitter = PieceSplitter()
        var bytes = Array(text.utf8)
        try bytes.withUnsafeMutableBufferPointer { buffer throws(TextError) in
            try splitter.split(UnsafeBufferPointer(buffer), by: steps, isFirst: isFirst)
        }
        return splitter.pieces.map { String(decoding: splitter.text[$0.start..<$0.end], as: UTF8.self) }
    }

    private static let dash = Pattern.literal(LiteralScanner(literal: [0x2D]))

    @Test(
        "each behaviour does with matches what Hugging Face's tokenizers does",
        arguments: [
            (PreTokenizer.Behavior.removed, ["the", "final", "countdown"]), (.isolated, ["the", "-", "final", "-", "-", "countdown"]),
            (.mergedWithPrevious, ["the-", "final-", "-", "countdown"]), (.mergedWithNext, ["the", "-final", "-", "-countdown"]),
            (.contiguous, ["the", "-", "final", "--", "countdown"]),
        ])
    func behaviors(behavior: PreTokenizer.Behavior, expected: [String]) throws {
        #expect(try split("the-final--countdown", [.split(Self.dash, behavior, inverted: false)]) == expected)
    }

    @Test(
        "inverted, what lies between matches is the match",
        arguments: [
            (PreTokenizer.Behavior.removed, ["-", "-", "-"]), (.isolated, ["the", "-", "final", "-", "-", "countdown"]),
            (.mergedWithPrevious, ["the", "-final", "-", "-countdown"]), (.mergedWithNext, ["the-", "final-", "-", "countdown"]),
            (.contiguous, ["the", "-", "final", "--", "countdown"]),
        ])
    func inverted(behavior: PreTokenizer.Behavior, expected: [String]) throws {
        #expect(try split("the-final--countdown", [.split(Self.dash, behavior, inverted: true)]) == expected)
    }

    @Test("blanks become marks, and the first word gets one") func metaspace() throws {
        func step(_ prepending: PreTokenizer.Metaspace.Prepending, _ splits: Bool) -> [PreTokenizer.Step] {
            [.metaspace(PreTokenizer.Metaspace(replacement: Array("▁".utf8), prepending: prepending, splits: splits))]
        }
        #expect(try split("a  b", step(.always, true)) == ["▁a", "▁", "▁b"])
        #expect(try split(" a b", step(.always, false)) == ["▁a▁b"])
        #expect(try split("a b", step(.first, false)) == ["▁a▁b"])
        #expect(try split("a b", step(.first, false), isFirst: false) == ["a▁b"])
        #expect(try split("a b", step(.never, true)) == ["a", "▁b"])
    }

    @Test("behind ByteLevel patterns see its alphabet") func byteAlphabet() throws {
        let digits = PreTokenizer.Step.split(.property(PropertyScanner(UnicodeProperties.numeric)), .isolated, inverted: false)
        // U+00B2 is a number, and so is the byte 0xB2 as ByteLevel writes it.
        #expect(try split("\u{72}\u{B2}", [digits]) == ["r", "\u{B2}"])
        let splitter = PieceSplitter()
        try Array("\u{B2}é".utf8).withUnsafeBufferPointer { text throws(TextError) in
            try splitter.split(text, by: [.byteLevel(addsPrefixSpace: false, splits: false), digits], isFirst: true)
        }
        #expect(splitter.pieces.map { Array(splitter.text[$0.start..<$0.end]) } == [[0xC2], [0xB2], [0xC3, 0xA9]])
        #expect(try split("a b", [.byteLevel(addsPrefixSpace: true, splits: true)]) == [" a", " b"])
    }

    // MARK: Scanners

    private static let expressions: [(name: String, text: String)] =
        Pattern.families.map { ($0.name, $0.text) } + [("lines", #"[\r\n]"#), ("words", #"\s?\p{L}+"#), ("signs", #"\s?\p{P}+"#)]

    private static let scalars: [UInt32] = Array(
        [
            Array(0x09...0x0D), Array(0x20...0x7E),
            [0x85, 0xA0, 0xAA, 0xB2, 0xBD, 0xC5, 0x17F, 0x1C5, 0x2B0, 0x300, 0x301, 0x5D0, 0x661, 0x903, 0x180E],
            [0x200B, 0x2028, 0x2160, 0x20AC, 0x2581, 0x3000, 0x3042, 0x30AB, 0x4E00, 0x9FA5, 0xAC00, 0xE000, 0x1D400, 0x1F600, 0x10FFFF],
            Array("'sStTrReEvVmMlLdD'''   \n\n\r//".unicodeScalars.map(\.value)),
        ].joined())

    /// Ends of all pieces.
    private func ends(_ pattern: Pattern, _ text: String) throws -> [Int] {
        var ends: [Int] = []
        var bytes = Array(text.utf8)
        try bytes.withPaddedBytes { base, count throws(TextError) in
            try pattern.pieces(of: ScalarText(base, end: count), from: 0) { _, end, _ in
                ends.append(end)
                return true
            }
        }
        return ends
    }

    /// The same, a few at a time, where letters go on behind the end of the text.
    private func endsInParts(_ pattern: Pattern, _ text: String) throws -> [Int]? {
        let ends = OwnedBuffer<Int>(capacity: 3)
        var all: [Int] = []
        var bytes = Array((text + "letters").utf8)
        return try bytes.withPaddedBytes { base, _ in
            let scalars = ScalarText(base, end: text.utf8.count)
            while (all.last ?? 0) < scalars.end {
                guard let count = pattern.ends(of: scalars, from: all.last ?? 0, into: ends) else { return nil }
                all += UnsafeBufferPointer(start: ends.base, count: count)
            }
            return all
        }
    }

    @Test("a scanner cuts where PCRE2 cuts by its pattern", arguments: expressions.indices)
    func scanners(index: Int) throws {
        let (name, text) = Self.expressions[index]
        let scanner = try #require(Pattern.known(text))
        var reason = ""
        let expression = Pattern.expression(try #require(RegularExpression(text, reason: &reason), "\(reason)"))
        var random = SeededRandom(seed: UInt64(index))
        for _ in 0..<500 {
            var sample = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...14, using: &random) {
                let scalar = UnicodeScalar(Self.scalars.randomElement(using: &random)!)!
                for _ in 0..<(Int.random(in: 0..<8, using: &random) == 0 ? 4 : 1) { sample.append(scalar) }
                // Longer than what is looked at in one step.
                if Int.random(in: 0..<8, using: &random) == 0 {
                    sample.append(contentsOf: "Abcdefghijklmnopqrstuvwxyz".unicodeScalars.prefix(Int.random(in: 5...20, using: &random)))
                }
            }
            let found = try ends(scanner, String(sample))
            #expect(found == (try ends(expression, String(sample))), "\(name): \(String(sample).debugDescription)")
            #expect(found == (try endsInParts(scanner, String(sample))), "\(name): \(String(sample).debugDescription)")
        }
        #expect(try endsInParts(expression, "a b") == nil)
    }

    @Test("every family is known by its text, and nothing else is") func known() {
        for family in Pattern.families { #expect(Pattern.known(family.text) != nil) }
        for other in [#"\w+"#, "[^a]+", "[a-]", "[a-z", #"[\w]+"#, "", #"\s?[a]"#, "[z-a]", "[[:alpha:]]", "[a&&b]"] {
            #expect(Pattern.known(other) == nil)
        }
    }

    @Test("a pattern that needs exponential time is an error, one that goes back a little is not")
    func costly() throws {
        func pattern(_ text: String) throws -> Pattern {
            var reason = ""
            return .expression(try #require(RegularExpression(text, reason: &reason)))
        }
        let letters = String(repeating: "a", count: 3000)
        #expect(throws: TextError.patternTooCostly) { try ends(try pattern("(a|a)*b|c"), letters) }
        #expect(throws: TextError.patternTooCostly) { try ends(try pattern("(a*)*b|c"), letters) }
        #expect(try ends(try pattern(#"\s*[\r\n]+|\s+(?!\S)|\s+"#), String(repeating: " ", count: 3000) + "x") == [2999, 3000, 3001])
        #expect(try ends(try pattern("(?=b)"), "abab") == [1, 1, 3, 3, 4])
    }

    @Test(
        "words, digits and blanks are those of Ruby's syntax",
        arguments: [
            (#"\w+"#, "n\u{316}-\u{24B6}_\u{B2}\u{2074}", [3, 4, 10, 13]), (#"[\w-]+"#, "n\u{316}-a\u{B2}", [5, 7]),
            (#"\W+"#, "n\u{316}-a", [3, 4, 5]), (#"\h+"#, "aFg h", [2, 5]), (#"[\h]"#, " 9", [1, 2]), (#"\H"#, "ag", [1, 2]),
            (#"\b."#, "n\u{316} a", [1, 3, 4, 5]), (#"\B."#, "n\u{316}", [1, 3]), (#"[]a]"#, "a]b", [1, 2, 3]),
            (#"[^]]"#, "a]", [1, 2]), (#"\s|\\s"#, #"\s \#u{1680}"#, [2, 3, 6]), (#"[\[&]"#, "[&a", [1, 2, 3]),
        ])
    func ruby(text: String, sample: String, expected: [Int]) throws {
        var reason = ""
        let pattern = Pattern.expression(try #require(RegularExpression(text, reason: &reason), "\(reason)"))
        #expect(try ends(pattern, sample) == expected)
    }

    @Test(
        "what would be read differently is refused by name",
        arguments: [
            ("[[:punct:]]", "has a class inside of a class, which is not supported"),
            ("[a[bc]]", "has a class inside of a class, which is not supported"),
            ("[a-z&&b]", "has && in a class, which is not supported"), (#"[\W]"#, #"has \W in a class, which is not supported"#),
            (#"a\vb"#, #"has \v, which is not supported"#), (#"\Qa"#, #"has \Q, which is not supported"#),
            (")", "is a pattern that cannot be read: unmatched closing parenthesis"),
        ])
    func refusedPatterns(text: String, expected: String) {
        var reason = ""
        #expect(RegularExpression(text, reason: &reason) == nil)
        #expect(reason == expected)
    }

    @Test("no match looks over the whole rest of a text for what the next one might begin with") func noLookAhead() throws {
        var reason = ""
        let pattern = Pattern.expression(try #require(RegularExpression("(*COMMIT)b", reason: &reason)))
        // COMMIT ends the search at the first place that is tried, and with PCRE2's look ahead that would be where a b stands.
        #expect(try ends(pattern, "ab") == [2])
        #expect(try ends(pattern, "ba") == [1, 2])
    }

    @Test("splitting stops soon after it is told to", arguments: [PreTokenizer.Behavior.isolated, .contiguous, .mergedWithPrevious])
    func stops(behavior: PreTokenizer.Behavior) {
        let digits = PreTokenizer.Step.split(.property(PropertyScanner(UnicodeProperties.numeric)), behavior, inverted: false)
        let splitter = PieceSplitter()
        var asked: [Int] = []
        #expect(throws: TextError.cancelled) {
            try [UInt8](repeating: 0x31, count: TextLimits.bytesBetweenChecks * 3).withUnsafeBufferPointer { text throws(TextError) in
                try splitter.split(text, by: [digits], isFirst: true) { pieces throws(TextError) in
                    asked.append(pieces)
                    throw .cancelled
                }
            }
        }
        #expect(asked == [behavior == .isolated ? TextLimits.bytesBetweenChecks + 1 : 0])
    }
}
