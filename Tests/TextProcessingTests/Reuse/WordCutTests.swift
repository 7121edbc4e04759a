import ClusterModel
import JSONText
import Testing

@testable import TextProcessing

/// Cuts between words: what prompts have in common in the middle of a text is reused, and changes no token.
@Suite("Cuts between words") struct WordCutTests {
    /// Merges that would join over a blank, if pieces let them.
    private static func tokenizer(_ pattern: Int, composes: Bool = true, added: [String] = ["<p>"]) throws -> BPETokenizer {
        var file = SmallTokenizer.bytes(merges: [("a", "b"), ("Ġ", "ab"), ("b", "Ġ"), ("bĠ", "a"), ("Ġ", "a"), ("1", "Ġ"), (".", "Ġ")])
        file.preTokenizer = [
            "type": "Sequence",
            "pretokenizers": [SmallTokenizer.split(Pattern.families[pattern].text, "Isolated"), SmallTokenizer.byteLevel],
        ]
        if composes { file.normalizer = ["type": "NFC"] }
        let first = file.vocabulary.count
        for (index, text) in added.enumerated() {
            file.add(first + index, text, special: false, text == "<p>" ? ["lstrip", "rstrip"] : [])
        }
        return try file.tokenizer()
    }

    /// Those whose only step is a pattern with words.
    private static let patterns = Pattern.families.indices.filter { Pattern.families[$0].pattern.endsWordsAtBlanks }
    private static let words = [
        "ab", "abab", "b", " ", " ", " ", " ", "  ", "\n", " \n ", "\t", "1", "12", ".", "'s", "é", "e\u{301}", "\u{301}", "中", "<p>", "<p",
        "B", "aB",
    ]

    private func text(_ words: [String], _ count: Int, _ random: inout SeededRandom) -> String {
        (0..<count).map { _ in words.randomElement(using: &random)! }.joined()
    }

    private func prompt(_ text: String) -> PromptText {
        var prompt = PromptText()
        prompt.append(template: "<p>")
        prompt.append(content: text)
        return prompt
    }

    @Test("prompts that part anywhere keep their own tokens", arguments: patterns, 0..<6 as Range<UInt64>)
    func parting(pattern: Int, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let tokenizer = try Self.tokenizer(pattern, composes: seed.isMultiple(of: 2)), memory = PromptMemory(bytes: 4 << 20)
        // With little else than ASCII at first: composing is known to change nothing there, and cuts may be.
        let plain = Self.words.filter { $0.utf8.allSatisfy { $0 < 0x80 } }
        let first = text(plain, 4_000, &random)
        var reused = 0, ids: [TokenID] = [], cuts: [TextCut] = []
        try tokenizer.encode(prompt(first), from: .start, atMost: .max, isCancelled: { false }, into: &ids, cuts: &cuts)
        for turn in 0..<24 {
            // At a cut, or a few bytes beside one: within a word, before the blank, behind it.
            let place = cuts.randomElement(using: &random)!.byte - "<p>".utf8.count + Int.random(in: -2...2, using: &random)
            let shared = first.unicodeScalars.prefix(max(0, place))
            let whole = prompt(turn == 0 ? first : String(shared) + text(Self.words, Int.random(in: 0...800, using: &random), &random))
            var tokens: [TokenID] = []
            reused += try memory.encode(whole, with: tokenizer, atMost: .max, into: &tokens).reused
            #expect(try tokens == tokenizer.ids(whole), "seed \(seed), turn \(turn)")
        }
        #expect(reused > 0, "nothing was reused: seed \(seed)")
    }

    @Test("most of a long text is reused, and cuts are where they would be in a text that is encoded from one on")
    func reuse() throws {
        var random = SeededRandom(seed: 1)
        let tokenizer = try Self.tokenizer(1), memory = PromptMemory(bytes: 4 << 20)
        let shared = text(["ab ", "b a ", "ab. "], 8_000, &random)
        for turn in 0..<4 {
            let whole = prompt(shared + text(["b ", "a "], 1_000, &random))
            var tokens: [TokenID] = []
            let outcome = try memory.encode(whole, with: tokenizer, atMost: .max, into: &tokens)
            #expect(turn == 0 || outcome.reused > shared.utf8.count - 2 * TextLimits.bytesBetweenWordCuts)
            var all: [TextCut] = [], ids: [TokenID] = []
            try tokenizer.encode(whole, from: .start, atMost: .max, isCancelled: { false }, into: &ids, cuts: &all)
            #expect(all.count > whole.utf8.count / TextLimits.bytesBetweenWordCuts - 3)
            for cut in all {
                var tokens = Array(ids[..<cut.tokens]), later: [TextCut] = []
                try tokenizer.encode(whole, from: cut, atMost: .max, isCancelled: { false }, into: &tokens, cuts: &later)
                #expect(tokens == ids)
                #expect(later == all.filter { $0.byte > cut.byte })
            }
        }
    }

    @Test("where an added token may reach over a blank, there are none") func addedTokens() throws {
        let whole = prompt(String(repeating: "ab ab ", count: 2_000))
        func cuts(_ added: [String]) throws -> Int {
            var tokens: [TokenID] = [], cuts: [TextCut] = []
            try Self.tokenizer(1, added: added).encode(
                whole, from: .start, atMost: .max, isCancelled: { false }, into: &tokens, cuts: &cuts)
            return cuts.count
        }
        #expect(try cuts(["<p>", "  ", " ab", "a. "]) > 8)
        #expect(try cuts(["<p>", "b ab ab c"]) == 0)
    }
}
