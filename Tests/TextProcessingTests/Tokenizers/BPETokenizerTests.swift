import ClusterModel
import JSONText
import Testing

@testable import TextProcessing

@Suite("BPE tokenizer") struct BPETokenizerTests {
    private func bytes() -> SmallTokenizer {
        var file = SmallTokenizer.bytes(merges: [("a", "b"), ("Ġ", "ab")])
        file.preTokenizer = [
            "type": "Sequence", "pretokenizers": [SmallTokenizer.split(Pattern.families[1].text, "Isolated"), SmallTokenizer.byteLevel],
        ]
        file.add(258, "<s>")
        file.add(259, "</s>")
        file.postProcessor = [
            "type": "TemplateProcessing",
            "single": [
                ["SpecialToken": ["id": "B", "type_id": 0]], ["Sequence": ["id": "A", "type_id": 0]],
                ["SpecialToken": ["id": "E", "type_id": 0]],
            ],
            "special_tokens": ["B": ["id": "B", "ids": [258], "tokens": ["<s>"]], "E": ["id": "E", "ids": [259], "tokens": ["</s>"]]],
        ]
        return file
    }

    @Test("a text of its own gets the tokens around it, a template's prompt does not") func specials() throws {
        let tokenizer = try bytes().tokenizer()
        #expect(try tokenizer.ids(PromptText(raw: "ab ab")) == [258, 256, 257, 259])
        var prompt = PromptText()
        prompt.append(template: "<s>ab")
        prompt.append(content: " ab")
        #expect(try tokenizer.ids(prompt) == [258, 256, 257])
    }

    @Test("random text comes back from its tokens", arguments: 0..<50 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let text = random.text(scalars: 80)
        let tokenizer = try bytes().tokenizer()
        #expect(tokenizer.text(try tokenizer.ids(PromptText(raw: text))) == text)
    }

    @Test("as many tokens as allowed pass, one more does not") func limit() throws {
        let tokenizer = try bytes().tokenizer()
        let prompt = PromptText(raw: "ab ab<s>x")
        #expect(try tokenizer.ids(prompt, atMost: 6).count == 6)
        for limit in 0..<6 { #expect(throws: TextError.promptTooLong(limit: limit)) { try tokenizer.ids(prompt, atMost: limit) } }
    }

    @Test("too long is known long before the end, and a cancelled request stops") func stops() throws {
        let tokenizer = try bytes().tokenizer()
        let prompt = PromptText(raw: String(repeating: "x y ", count: 200_000))
        var tokens: [TokenID] = []
        #expect(throws: TextError.promptTooLong(limit: 10)) { try tokenizer.encode(prompt, atMost: 10, into: &tokens) }
        #expect(tokens.count < 150_000)
        for letters in [prompt, PromptText(raw: String(repeating: "ab", count: 200_000))] {
            var asked = 0
            tokens.removeAll()
            #expect(throws: TextError.cancelled) {
                try tokenizer.encode(
                    letters, atMost: .max,
                    isCancelled: {
                        asked += 1
                        return asked > 2
                    }, into: &tokens)
            }
            #expect(tokens.count < 150_000)
        }
        #expect(throws: TextError.wordTooLong(limit: TextLimits.pretokenBytes)) {
            try tokenizer.ids(PromptText(raw: String(repeating: "a", count: TextLimits.pretokenBytes + 1)))
        }
        #expect(try tokenizer.ids(PromptText(raw: "ab")) == [258, 256, 259])
    }

    @Test("too many pieces are known before all are found, but only where each becomes a token", arguments: [true, false])
    func manyPieces(dropsNothing: Bool) throws {
        var file = SmallTokenizer.bytes()
        if !dropsNothing { file.vocabulary.removeAll { $0.0 == "1" } }
        let digits: JSONValue = ["type": "Digits", "individual_digits": true]
        file.preTokenizer = [
            "type": "Sequence", "pretokenizers": [SmallTokenizer.split("[a-c]", "Isolated"), digits, SmallTokenizer.byteLevel],
        ]
        let tokenizer = try file.tokenizer()
        let prompt = PromptText(raw: String(repeating: "1", count: TextLimits.bytesBetweenChecks * 3))
        var asked = 0
        var tokens: [TokenID] = [], cuts: [TextCut] = []
        func encode() throws(TextError) {
            try tokenizer.encode(
                prompt, from: .start, atMost: 10,
                isCancelled: {
                    asked += 1
                    return false
                }, into: &tokens, cuts: &cuts)
        }
        if dropsNothing {
            #expect(throws: TextError.promptTooLong(limit: 10)) { try encode() }
            // Before the text, and once in the first step and in the second.
            #expect(asked <= 3)
        } else {
            try encode()
            #expect(tokens.isEmpty)
        }
    }

    @Test("what a large prompt needed is given back, also if it was refused", arguments: [Int.max, 100])
    func idleMemory(limit: Int) throws {
        let large = String(repeating: "ab", count: TextLimits.idleBufferBytes / 16)
        var whole = SmallTokenizer.bytes(merges: [("a", "b")])
        let letters = SmallTokenizer.split("[a-c]", "Isolated")
        for preTokenizer in [
            SmallTokenizer.byteLevel, ["type": "Sequence", "pretokenizers": [letters, letters, SmallTokenizer.byteLevel]],
        ] {
            whole.preTokenizer = preTokenizer
            let tokenizer = try whole.tokenizer()
            #expect((try? tokenizer.ids(PromptText(raw: large), atMost: limit)) == nil || limit == .max)
            #expect(tokenizer.idleBytes <= TextLimits.idleBufferBytes * 3)
            #expect(try tokenizer.ids(PromptText(raw: "aab")).count == (preTokenizer == SmallTokenizer.byteLevel ? 2 : 3))
        }
    }

    // MARK: Cuts

    @Test("from every cut on a prompt has the tokens that it has as a whole", arguments: 0..<100 as Range<UInt64>)
    func cuts(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var file = bytes()
        file.normalizer = Bool.random(using: &random) ? ["type": "Prepend", "prepend": "a"] : .null
        for (index, flags) in [["rstrip"], ["lstrip"], ["single_word"], [], []].enumerated() {
            file.add(260 + index, ["<r>", "<l>", "<w>", "<p", "<p>"][index], special: index > 2, flags)
        }
        let tokenizer = try file.tokenizer()
        var prompt = PromptText()
        for _ in 0..<12 {
            let text = ["<s>", "<r>", "<l>", "<w>", "<p", "<p>", " ", "ab", ">", "  ", "é"].randomElement(using: &random)!
            if Int.random(in: 0..<4, using: &random) == 0 { prompt.append(content: text) } else { prompt.append(template: text) }
        }
        var whole: [TokenID] = [], cuts: [TextCut] = []
        try tokenizer.encode(prompt, from: .start, atMost: .max, isCancelled: { false }, into: &whole, cuts: &cuts)
        for cut in cuts {
            var tokens = Array(whole[..<cut.tokens]), later: [TextCut] = []
            try tokenizer.encode(prompt, from: cut, atMost: whole.count, isCancelled: { false }, into: &tokens, cuts: &later)
            #expect(tokens == whole)
            #expect(later == cuts.filter { $0.byte > cut.byte })
            tokens = Array(whole[..<cut.tokens])
            if cut.tokens < whole.count {
                #expect(throws: TextError.promptTooLong(limit: whole.count - 1)) {
                    try tokenizer.encode(prompt, from: cut, atMost: whole.count - 1, isCancelled: { false }, into: &tokens, cuts: &later)
                }
            }
        }
    }

    @Test("a token that what follows may change is no cut") func noCut() throws {
        var file = bytes()
        for (index, flags) in [["rstrip"], ["single_word"], [], []].enumerated() {
            file.add(260 + index, ["<r>", "<w>", "<p", "<p>"][index], flags)
        }
        var tokens: [TokenID] = [], cuts: [TextCut] = []
        try file.tokenizer().encode(
            PromptText(raw: "<r><w><p<p>a"), from: .start, atMost: .max, isCancelled: { false }, into: &tokens, cuts: &cuts)
        #expect(cuts == [TextCut(byte: 11, tokens: 5)])
    }

    @Test("nor is one that stands inside of another") func noCutInside() throws {
        var file = bytes()
        for (index, text) in ["<a>", "<b>", "<a><b><c>", "<x>", "<y><x>"].enumerated() { file.add(260 + index, text) }
        let tokenizer = try file.tokenizer()
        func encode(_ text: String, _ runs: [Int]) throws -> (tokens: [TokenID], cuts: [Int]) {
            var prompt = PromptText()
            var rest = text[...]
            for (index, count) in runs.enumerated() {
                if index % 2 == 0 {
                    prompt.append(template: String(rest.prefix(count)))
                } else {
                    prompt.append(content: String(rest.prefix(count)))
                }
                rest = rest.dropFirst(count)
            }
            var tokens: [TokenID] = [], cuts: [TextCut] = []
            try tokenizer.encode(prompt, from: .start, atMost: .max, isCancelled: { false }, into: &tokens, cuts: &cuts)
            return (tokens, cuts.map(\.byte))
        }
        #expect(try encode("<a><b>xx", [8]) == ([260, 261, 120, 120], []))
        #expect(try encode("<a><b><c>", [9]) == ([262], [9]))
        // At the end of another it is what it is, whatever follows.
        #expect(try encode("<y><x>", [6]) == ([264], [6]))
        #expect(try encode("<x>a", [4]) == ([263, 97], [3]))
        // The end of a run is no end of the text for the prompt that comes next.
        #expect(try encode("<a><b><c>", [6, 3]).cuts == [])
    }

    // MARK: Decoding

    @Test("pieces lose the blank at the beginning of a text, once") func pieces() throws {
        var file = SmallTokenizer(["▁", "a", "▁a", "<0xC3>", "<0xA9>", "<0x20>"], merges: [("▁", "a")])
        file.add(6, "<s>")
        file.decoder = [
            "type": "Sequence",
            "decoders": [
                ["type": "Replace", "pattern": ["String": "▁"], "content": " "], ["type": "ByteFallback"], ["type": "Fuse"],
                ["type": "Strip", "content": " ", "start": 1, "stop": 0],
            ],
        ]
        let tokenizer = try file.tokenizer()
        #expect(tokenizer.text([2, 2]) == "a a")
        #expect(tokenizer.text([6, 0, 0, 1]) == " a")
        #expect(tokenizer.text([5, 3, 4, 2]) == "é a")
        #expect(tokenizer.text([6, 2], showsSpecials: true) == "<s> a")
        #expect(tokenizer.text([3, 6, 4]) == "é")
        #expect(tokenizer.text([3, 1]) == "\u{FFFD}a")
        file.decoder = ["type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true]
        #expect(try file.tokenizer().text([0, 2, 2]) == " a a")
        #expect(try file.tokenizer().text([2, 2]) == "a a")
    }

    @Test("an added token that is in no alphabet of bytes spells itself") func addedText() throws {
        var file = bytes()
        file.add(260, "<｜é｜>", special: false)
        #expect(try file.tokenizer().text([97, 260, 98]) == "a<｜é｜>b")
    }
}
