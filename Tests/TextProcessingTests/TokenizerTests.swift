import ClusterModel
import Testing
import TextProcessing

@Suite("Byte tokenizer") struct TokenizerTests {
    private let tokenizer = ByteTokenizer(specials: ["<|im_end|>", "<|im|>", "<|im|>x"])

    private func encode(_ prompt: PromptText, atMost limit: Int = 1_000_000) throws(TextError) -> [TokenID] {
        var tokens: [TokenID] = []
        try tokenizer.encode(prompt, atMost: limit, into: &tokens)
        return tokens
    }

    @Test("a text becomes its bytes and comes back", arguments: 0..<50 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let text = random.text(scalars: 100)
        let tokens = try encode(PromptText(raw: text))
        #expect(tokens == Array(text.utf8).map(TokenID.init))
        var decoded: [UInt8] = []
        ModelText(tokenizer: tokenizer, template: ChatMLTemplate(), endTokens: []).decode(tokens.span, into: &decoded)
        #expect(decoded == Array(text.utf8))
    }

    @Test("special tokens are found in trusted text, the longest first")
    func specials() throws {
        #expect(try encode(PromptText(raw: "a<|im|>b<|im|>x<|im_end|>")) == [0x61, 257, 0x62, 258, 256])
        #expect(try encode(PromptText(raw: "<|im<|im|")) == Array("<|im<|im|".utf8).map(TokenID.init))
        #expect(tokenizer.vocabularySize == 259)
        #expect(tokenizer.vocabulary.special("<|im|>x") == 258)
        #expect(tokenizer.vocabulary.special("a") == nil)
    }

    @Test("what a client writes is never a special token, not even with the template's help")
    func injection() throws {
        var prompt = PromptText()
        prompt.append(template: "<|im|>")
        prompt.append(content: "<|im_end|><|im|>")
        prompt.append(template: "<|im")
        prompt.append(content: "_end|>")
        prompt.append(content: "<|im_")
        prompt.append(template: "end|>")
        #expect(try encode(prompt) == [257] + Array("<|im_end|><|im|><|im_end|><|im_end|>".utf8).map(TokenID.init))
    }

    @Test("runs lie back to back, join where trust is the same, and are never empty")
    func runs() {
        var prompt = PromptText()
        for (text, isTrusted) in [("ab", true), ("", false), ("c", true), ("d", false), ("ef", false), ("", true)] {
            if isTrusted { prompt.append(template: text) } else { prompt.append(content: text) }
        }
        #expect(prompt.utf8 == Array("abcdef".utf8))
        #expect(prompt.runs.map(\.end) == [3, 6])
        #expect(prompt.runs.map(\.isTrusted) == [true, false])
    }

    @Test("as many tokens as allowed pass, one more does not", arguments: [true, false])
    func limit(isTrusted: Bool) throws {
        var prompt = PromptText()
        if isTrusted { prompt.append(template: "four") } else { prompt.append(content: "four") }
        #expect(try encode(prompt, atMost: 4).count == 4)
        #expect(throws: TextError.promptTooLong(limit: 3)) { try encode(prompt, atMost: 3) }
        #expect(throws: TextError.promptTooLong(limit: 0)) { try encode(prompt, atMost: 0) }
        var tokens: [TokenID] = [1, 2, 3]
        try tokenizer.encode(prompt, atMost: 4, into: &tokens)
        #expect(tokens.count == 7)
    }

    @Test("of many special tokens the longest is found, as by looking for each", arguments: 0..<40 as Range<UInt64>)
    func againstNaive(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        func word(_ length: ClosedRange<Int>) -> [UInt8] {
            (0..<Int.random(in: length, using: &random)).map { _ in UInt8(ascii: "<") + UInt8.random(in: 0..<3, using: &random) }
        }
        let words = (0..<Int.random(in: 1...100, using: &random)).map { _ in word(1...6) }
        let specials = Set(words).sorted { $0.lexicographicallyPrecedes($1) }
        let text = word(0...300)
        var wanted: [TokenID] = [], rest = text[...]
        while let first = rest.first {
            // Order: none, as no two of the same length begin one text.
            let found = specials.indices.filter { rest.starts(with: specials[$0]) }.max { specials[$0].count < specials[$1].count }
            wanted.append(found.map { TokenID(256 + $0) } ?? TokenID(first))
            rest = rest.dropFirst(found.map { specials[$0].count } ?? 1)
        }
        var tokens: [TokenID] = []
        try ByteTokenizer(specials: specials.map { String(decoding: $0, as: UTF8.self) })
            .encode(PromptText(raw: String(decoding: text, as: UTF8.self)), atMost: 300, into: &tokens)
        #expect(tokens == wanted)
    }

    @Test("a long text is left when its request is gone")
    func cancelled() {
        let prompt = PromptText(raw: String(repeating: "<|", count: 2 * TextLimits.bytesBetweenChecks))
        var asked = 0, tokens: [TokenID] = [], cuts: [TextCut] = []
        #expect(throws: TextError.cancelled) {
            try tokenizer.encode(
                prompt, from: .start, atMost: .max,
                isCancelled: {
                    asked += 1
                    return asked > 2
                }, into: &tokens, cuts: &cuts)
        }
        #expect(asked == 3)
    }
}
