import ClusterModel
import Testing
import TextProcessing

@Suite("A model's text") struct ModelTextTests {
    private func make(_ json: String) throws(TextError) -> ModelText { try ModelText.make(files: [ByteModelFile.name: Array(json.utf8)]) }

    private func encode(_ prompt: GenerationRequest.Prompt, atMost limit: Int = 100) throws(TextError) -> [TokenID] {
        var tokens: [TokenID] = [7]
        try ModelText.make(files: [ByteModelFile.name: ByteModelFile.standard])
            .encode(prompt, TemplateContext(unixSeconds: 0), atMost: limit, into: &tokens)
        return Array(tokens.dropFirst())
    }

    @Test("the standard file makes a model of 259 tokens")
    func standard() throws {
        let model = try ModelText.make(files: [ByteModelFile.name: ByteModelFile.standard])
        #expect(model.vocabulary.count == 259)
        #expect(model.endTokens == [256, 258])
        #expect(model.vocabulary.specials.map(\.text) == ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
        #expect(model.vocabulary.specials.map(\.token) == [256, 257, 258])
    }

    @Test("prompts of each kind become tokens behind what is there already")
    func prompts() throws {
        #expect(try encode(.text("a<|endoftext|>")) == [0x61, 256])
        #expect(try encode(.tokens([258, 0])) == [258, 0])
        let hi = Conversation(messages: [ChatMessage(role: .user, content: .text("x"))], addsGenerationPrompt: false)
        #expect(try encode(.conversation(hi)) == [257] + Array("user\nx".utf8).map(TokenID.init) + [258, 10])
    }

    @Test("prompts that cannot run are refused")
    func refused() {
        #expect(throws: TextError.emptyPrompt) { try encode(.text("")) }
        #expect(throws: TextError.emptyPrompt) { try encode(.tokens([])) }
        #expect(throws: TextError.tokenOutOfRange(index: 1, vocabularySize: 259)) { try encode(.tokens([258, 259])) }
        #expect(throws: TextError.promptTooLong(limit: 2)) { try encode(.tokens([1, 2, 3]), atMost: 2) }
        #expect(throws: TextError.promptTooLong(limit: 2)) { try encode(.text("abc"), atMost: 2) }
    }

    @Test("files that are missing or unknown are refused by name")
    func files() {
        #expect(throws: TextError.noTokenizer) { try ModelText.make(files: [:]) }
        #expect(throws: TextError.noTokenizer) { try ModelText.make(files: ["tokenizer_config.json": []]) }
        #expect(throws: TextError.unknownFile("vocab.txt")) {
            try ModelText.make(files: ["tokenizer.json": [], ByteModelFile.name: ByteModelFile.standard, "vocab.txt": []])
        }
        #expect(throws: TextError.unknownFile("a?b?")) { try ModelText.make(files: ["a\u{1B}bé": []]) }
    }

    @Test(
        "what is wrong in the file is named with its place",
        arguments: [
            ("[]", "", "must be a JSON object"), ("{", "", "the text ends too early (line 1, column 2)"),
            (#"{"kind":"bytes","extra":1}"#, "extra", "is not known here"), ("{}", "kind", "is missing"),
            (#"{"kind":1}"#, "kind", "must be a string"), (#"{"kind":"bpe"}"#, "kind", "must be \"bytes\""),
            (#"{"kind":"bytes","specials":{}}"#, "specials", "must be an array of strings"),
            (#"{"kind":"bytes","specials":["a",2]}"#, "specials[1]", "must be a string"),
            (#"{"kind":"bytes","specials":[""]}"#, "specials[0]", "must have 1 to 128 bytes"),
            (#"{"kind":"bytes","specials":["a","a"]}"#, "specials[1]", "is there twice"),
            (#"{"kind":"bytes","specials":["a"],"endOfText":["b"]}"#, "endOfText[0]", "is not one of the specials"),
            (#"{"kind":"bytes","specials":["é"],"endOfText":["e\u0301"]}"#, "endOfText[0]", "is not one of the specials"),
            (#"{"kind":"bytes","specials":["a"],"endOfText":["a"],"template":"x"}"#, "template", "must be \"chatml\""),
            (#"{"kind":"bytes","specials":["a"],"endOfText":[],"template":"chatml"}"#, "specials", "the template needs <|im_start|>"),
        ])
    func mistakes(json: String, path: String, reason: String) {
        #expect(throws: TextError.invalidFile(name: ByteModelFile.name, path: path, reason: reason)) { try make(json) }
    }

    @Test("errors read as sentences")
    func descriptions() {
        #expect(TextError.invalidFile(name: "f", path: "a[1]", reason: "is odd").description == "f: a[1]: is odd")
        #expect(TextError.noTokenizer.description.contains(ByteModelFile.name))
    }
}
