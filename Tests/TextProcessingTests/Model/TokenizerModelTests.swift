import ClusterModel
import Testing
import TextProcessing

@Suite("Models as Hugging Face's libraries write them")
struct TokenizerModelTests {
    private static let tokenizer = "tokenizer.json", config = "tokenizer_config.json"

    private func make(_ files: [String: String]) throws(TextError) -> ModelText {
        var contents = files.mapValues { Array($0.utf8) }
        contents[Self.tokenizer] = try? TinyModel.file(Self.tokenizer)
        return try ModelText.make(files: contents)
    }

    private func rendered(_ text: ModelText, tools: Bool = false) throws -> String {
        let message = ChatMessage(role: .user, content: .text("hi"))
        let conversation = Conversation(messages: [message], tools: tools ? [ToolDefinition(name: "f", json: "{}")] : [])
        let prompt = try #require(try text.prompt(.conversation(conversation), TemplateContext(unixSeconds: 0)))
        return String(decoding: prompt.utf8, as: UTF8.self)
    }

    @Test("the tiny model says a chat in its own tokens, and reads them back")
    func tiny() throws {
        let text = try TinyModel.text()
        #expect(text.endTokens == [1_162])
        let message = ChatMessage(role: .user, content: .text("What is the capital of Japan?"))
        var tokens: [TokenID] = []
        try text.encode(.conversation(Conversation(messages: [message])), TemplateContext(unixSeconds: 0), atMost: 100, into: &tokens)
        #expect(tokens.first == 1_161 && tokens.count { $0 == 1_161 } == 2 && tokens.count { $0 == 1_162 } == 1)
        var shown: [UInt8] = [], all: [UInt8] = []
        text.decode(tokens.span, into: &shown)
        text.decode(tokens.span, showsSpecials: true, into: &all)
        #expect(String(decoding: shown, as: UTF8.self) == "user\nWhat is the capital of Japan?\nassistant\n")
        #expect(
            String(decoding: all, as: UTF8.self)
                == "<|im_start|>user\nWhat is the capital of Japan?<|im_end|>\n<|im_start|>assistant\n")
    }

    @Test("what ends a text is what either file names, each once")
    func endTokens() throws {
        let end = #"{"eos_token": "<|im_end|>"}"#
        #expect(try make([:]).endTokens == [])
        #expect(try make([Self.config: end]).endTokens == [1_162])
        #expect(try make([Self.config: #"{"eos_token": {"content": "<|im_end|>", "lstrip": false}}"#]).endTokens == [1_162])
        #expect(try make(["special_tokens_map.json": end]).endTokens == [1_162])
        #expect(try make(["generation_config.json": #"{"eos_token_id": 1160}"#]).endTokens == [1_160])
        #expect(
            try make([Self.config: end, "generation_config.json": #"{"eos_token_id": [1162, 1160, 5000]}"#]).endTokens == [1_160, 1_162])
        #expect(try make([Self.config: #"{"eos_token": null}"#]).endTokens == [])
    }

    @Test("names are the same if their bytes are")
    func names() throws {
        let named =
            #"{"chat_template":[{"name":"default","template":"a"},{"name":"é","template":"b"},{"name":"e\u0301","template":"c"}]}"#
        #expect(try rendered(make([Self.config: named])) == "a")
        let twice = #"{"chat_template": [{"name": "e\u0301", "template": "b"}, {"name": "e\u0301", "template": "c"}]}"#
        #expect(throws: TextError.self) { try make([Self.config: twice]) }
    }

    @Test("a file of its own comes before a template in the configuration; named ones are found where a request has tools")
    func templates() throws {
        let one = #"{"chat_template": "{{ 'config' }}"}"#
        #expect(try rendered(make([Self.config: one])) == "config")
        #expect(try rendered(make([Self.config: one, "chat_template.json": #"{"chat_template": "json"}"#])) == "json")
        let all = [Self.config: one, "chat_template.json": #"{"chat_template": "json"}"#, "chat_template.jinja": "own"]
        #expect(try rendered(make(all)) == "own")
        let named = #"{"chat_template": [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "tools"}]}"#
        #expect(try rendered(make([Self.config: named])) == "plain")
        #expect(try rendered(make([Self.config: named]), tools: true) == "tools")
        #expect(try rendered(make([Self.config: named, "chat_template.jinja": "own"])) == "own")
    }

    @Test("a model without a template completes text, and says so of chats")
    func noTemplate() throws {
        let text = try make([:])
        #expect(throws: TextError.self) { try rendered(text) }
        var tokens: [TokenID] = []
        try text.encode(.text("Once upon a time"), TemplateContext(unixSeconds: 0), atMost: 100, into: &tokens)
        #expect(!tokens.isEmpty)
    }

    @Test(
        "what is wrong in a file is named with its place",
        arguments: [
            ("tokenizer_config.json", #"{"eos_token": 1}"#, "eos_token"),
            ("tokenizer_config.json", #"{"chat_template": 1}"#, "chat_template"),
            ("tokenizer_config.json", #"{"chat_template": [{"name": "default"}]}"#, "chat_template[0]"),
            (
                "tokenizer_config.json", #"{"chat_template": [{"name": "a", "template": ""}, {"name": "a", "template": ""}]}"#,
                "chat_template[1]"
            ),
            ("chat_template.json", "{}", "chat_template"), ("generation_config.json", #"{"eos_token_id": "x"}"#, "eos_token_id"),
            ("generation_config.json", #"{"eos_token_id": [-1]}"#, "eos_token_id"), ("special_tokens_map.json", "[]", ""),
        ])
    func faults(name: String, contents: String, path: String) throws {
        let error = #expect(throws: TextError.self) { try make([name: contents]) }
        guard case .invalidFile(name, path, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a template that cannot be used is the model's fault, by line")
    func badTemplate() throws {
        let error = #expect(throws: TextError.self) { try make(["chat_template.jinja": "a\nb{% if %}"]) }
        guard case .invalidFile(_, _, let reason)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("line 2"), "\(reason)")
    }
}
