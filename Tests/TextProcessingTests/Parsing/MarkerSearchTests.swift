import ClusterModel
import Testing

@testable import TextProcessing

@Suite("Search for markers") struct MarkerSearchTests {
    private static func symbols(_ text: String) -> [Symbol] { text.utf8.map { Symbol($0 | 0x20, isSpecial: $0 & 0x20 == 0) } }

    /// What a text comes to, with found markers as numbers: by looking at all of it again for every symbol.
    private static func naive(_ text: [Symbol], _ markers: [[Symbol]]) -> [String] {
        var steps: [String] = [], rest: [Symbol] = []
        for symbol in text {
            rest.append(symbol)
            let found = markers.indices.filter {
                rest.count >= markers[$0].count && rest.suffix(markers[$0].count).elementsEqual(markers[$0])
            }
            guard let longest = found.max(by: { markers[$0].count < markers[$1].count }) else { continue }
            steps += rest.dropLast(markers[longest].count).map { "\($0)" } + ["marker \(longest)"]
            rest.removeAll()
        }
        return steps + rest.map { "\($0)" }
    }

    @Test("finds what ends first, the longest of those, and loses nothing", arguments: 0..<500 as Range<UInt64>)
    func againstNaive(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        // Capitals are special: the same letter as text is another symbol.
        let letters = Array("abAc")
        func word(_ length: ClosedRange<Int>) -> String {
            String((0..<Int.random(in: length, using: &random)).map { _ in letters.randomElement(using: &random)! })
        }
        let markers = Set((0..<Int.random(in: 1...4, using: &random)).map { _ in word(1...5) }).sorted().map(Self.symbols)
        let text = Self.symbols(word(0...60))
        var search = MarkerSearch(markers), steps: [String] = []
        for symbol in text {
            let found = search.step(symbol)
            steps += search.released.map { "\($0)" }
            if let found { steps.append("marker \(found)") }
            #expect(search.held.count < markers.map(\.count).max()!)
            #expect(search.held.isEmpty || markers.contains { $0.starts(with: search.held) })
        }
        steps += search.flush().map { "\($0)" }
        #expect(steps == Self.naive(text, markers), "\(markers) in \(text)")
    }

    @Test("a special token's text inside a marker counts only as the token")
    func spelling() {
        let spelling = MarkerSpelling(specials: ["DSML", "", "DS"])
        let symbols = spelling.symbols("<DSML>DS")
        #expect(symbols.map(\.isSpecial) == [false, true, true, true, true, false, true, true])
        #expect(symbols.map(\.byte) == Array("<DSML>DS".utf8))
    }
}

@Suite("Following JSON") struct JSONFollowerTests {
    /// The length of the value at the beginning, and whether the byte behind it told so; nil if there is none.
    private func end(of text: String) -> (length: Int, isLate: Bool)? {
        var follower = JSONFollower()
        for (index, byte) in text.utf8.enumerated() {
            switch follower.step(byte) {
            case .more: continue
            case .done: return (index + 1, false)
            case .doneBefore: return (index, true)
            case .refused: return nil
            }
        }
        return nil
    }

    @Test(
        "a value ends where it ends",
        arguments: [
            (#"{"a":[1,{"b":"}"}],"c":null}x"#, 28), ("[]]", 2), ("{}}", 2), (#""a\"b" "#, 6), ("true,", 4), ("false", 5), ("null]", 4),
            ("  [1 , 2 ] ", 10),
            (#"["\u00e9\n\\"]"#, 14), ("[-1.5e+3]", 9), ("[[[]],[]]", 9), ("12 ", 2), ("-1}", 2),
            ("0.05E-07 ", 8), ("-0,", 2), ("1e5]", 3), ("[0,-0.0,1E+0]", 13), ("01", 1), ("1.2.3", 3),
        ])
    func ends(text: String, length: Int) { #expect(end(of: text)?.length == length) }

    @Test(
        "what is no JSON is refused, what is not over does not end",
        arguments: [
            "{a", "{,", "[,", "[1,]", #"{"a":1,}"#, #"{"a" 1"#, #"{"a":}"#, "[1 2", "tru ", "nul]", #""\x"#, #""\u00g"#, "}", "]", ",", "x",
            "[}", "{]",
            #"{"a":1]"#, "[1}", "", "[", #""abc"#, "{\"a\"", "12",
            "[01]", "[1.2.3]", "[1.]", "[1.e2]", "[-]", "[--1]", "[1e]", "[1e+]", "[1e5.2]", "[1-2]", "[.5]", "- ", "1. ", "1e ",
        ])
    func refused(text: String) { #expect(end(of: text) == nil) }

    @Test("nesting is bounded")
    func depth() {
        let most = String(repeating: "[", count: TextLimits.callDepth) + String(repeating: "]", count: TextLimits.callDepth)
        #expect(end(of: most)?.length == most.utf8.count)
        #expect(end(of: "[" + most + "]") == nil)
    }

    @Test("mixed levels are closed as they were opened", arguments: 0..<200 as Range<UInt64>)
    func levels(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var closers: [Character] = [], text = ""
        for _ in 0..<Int.random(in: 1...40, using: &random) {
            let isObject = Bool.random(using: &random)
            text += isObject ? "{\"k\":" : "["
            closers.append(isObject ? "}" : "]")
        }
        text += "1"
        let whole = text + String(closers.reversed())
        #expect(end(of: whole)?.length == whole.utf8.count)
        let wrong = Int.random(in: 0..<closers.count, using: &random)
        closers[wrong] = closers[wrong] == "}" ? "]" : "}"
        #expect(end(of: text + String(closers.reversed())) == nil)
    }
}
