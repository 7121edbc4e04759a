import ClusterModel
import Engines
import ServiceRuntime
import TextProcessing
import Testing
import WorkerService

/// `--mock-says` and the formats of a model, with tokens of bytes and with the model that ships in `deploy/models/tiny`.
@Suite("What a mock is told to say")
struct MockSaysTests {
    private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    private static let folder = "\(root)/deploy/models/tiny"

    private struct Wrong: Error {}

    /// One file of answers beside those of the system.
    private func files(_ answers: String) -> FileReader {
        FileReader { (path, limit) throws(FileReadError) in
            guard path == "answers" else { return try FileReader.system.read(path, limit) }
            guard answers.utf8.count <= limit else { throw FileReadError(path: path, reason: "it is longer than \(limit) bytes") }
            return Array(answers.utf8)
        }
    }

    private func mock(_ arguments: [String], _ answers: String = "") throws -> MockConfiguration {
        let options = WorkerOptions()
        let resolution = options.table.resolve(arguments: arguments, environment: [:], files: files(answers))
        #expect(resolution.errors == [])
        guard case .mock(let mock) = try options.config(resolution.configuration).engine else { throw Wrong() }
        return mock
    }

    private func problems(_ answers: String, _ arguments: [String] = []) -> [String] {
        WorkerOptions().table.resolve(arguments: ["--mock-says", "answers"] + arguments, environment: [:], files: files(answers)).errors
            .map(\.problem)
    }

    /// What an engine with these options answers a prompt, special tokens shown.
    private func says(_ mock: MockConfiguration, to prompt: String, _ change: (inout EngineRequest) -> Void = { _ in }) throws -> String {
        let text = try ModelText.make(
            files: Dictionary(
                uniqueKeysWithValues: (mock.vocabulary?.files ?? [MockConfiguration.tokenizerFile]).map { ($0.name, $0.bytes) }))
        var tokens: [TokenID] = [], bytes: [UInt8] = []
        try text.encode(.text(prompt), TemplateContext(unixSeconds: 0), atMost: 10_000, into: &tokens)
        var request = EngineRequest(
            key: EngineRequestKey(1), rank: Rank(0), prompt: tokens, sampling: EngineSampling(),
            choices: [EngineChoice(choice: 0, maxTokens: nil)], contextLimit: 20_000)
        change(&request)
        var fast = mock
        fast.latency = LatencyModel(speedup: 0)
        let engine = MockEngine(fast)
        engine.admit(request)
        var output = StepOutput(), said: [TokenID] = []
        while engine.hasWork {
            output.removeAll()
            _ = try engine.step(at: .zero, into: &output)
            said += output.tokens
        }
        text.decode(said.span, showsSpecials: true, into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("the example is read, and says what it shows, in the tokens of any model", arguments: [false, true])
    func example(hasModel: Bool) throws {
        let model = hasModel ? ["--model", Self.folder] : []
        let mock = try mock(
            ["--mock-says", "\(Self.root)/deploy/engines/mock-answers.jsonl", "--reasoning-format", "think", "--tool-format", "hermes"]
                + model)
        let end = model.isEmpty ? "<|endoftext|>" : "<|im_end|>"
        #expect(mock.toolFormat == "hermes" && mock.reasoningFormat == "think" && mock.answers?.count == 7)
        #expect(try says(mock, to: "What is the capital of Japan?") == "Tokyo\(end)")
        #expect(try says(mock, to: "How is the weather?").hasPrefix("<tool_call>\n{\"name\": \"get_weather\", "))
        let calls = try says(mock, to: "How is the weather in these two cities?")
        #expect(calls.split(separator: "<tool_call>").count == 2 && calls.hasSuffix("</tool_call>\(end)"))
        #expect(try says(mock, to: "weather <tool_response>\n{}\n</tool_response>") == "It is 18 degrees and sunny.\(end)")
        let thought = try says(mock, to: "Please think about it.")
        #expect(
            thought.hasPrefix("<think>\nThe user wants")
                && thought.hasSuffix("behind it.\n</think>\n\nI have thought about it, and the answer is 42.\(end)"))
        #expect(try says(mock, to: "日本?").contains("日本の首都は東京です。🗼 Ça va"))
        #expect(try says(mock, to: "Hello").hasPrefix("I am a simulated model"))
        let cut = try says(mock, to: "Please think about it.") { $0.sampling.maxThinkingTokens = 3 }
        #expect(cut.utf8.count < thought.utf8.count && cut.hasSuffix("\n</think>\n\nI have thought about it, and the answer is 42.\(end)"))
        #expect(try says(mock, to: "Please think about it.<think>\n").hasPrefix("The user wants"))
    }

    @Test("an array is read as lines are; special tokens are tokens, and one that ends texts ends the answer")
    func forms() throws {
        let array = try mock(["--mock-says", "answers"], #" [ {"says": "a<|im_end|>"}, {"says": "b", "when": ["x", "y"]} ]"#)
        #expect(try says(array, to: "z") == "a<|im_end|>" && says(array, to: "y") == "b<|endoftext|>")
        let lines = try mock(["--mock-says", "answers"], "\n{\"says\": \"a\"}\r\n\n{\"says\": \"<|im_start|>b\", \"when\": \"x\"}")
        #expect(try says(lines, to: "z") == "a<|endoftext|>")
        var tokens = 0
        let said = try says(lines, to: "x") { tokens = $0.prompt.count }
        #expect(said == "<|im_start|>b<|endoftext|>" && tokens == 1)
    }

    @Test("a thought that stands in an answer with its markers is one, too; without a format it is written as most models do")
    func thoughts() throws {
        let answer = #"{"says": "<think>hm, well</think>yes"}"#
        let mock = try mock(["--mock-says", "answers", "--reasoning-format", "think"], answer)
        #expect(try says(mock, to: "x") == "<think>hm, well</think>yes<|endoftext|>")
        #expect(try says(mock, to: "x") { $0.sampling.maxThinkingTokens = 2 } == "<think>hm</think>yes<|endoftext|>")
        let none = try self.mock(["--mock-says", "answers", "--reasoning-format", "none"], #"{"says": "yes", "thinks": "hm"}"#)
        #expect(none.reasoningFormat == "none" && none.thoughts == nil)
        #expect(try says(none, to: "x") == "<think>\nhm\n</think>\n\nyes<|endoftext|>")
        for format in ReasoningFormat.allCases {
            let mock = try self.mock(
                ["--mock-says", "answers", "--reasoning-format", format.rawValue], #"{"says": "yes", "thinks": "hm"}"#)
            let said = try says(mock, to: "x")
            if let opener = format.opener, let closer = format.closer {
                #expect(said.hasPrefix(opener) && said.contains("\(closer)\n\nyes"))
            }
            #expect(said.contains("hm"))
        }
    }

    @Test("a mistake is said by line and member")
    func mistakes() {
        #expect(problems("") == ["there is no answer in it"])
        #expect(problems("\n{\"says\": 5}") == ["line 2: says: it must be a text"])
        #expect(problems(#"{"thinks": "x"}"#) == ["line 1: says: it is missing"])
        #expect(problems(#"{"says": "x", "when": []}"#) == ["line 1: when: it has 1 to 16 texts"])
        #expect(problems(#"{"says": "x", "when": ["a", ""]}"#) == ["line 1: when: an empty text stands in every prompt"])
        #expect(
            problems(#"[{"says": "x"}, {"say": "x"}]"#) == [#"entry 2: the member "say" is not known; there are says, thinks and when"#])
        #expect(problems("{\"says\": \"x\"}\n{\"says\": \"x\"") == ["line 2: the text ends too early, at byte 13"])
        #expect(problems("5") == ["line 1: it must be an object"])
        let long = String(repeating: "x", count: 256 << 10)
        #expect(problems("{\"says\": \"\(long)x\"}") == ["line 1: says: it is longer than 262144 bytes"])
        #expect(problems("{\"says\": \"\(long)\"}") == [])
        #expect(problems("{\"says\": \"\", \"when\": \"\(long)\"}") == ["line 1: when: it is longer than 4096 bytes"])
        let line = #"{"says": "x"}"# + "\n"
        #expect(problems(String(repeating: line, count: 1_025)) == ["it has more than 1024 answers"])
        #expect(problems(String(repeating: " ", count: 5 << 20)).count == 1)
    }

    @Test("a model's forms are named by those who know them, none among them; the card says what it was told, or nothing")
    func formats() throws {
        #expect(try mock([]).toolFormat == "" && mock([]).reasoningFormat == "")
        for format in ToolFormat.named { #expect(try mock(["--tool-format", format.rawValue]).toolFormat == format.rawValue) }
        let engine = MockEngine(try mock(["--tool-format", "none", "--reasoning-format", "apriel"]))
        #expect(engine.profile.model.toolFormat == "none" && engine.profile.model.reasoningFormat == "apriel")
        for wrong in [["--tool-format", "forced_list"], ["--tool-format", "Hermes"], ["--reasoning-format", "deepseek"]] {
            #expect(WorkerOptions().table.resolve(arguments: wrong, environment: [:], files: .system).errors.count == 1)
        }
    }

    @Test("a model's template tells how it thinks")
    func detected() throws {
        #expect(try mock(["--model", Self.folder]).thoughts == nil)
        let files = FileReader { (path, limit) throws(FileReadError) in
            guard path.hasSuffix("/chat_template.jinja") else { return try FileReader.system.read(path, limit) }
            return Array("{{ messages[0].content.split('[/THINK]')[0] + '[THINK]' }}".utf8)
        }
        let options = WorkerOptions()
        let resolution = options.table.resolve(arguments: ["--model", Self.folder], environment: [:], files: files)
        guard case .mock(let mock) = try options.config(resolution.configuration).engine else { throw Wrong() }
        #expect(mock.thoughts != nil && mock.reasoningFormat == "")
        #expect(try says(mock, to: "x[THINK]") { $0.constraint = .choice(Array(#"["a"]"#.utf8)) } == "\n[/THINK]\n\na<|im_end|>")
    }

    @Test("what has a given form is written in the model's tokens, and no text in it becomes a special one")
    func spelling() throws {
        let mock = try mock(["--model", Self.folder, "--reasoning-format", "think"])
        let choices = #"["naïve 日本 <|im_end|> 🗼"]"#
        #expect(try says(mock, to: "x") { $0.constraint = .choice(Array(choices.utf8)) } == "naïve 日本 <|im_end|> 🗼<|im_end|>")
        #expect(try says(mock, to: "x<think>\n") { $0.constraint = .choice(Array(#"["a"]"#.utf8)) } == "\n</think>\n\na<|im_end|>")
        let schema = EngineConstraint.jsonSchema(Array(#"{"type":"object","properties":{"a":{"const":"b c"}},"required":["a"]}"#.utf8))
        #expect(try says(mock, to: "x") { $0.constraint = schema } == #"{"a":"b c"}<|im_end|>"#)
        #expect(MockEngine(mock).profile.capabilities.contains(.constraints))
    }
}
