import ClusterModel
import Testing
import TextProcessing

@Suite("Incremental detokenizer") struct DetokenizerTests {
    private let tokenizer = ByteTokenizer(specials: ["<|endoftext|>", "<|im_start|>"])

    /// The texts after each piece, the last one after the end.
    private func texts(_ pieces: [[TokenID]], showsSpecials: Bool = false) -> [[UInt8]] {
        var detokenizer = IncrementalDetokenizer(tokenizer.vocabulary, showsSpecials: showsSpecials)
        var text: [UInt8] = [], texts: [[UInt8]] = []
        for piece in pieces {
            detokenizer.append(piece.span, to: &text)
            texts.append(text)
        }
        detokenizer.finish(into: &text)
        return texts + [text]
    }

    @Test("text cut at any two places is the same text, and whole code points at every moment")
    func everySplit() throws {
        let text = "aé€😀z\u{10FFFF}\u{7FF}"
        let tokens = Array(text.utf8).map(TokenID.init)
        for first in 0...tokens.count {
            for second in first...tokens.count {
                let texts = texts([Array(tokens[..<first]), Array(tokens[first..<second]), Array(tokens[second...])])
                #expect(texts.last == Array(text.utf8))
                for partial in texts {
                    let read = try #require(String(validating: partial, as: UTF8.self), "cut at \(first) and \(second)")
                    #expect(text.unicodeScalars.starts(with: read.unicodeScalars))
                }
            }
        }
    }

    @Test("random text in random pieces comes out as it was", arguments: 0..<200 as Range<UInt64>)
    func randomText(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let text = random.text(scalars: 60)
        let texts = texts(random.pieces(Array(text.utf8).map(TokenID.init), most: 5))
        #expect(texts.last == Array(text.utf8))
        #expect(texts.allSatisfy { String(validating: $0, as: UTF8.self) != nil })
    }

    @Test("random bytes are repaired as the WHATWG decoder does it, wherever they are cut", arguments: 0..<400 as Range<UInt64>)
    func randomBytes(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let bytes = random.bytes(80)
        let pieces = random.pieces(bytes.map(TokenID.init), most: 7)
        let texts = texts(pieces)
        #expect(texts.last == Array(NaiveUTF8.decode(bytes).utf8))
        var came = 0
        for (piece, text) in zip(pieces, texts) {
            came += piece.count
            #expect(String(validating: text, as: UTF8.self) != nil)
            // What is held back can be finished by at most three bytes more.
            let before = NaiveUTF8.decode(Array(bytes[..<came]))
            #expect(text == Array(before.utf8) || text + [0xEF, 0xBF, 0xBD] == Array(before.utf8))
        }
    }

    @Test(
        "ill-formed sequences become what the Unicode standard's tables say",
        arguments: [
            ([0xC0, 0xAF, 0xE0, 0x80, 0xBF, 0xF0, 0x81, 0x82, 0x41], "????????A"),
            ([0xED, 0xA0, 0x80, 0xED, 0xBF, 0xBF, 0xED, 0xAF, 0x41], "????????A"),
            ([0xF4, 0x91, 0x92, 0x93, 0xFF, 0x41, 0x80, 0xBF, 0x42], "?????A??B"),
            ([0xE1, 0x80, 0xE2, 0xF0, 0x91, 0x92, 0xF1, 0xBF, 0x41], "????A"),
            ([0x41, 0xF0, 0x9F, 0x98], "A?"), ([0xE2, 0x82], "?"), ([], ""),
        ] as [([TokenID], String)])
    func tables(tokens: [TokenID], expected: String) {
        let expected = Array(expected.replacing("?", with: "\u{FFFD}").utf8)
        #expect(texts([tokens]).last == expected)
        #expect(texts(tokens.map { [$0] }).last == expected)
    }

    @Test("special tokens show only if wanted, tokens beyond the vocabulary never")
    func specials() {
        let tokens: [TokenID] = [257, 0x61, 256, 258, 5_000, .max, 0x62]
        #expect(texts([tokens]).last == Array("ab".utf8))
        #expect(texts([tokens], showsSpecials: true).last == Array("<|im_start|>a<|endoftext|>b".utf8))
    }

    @Test("a special token does not break a code point that goes on behind it")
    func specialInside() {
        #expect(texts([[0xC3], [256], [0xA9]]).last == Array("é".utf8))
    }
}
