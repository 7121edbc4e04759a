import ClusterModel
import JSONText
import Testing

@testable import TextProcessing

/// Expected values are those of Hugging Face's tokenizers 0.23.3 for the same files.
@Suite("Added tokens") struct AddedTokenTests {
    private let plain = SmallTokenizer(["a", "b", " ", "<", ">", "_", "x"])

    private func ids(_ text: String, _ tokens: (String, [String])...) throws -> [TokenID] {
        var file = plain
        for (index, token) in tokens.enumerated() { file.add(7 + index, token.0, token.1) }
        return try file.ids(text)
    }

    @Test("the leftmost, of those the longest") func leftmostLongest() throws {
        #expect(try ids("a<x>b", ("<x", []), ("<x>", [])) == [0, 8, 1])
        #expect(try ids("<x<x>", ("<x", []), ("<x>", [])) == [7, 8])
        #expect(try ids("abx", ("bx", []), ("ab", [])) == [8, 6])
        #expect(try ids("<<x", ("<x", []), ("<<x>", [])) == [3, 7])
    }

    @Test("white space beside it belongs to it if it says so") func stripping() throws {
        #expect(try ids("a  <x> \u{3000}b", ("<x>", [])) == [0, 2, 2, 7, 2, 1])
        #expect(try ids("a  <x>  b", ("<x>", ["lstrip"])) == [0, 7, 2, 2, 1])
        #expect(try ids("a  <x> \u{3000}b", ("<x>", ["rstrip"])) == [0, 2, 2, 7, 1])
        #expect(try ids("<x>  <x>", ("<x>", ["lstrip", "rstrip"])) == [7, 7])
    }

    @Test("a single word has no letter beside it") func singleWord() throws {
        #expect(try ids("a <x>", ("<x>", ["single_word"])) == [0, 2, 7])
        #expect(try ids("b<x>", ("<x>", ["single_word"])) == [1, 3, 6, 4])
        #expect(try ids(" <x> ", ("<x>", ["single_word"])) == [2, 7, 2])
        #expect(try ids("_<x>", ("<x>", ["single_word"])) == [5, 3, 6, 4])
        #expect(try ids("<x>é", ("<x>", ["single_word"])) == [3, 6, 4])
    }

    @Test("one that is normalized is looked for in normalized text") func normalized() throws {
        var file = plain
        file.normalizer = ["type": "Replace", "pattern": ["String": "b"], "content": "x"]
        file.add(7, "<b>", ["normalized"])
        file.add(8, "bb", [])
        #expect(try file.ids("a<b><x>bba") == [0, 7, 7, 8, 0])
        file.normalizer = ["type": "Prepend", "prepend": "_"]
        #expect(try file.ids("a<b>") == [5, 0, 3, 1, 4])
        #expect(try file.ids("<b>") == [7])
    }

    // MARK: Trust

    private func trusting(_ parts: [(String, Bool)], normalized: Bool = false) throws -> [TokenID] {
        var file = plain
        if normalized { file.normalizer = ["type": "Prepend", "prepend": "_"] }
        file.add(7, "<x>", normalized ? ["normalized"] : [])
        file.add(8, "<b>", special: false, [])
        var prompt = PromptText()
        for (text, isTrusted) in parts { if isTrusted { prompt.append(template: text) } else { prompt.append(content: text) } }
        return try file.tokenizer().ids(prompt)
    }

    @Test("a client's text names no special token, and no token reaches over") func trust() throws {
        #expect(try trusting([("<x>", true), ("<x>", false), ("<x>", true)]) == [7, 3, 6, 4, 7])
        #expect(try trusting([("<b>", true), ("a<b>", false)]) == [8, 0, 8])
        #expect(
            try trusting([("<x", true), (">", false), ("<", false), ("x>", true), ("<", true), ("b>", false)]) == [
                3, 6, 4, 3, 6, 4, 3, 1, 4,
            ])
    }

    @Test("what a client writes does not merge into a special token either", arguments: [false, true])
    func merging(ignoresMerges: Bool) throws {
        var file = SmallTokenizer.bytes(merges: [("<", "/"), ("</", "s"), ("</s", ">"), ("<", "b")])
        file.add(258, "</s>")
        file.add(259, "<b", special: false)
        file.model = [("ignore_merges", .bool(ignoresMerges))]
        var prompt = PromptText()
        prompt.append(template: "</s>")
        prompt.append(content: "</s>")
        #expect(try file.tokenizer().ids(prompt) == [258, 257, 62])
        var client = PromptText()
        client.append(content: "<b")
        #expect(try file.tokenizer().ids(client) == [259])
        file.added = []
        #expect(try file.tokenizer().ids(prompt) == [258, 258])
    }

    @Test("a special token that is one character is refused, as text could not be told from it") func oneCharacter() {
        var file = plain
        file.add(5, "_")
        #expect(throws: TextError.self) { try file.tokenizer() }
        file.added = []
        file.add(5, "_", special: false)
        #expect(throws: Never.self) { try file.tokenizer() }
    }

    @Test("a part of a prompt is about the runs that it touches, not about all that follow") func window() {
        let runs = (1...1000).map { PromptText.Run(end: $0 * 3, isTrusted: $0 % 2 == 0) }
        var window = RunWindow(runs)
        #expect(window.touching(0, 3).map(\.end) == [3])
        #expect(window.touching(3, 4).map(\.end) == [6])
        #expect(window.touching(5, 10).map(\.end) == [6, 9, 12])
        #expect(window.touching(2998, 3000).map(\.end) == [3000])
        var parts = RunWindow(runs)
        #expect((0..<1500).reduce(0) { $0 + parts.touching($1 * 2, $1 * 2 + 2).count } <= 1500 + runs.count)
    }

    @Test("nor in normalized text") func trustNormalized() throws {
        #expect(try trusting([("<x>", true), ("<x>", false)], normalized: true) == [7, 3, 6, 4])
        #expect(try trusting([("<x>", false), ("<x>", true)], normalized: true) == [5, 3, 6, 4, 3, 6, 4])
        #expect(try trusting([("_<x>", false), ("_<x>", true)], normalized: true).count(where: { $0 == 7 }) == 1)
        #expect(try trusting([("a_<x", false), (">", true)], normalized: true).count(where: { $0 == 7 }) == 0)
    }

    @Test("the trie finds what a naive search finds", arguments: 0..<100 as Range<UInt64>)
    func trie(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        func text(_ most: Int) -> [UInt8] {
            (0..<Int.random(in: 1...most, using: &random)).map { _ in UInt8.random(in: 0x61...0x63, using: &random) }
        }
        let strings = (0..<8).map { _ in text(5) }
        let trie = TokenTrie(strings)
        let searched = text(40)
        for place in searched.indices {
            let rest = Array(searched[place...])
            let expected = strings.indices.filter { rest.starts(with: strings[$0]) }.max {
                (strings[$0].count, $0) < (strings[$1].count, $1)
            }
            let found = rest.withUnsafeBufferPointer { trie.longest(in: $0) }
            #expect(found?.string == expected)
            #expect(found?.length == expected.map { strings[$0].count })
            var all: Set<[UInt8]> = []
            rest.withUnsafeBufferPointer { trie.strings(in: $0) { all.insert(strings[$0]) } }
            #expect(all == Set(strings.filter { rest.starts(with: $0) }))
        }
    }
}
