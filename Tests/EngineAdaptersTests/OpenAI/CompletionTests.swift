import ClusterModel
import JSONText
import Testing

@testable import EngineAdapters
@testable import Engines

@Suite("What a server of OpenAI's API is asked, and says")
struct CompletionTests {
    private func request(_ change: (inout EngineRequest) -> Void = { _ in }) -> EngineRequest {
        var request = EngineRequest(
            key: EngineRequestKey(1), rank: Rank(0), prompt: [325, 438], sampling: EngineSampling(),
            choices: [EngineChoice(choice: 0, maxTokens: 16)], contextLimit: 1_024)
        change(&request)
        return request
    }

    private func question(_ request: EngineRequest, _ abilities: CompletionAbilities) throws -> CompletionQuestion {
        CompletionQuestion(
            request: request, choice: request.choices[0], model: "m", text: try ServedScene.settings().text, abilities: abilities)
    }

    @Test("a plain request says what every server takes, and the prompt as tokens where those are taken")
    func plain() throws {
        #expect(
            try JSONValue(parsing: question(request(), []).body())
                == ["model": "m", "prompt": "The capital", "max_tokens": 16, "temperature": 0.0, "stream": true])
        #expect(
            try JSONValue(parsing: question(request(), [.tokenPrompts, .usage]).body())
                == [
                    "model": "m", "prompt": [325, 438], "max_tokens": 16, "temperature": 0.0, "stream": true,
                    "stream_options": ["include_usage": true],
                ])
    }

    @Test("everything that can be asked for has its place")
    func full() throws {
        let full = request { request in
            request.choices = [EngineChoice(choice: 1, shown: [333], maxTokens: 5, minTokens: 2)]
            request.sampling.temperature = 0.5
            request.sampling.topP = 0.25
            request.sampling.topK = 20
            request.sampling.minP = 0.125
            request.sampling.seed = UInt64.max
            request.sampling.presencePenalty = 1
            request.sampling.frequencyPenalty = -1
            request.sampling.repetitionPenalty = 1.5
            request.sampling.ignoreEndOfText = true
            request.sampling.stopTokens = [5]
            request.sampling.logitBias = [EngineLogitBias(token: 9, bias: 1)]
        }
        let asked = try question(full, CompletionAbilities(rawValue: .max))
        #expect(asked.unsupportedField == nil)
        #expect(
            try JSONValue(parsing: asked.body())
                == [
                    "model": "m", "prompt": [325, 438, 333], "max_tokens": 5, "temperature": 0.5, "stream": true,
                    "stream_options": ["include_usage": true], "top_p": 0.25, "top_k": 20, "min_p": 0.125, "seed": 0,
                    "presence_penalty": 1.0, "frequency_penalty": -1.0, "repetition_penalty": 1.5, "logit_bias": ["9": 1.0],
                    "ignore_eos": true, "min_tokens": 2, "stop_token_ids": [5],
                ])
    }

    @Test("what a server does not take is not asked of it, but refused by name")
    func unsupported() throws {
        func field(_ change: (inout EngineRequest) -> Void) throws -> String? { try question(request(change), []).unsupportedField }
        #expect(try field { _ in } == nil)
        // It draws nothing, so that nothing of how to draw matters.
        #expect(try field { $0.sampling.topK = 5 } == nil)
        let drawing: (inout EngineRequest) -> Void = { $0.sampling.temperature = 1 }
        #expect(
            try field {
                drawing(&$0); $0.sampling.topK = 5
            } == "topK")
        #expect(
            try field {
                drawing(&$0); $0.sampling.minP = 0.5
            } == "minP")
        #expect(try field { $0.sampling.repetitionPenalty = 1.5 } == "repetitionPenalty")
        #expect(try field { $0.sampling.presencePenalty = 1 } == "presencePenalty")
        #expect(try field { $0.sampling.frequencyPenalty = 1 } == "frequencyPenalty")
        #expect(try field { $0.sampling.logitBias = [EngineLogitBias(token: 1, bias: 1)] } == "logitBias")
        #expect(try field { $0.sampling.ignoreEndOfText = true } == "ignoreEndOfText")
        #expect(try field { $0.choices[0].minTokens = 1 } == "minTokens")
        #expect(try field { $0.sampling.stopTokens = [1] } == "stopTokens")
        #expect(try field { $0.sampling.topLogprobs = 0 } == "topLogprobs")
        #expect(try field { $0.constraint = .jsonObject } == "constraint")
        #expect(try field { $0.adapter = "a" } == "loRA")
        #expect(try field { $0.sampling.maxThinkingTokens = 1 } == "maxThinkingTokens")
    }

    // MARK: Answers

    private func read(_ events: [String], room: Int = 16) throws -> (tokens: [TokenID], finish: EngineFinish?, part: AnswerPart) {
        var reader = CompletionReader(try ServedScene.settings().text, after: [], room: room)
        var tokens: [TokenID] = [], finish: EngineFinish?, part = AnswerPart()
        for event in events {
            part.removeAll()
            try Array(event.utf8).withUnsafeBytes { (bytes) throws in try reader.read(bytes, into: &part) }
            tokens += part.tokens
            finish = part.finish ?? finish
        }
        return (tokens, finish, part)
    }

    @Test(
        "an end is told in the words of servers",
        arguments: [
            ("stop", EngineFinish.endOfText), ("eos_token", .endOfText), ("length", .length), ("content_filter", .contentFilter),
        ])
    func ends(_ word: String, _ finish: EngineFinish) throws {
        let read = try read([#"{"choices":[{"text":"The"}]}"#, #"{"choices":[{"text":"","finish_reason":"\#(word)"}]}"#])
        #expect(read.tokens == [325] && read.finish == finish)
    }

    @Test("a choice has no more tokens than were asked for, by our count")
    func room() throws {
        let read = try read(
            [#"{"choices":[{"text":"The capital of Japan"}]}"#, #"{"choices":[{"text":" is","finish_reason":"stop"}]}"#], room: 3)
        #expect(read.tokens == [325, 438, 333] && read.finish == .length)
    }

    @Test("counts come with the last event, which may have no choice")
    func counts() throws {
        let part = try read([#"{"choices":[],"usage":{"prompt_tokens":15,"prompt_tokens_details":{"cached_tokens":14}}}"#]).part
        #expect(part.promptTokens == 15 && part.cachedTokens == 14)
        #expect(try read([#"{"choices":[{"text":"a"}],"usage":null}"#]).part.promptTokens == nil)
    }

    @Test(
        "an event that is none is refused by name",
        arguments: [
            ("", ""), ("[]", "object"), (#"{"choices":1}"#, "choices"), (#"{"choices":[{},{}]}"#, "choices"),
            (#"{"choices":[{"text":1}]}"#, "choices[0].text"), (#"{"choices":[{"finish_reason":"tired"}]}"#, "choices[0].finish_reason"),
            (#"{"choices":[{"finish_reason":1}]}"#, "choices[0].finish_reason"),
            (#"{"usage":{"prompt_tokens":-1}}"#, "usage.prompt_tokens"),
            (#"{"error":"it broke"}"#, "within its answer"), (#"{"error":{"code":503}}"#, "503"),
        ] as [(String, String)])
    func hostile(_ event: String, _ member: String) {
        let problem = #expect(throws: ServerProblem.self) { try read([event]) }
        #expect(problem?.description.contains(member) ?? false)
    }
}
