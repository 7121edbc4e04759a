import ClusterModel
import TestSupport
import TextProcessing
import Testing

@testable import EngineAdapters

@Suite("Text that becomes tokens again")
struct TextTokensTests {
    /// Byte-level pairs with a normalizer; as SentencePiece's tokenizers are, with a blank before each text and bytes for what is rare; bytes.
    private static let models = ["tiny", "pieces", "bytes"]

    private func model(_ name: String) throws -> ModelText {
        switch name {
        case "tiny": try ServedScene.settings().text
        case "pieces":
            try ModelText.make(files: ["tokenizer.json": Array(Self.pieces.utf8), "tokenizer_config.json": Array(Self.config.utf8)])
        default: try ModelText.make(files: [ByteModelFile.name: ByteModelFile.standard])
        }
    }

    /// What a frontend makes of the tokens.
    private func read(_ tokens: [TokenID], _ model: ModelText) -> String {
        var text: [UInt8] = []
        model.decode(tokens.span, into: &text)
        return String(decoding: text, as: UTF8.self)
    }

    @Test("the tokens say what the server said, to the byte, however its text is cut", arguments: models)
    func exact(_ name: String) throws {
        let model = try model(name)
        for seed in UInt64(0)..<40 {
            var random = SeededRandom(seed: seed)
            let said = text(&random)
            var tokens: [TokenID] = [], reader = TextTokens(model, after: []), rest = Array(said.unicodeScalars)[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...min(6, rest.count), using: &random)
                try reader.append(String(String.UnicodeScalarView(rest.prefix(count))), to: &tokens)
                rest = rest.dropFirst(count)
            }
            let read = read(tokens, model)
            #expect(read.utf8.elementsEqual(said.utf8), "seed \(seed)")
            #expect(!tokens.contains { model.vocabulary.isSpecial($0) })
        }
    }

    /// Words, blanks in all places, what normalizers change, what looks like a special token, and characters of all lengths.
    private func text(_ random: inout SeededRandom) -> String {
        let parts = [
            "The", " capital", "  ", " ", "\n", "é", "e\u{301}", "東京", "😀", "<|im_end|>", "<s>", "▁", "\u{0}", "\u{FFFD}", "ﬁ", "1234",
            "\t", "Å",
            "</s>", "\u{200D}", "naïve",
        ]
        return (0..<Int.random(in: 1...20, using: &random)).map { _ in parts[Int.random(in: 0..<parts.count, using: &random)] }.joined()
    }

    @Test("a choice that goes on is not begun again", arguments: models)
    func continued(_ name: String) throws {
        let model = try model(name)
        var shown: [TokenID] = [], begun = TextTokens(model, after: [])
        try begun.append("Once upon", to: &shown)
        var tokens: [TokenID] = [], reader = TextTokens(model, after: shown)
        try reader.append(" a time", to: &tokens)
        #expect(read(shown + tokens, model) == "Once upon a time")
    }

    @Test("whole words come to the tokens that the model has for them")
    func words() throws {
        let model = try model("tiny")
        var tokens: [TokenID] = [], reader = TextTokens(model, after: [])
        for piece in ["The", " capital", " of", " Japan", " is", " Tokyo", "."] { try reader.append(piece, to: &tokens) }
        #expect(tokens == [325, 438, 333, 1032, 287, 940, 13])
    }

    @Test("a prompt's text comes to the same tokens at the server, where it can")
    func prompts() throws {
        let tiny = try model("tiny"), prompt: [TokenID] = [1161, 284, 198, 317, 287, 266, 438, 333, 1032, 30, 1162, 198, 1161, 281, 198]
        let spelling = PromptSpelling(prompt, tiny)
        #expect(spelling.isExact && spelling.text == "<|im_start|>user\nWhat is the capital of Japan?<|im_end|>\n<|im_start|>assistant\n")
        // Two tokens where the model has one.
        var split: [TokenID] = []
        for byte in ["T", "h", "e"] { try tiny.tokenizer.encode(PromptText(raw: byte), atMost: 8, into: &split) }
        #expect(split.count == 3 && PromptSpelling(split, tiny).text == "The" && !PromptSpelling(split, tiny).isExact)
        // The server puts the first token there by itself.
        let pieces = try model("pieces")
        var begun: [TokenID] = []
        try pieces.tokenizer.encode(PromptText(raw: "ab"), atMost: 8, into: &begun)
        #expect(begun.first == 1)
        let one = PromptSpelling(begun, pieces)
        #expect(one.isExact && !one.text.contains("<s>"))
    }

    /// A small one of the form that SentencePiece's models have: a blank becomes `▁`, one is put before each text, and bytes stand for the rest.
    private static let pieces: String = {
        var vocabulary = ["\"<unk>\":0", "\"<s>\":1", "\"</s>\":2"]
        for byte in 0..<256 {
            let digits = String(byte, radix: 16, uppercase: true)
            vocabulary.append("\"<0x\(digits.count == 1 ? "0" : "")\(digits)>\":\(byte + 3)")
        }
        for (index, piece) in ["▁", "a", "b", "c", "T", "h", "e", "▁c", "Th", "The", "▁The"].enumerated() {
            vocabulary.append("\"\(piece)\":\(259 + index)")
        }
        return """
            {"version":"1.0","truncation":null,"padding":null,"added_tokens":[
            {"id":0,"content":"<unk>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
            {"id":1,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
            {"id":2,"content":"</s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
            "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
            "pre_tokenizer":null,
            "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
            "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
            "special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}},
            "decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},
            {"type":"Strip","content":" ","start":1,"stop":0}]},
            "model":{"type":"BPE","dropout":null,"unk_token":"<unk>","continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":true,
            "byte_fallback":true,"ignore_merges":false,"vocab":{\(vocabulary.joined(separator: ","))},
            "merges":["▁ c","T h","Th e","▁ The"]}}
            """
    }()

    private static let config = #"{"bos_token":"<s>","eos_token":"</s>","chat_template":"{{ messages[0].content }}"}"#
}
