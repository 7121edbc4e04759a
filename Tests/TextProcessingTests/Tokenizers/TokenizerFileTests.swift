import ClusterModel
import JSONText
import Testing

@testable import TextProcessing

@Suite("tokenizer.json") struct TokenizerFileTests {
    private static let good = #"""
        {"added_tokens":[{"id":4,"content":"<s>","special":true}],"normalizer":null,"pre_tokenizer":null,"post_processor":null,
        "decoder":{"type":"Fuse"},"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"?":3},"merges":["a b"]}}
        """#

    private func error(_ text: String) -> TextError? {
        do throws(TextError) {
            _ = try BPETokenizer(parsing: Array(text.utf8))
            return nil
        } catch { return error }
    }

    @Test("the file that the others are made of is good") func good() { #expect(error(Self.good) == nil) }

    @Test(
        "what is wrong is named with its place",
        arguments: [
            ("{", "", ""), ("[]", "", "must be a JSON object"), ("{}", "model", "is missing"),
            (#""BPE""#, "model.type", "Unigram is not supported"),
            (#""merges":["a b"]"#, "model.merges[0]", "names or makes a token that is not in the vocabulary"),
            (#"["a b"]"#, "model.merges[0]", "must be two texts, or one with a blank between them"),
            (#""a":0"#, #"model.vocab["a"]"#, "(entry 0) must be a whole number from 0 to 2097151"),
            (#""b":1"#, #"model.vocab["b"]"#, "(entry 1) has the id of another token"),
            (#""id":4"#, "added_tokens[0].id", "must be a whole number from 0 to 2097151"),
            (#""<s>""#, "added_tokens[0].content", "must not be empty"),
            (#""special":true"#, "added_tokens[0].special", "must be true or false"),
            (#""decoder":{"type":"Fuse"}"#, "decoder", "is missing"), (#""Fuse""#, "decoder.type", "CTC is not supported"),
            (#""normalizer":null"#, "normalizer.normalizers[1].type", "Nmt is not supported"),
            (#""pre_tokenizer":null"#, "pre_tokenizer.pattern.Regex", "is a pattern that cannot be read: missing closing parenthesis"),
            (#""post_processor":null"#, "post_processor.cls[1]", "must be a token of the vocabulary"),
        ])
    func mistakes(part: String, path: String, reason: String) throws {
        let replacements = [
            #""BPE""#: #""Unigram""#, #""merges":["a b"]"#: #""merges":[["a","c"]]"#, #"["a b"]"#: #"["a b c"]"#, #""a":0"#: #""a":1e9"#,
            #""b":1"#: #""b":0"#, #""id":4"#: #""id":1000000000"#, #""<s>""#: #""""#, #""special":true"#: #""special":1"#,
            #""decoder":{"type":"Fuse"}"#: #""decoder":null"#, #""Fuse""#: #""CTC""#,
            #""normalizer":null"#: #""normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Nmt"}]}"#,
            #""pre_tokenizer":null"#:
                #""pre_tokenizer":{"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated","invert":false}"#,
            #""post_processor":null"#: #""post_processor":{"type":"BertProcessing","sep":["a",0],"cls":["z",99]}"#,
        ]
        let text = replacements[part].map { Self.good.replacing(part, with: $0) } ?? part
        guard case .invalidFile(let name, let foundPath, let foundReason) = try #require(error(text)) else {
            Issue.record("another kind of error")
            return
        }
        #expect(name == "tokenizer.json")
        #expect(foundPath == path)
        #expect(reason.isEmpty || foundReason == reason)
    }

    @Test(
        "what would be read and not done is refused",
        arguments: [
            (#""dropout":0.1,"#, "model.dropout"), (#""end_of_word_suffix":"</w>","#, "model.end_of_word_suffix"),
            (#""continuing_subword_prefix":"@","#, "model.continuing_subword_prefix"), (#""unk_token":"x","#, "model.unk_token"),
        ])
    func refused(member: String, path: String) throws {
        let text = Self.good.replacing(#""vocab":"#, with: member + #""vocab":"#)
        guard case .invalidFile(_, path, _) = try #require(error(text)) else {
            Issue.record("another place: \(error(text)!)")
            return
        }
    }

    private func refusal(_ file: SmallTokenizer) -> String? {
        guard case .invalidFile(_, let path, let reason) = error(String(decoding: file.file, as: UTF8.self)) else { return nil }
        return "\(path): \(reason)"
    }

    private static func replace(_ old: String, _ new: String) -> JSONValue {
        ["type": "Replace", "pattern": ["String": .string(old)], "content": .string(new)]
    }

    @Test("no file makes long texts out of short ones") func growth() throws {
        let long = String(repeating: "a", count: TextLimits.replacementBytes)
        var decoder = SmallTokenizer(["a", "b"])
        decoder.decoder = Self.replace("a", long + "a")
        #expect(refusal(decoder) == "decoder.content: has more than 512 bytes")
        decoder.decoder = Self.replace("a", long)
        #expect(refusal(decoder) == nil)
        decoder.decoder = ["type": "Sequence", "decoders": [Self.replace("a", long), Self.replace("a", long)]]
        #expect(refusal(decoder) == "decoder: makes too many bytes of token 0")
        var normalizer = SmallTokenizer(["a", "b"])
        normalizer.normalizer = ["type": "Sequence", "normalizers": [Self.replace("a", long), Self.replace("a", long)]]
        #expect(refusal(normalizer) == nil)
        #expect(throws: TextError.wordTooLong(limit: TextLimits.promptBytes)) { try normalizer.ids(String(repeating: "a", count: 300)) }
        normalizer.add(2, "a>", ["normalized"])
        #expect(refusal(normalizer) == "normalizer: makes too many bytes of the added token 2")
    }

    @Test("added tokens are bounded in all") func addedBytes() {
        var file = SmallTokenizer(["a", "b"])
        let count = TextLimits.addedTokensBytes / TextLimits.addedTokenBytes
        for index in 0...count { file.add(2 + index, String(index + 1000) + String(repeating: "x", count: TextLimits.addedTokenBytes - 4)) }
        #expect(refusal(file) == "added_tokens[\(count)]: has, with those before, more than \(TextLimits.addedTokensBytes) bytes")
        file.added.removeLast()
        #expect(refusal(file) == nil)
    }

    @Test("a decoder makes bytes once", arguments: ["ByteLevel", "ByteFallback"]) func bytesTwice(first: String) {
        var file = SmallTokenizer(["<0xF0>", "ð"])
        file.decoder = ["type": "Sequence", "decoders": [["type": .string(first)], ["type": "ByteLevel"]]]
        #expect(refusal(file) == "decoder.decoders[1]: must not stand behind another step that makes bytes")
        // A code point that is cut off is in no alphabet.
        var read: [UInt8] = []
        #expect(!([0x61, 0xC4] as [UInt8]).withUnsafeBufferPointer { ByteAlphabet.append(bytesOf: $0, to: &read) })
        #expect(read.isEmpty)
    }

    @Test("bytes without a token are not lost where the file has an unknown token") func unknownBytes() {
        var file = SmallTokenizer.bytes()
        file.model = [("unk_token", "!")]
        #expect(refusal(file) == nil)
        file.vocabulary.removeAll { $0.0 == "7" }
        #expect(refusal(file) == "model.unk_token: must be null, or the vocabulary have a token for each byte")
        file.model = []
        #expect(refusal(file) == nil)
    }

    @Test("an added token must have the id that Hugging Face's tokenizers gives it", arguments: [(4, true), (5, false), (0, false)])
    func ids(id: Int, isRight: Bool) {
        #expect((error(Self.good.replacing(#""id":4"#, with: "\"id\":\(id)")) == nil) == isRight)
    }

    @Test("nesting is bounded") func depth() {
        let deep = String(repeating: #"{"type":"Sequence","normalizers":["#, count: 100_000)
        #expect(error(Self.good.replacing(#""normalizer":null"#, with: #""normalizer":"# + deep)) != nil)
        let wide = Array(repeating: #"{"type":"NFC"}"#, count: 33).joined(separator: ",")
        let normalizer = #""normalizer":{"type":"Sequence","normalizers":["# + wide + "]}"
        #expect(error(Self.good.replacing(#""normalizer":null"#, with: normalizer)) != nil)
    }

    @Test("damaged files are errors or tokenizers, never traps", arguments: 0..<300 as Range<UInt64>)
    func damage(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var file = SmallTokenizer.bytes(merges: [("a", "b"), ("ab", "c")])
        file.add(258, "<s>")
        file.preTokenizer = SmallTokenizer.split(#"\s+|\w+"#, "Isolated")
        var bytes = file.file
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0x20...0x7E, using: &random)
            case 1: bytes.remove(at: place)
            default: bytes.insert(contentsOf: Array("[{\"a\":0}]".utf8).prefix(Int.random(in: 1...9, using: &random)), at: place)
            }
        }
        guard let tokenizer = try? BPETokenizer(parsing: bytes) else { return }
        _ = try? tokenizer.ids(PromptText(raw: random.text(scalars: 50)))
    }
}
