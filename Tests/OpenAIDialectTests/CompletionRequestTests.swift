import ClusterModel
import OpenAIDialect
import Testing

@Suite("Text completion requests") struct CompletionRequestTests {
    @Test(
        "prompts of every form",
        arguments: [
            (#""a b""#, GenerationRequest.Prompt.text("a b")), (#"["a"]"#, .text("a")), (#""""#, .text("")), ("[1,2]", .tokens([1, 2])),
            ("[[0,4294967295]]", .tokens([0, .max])), ("[7.0]", .tokens([7])),
        ])
    func prompts(json: String, expected: GenerationRequest.Prompt) throws {
        #expect(try completion(#"{"model":"m","prompt":\#(json)}"#).generation.prompt == expected)
    }

    @Test("what chat requests have not")
    func own() throws {
        let request = try completion(completionBody(#""echo":true,"best_of":2,"n":2,"suffix":"","stream":true"#))
        #expect(request.delivery.echoesPrompt && request.delivery.isStreamed)
        #expect(request.generation.choices == 2)
        #expect(request.generation.sampling.topLogprobs == nil)
        #expect(try completion(completionBody(#""logprobs":0"#)).generation.sampling.topLogprobs == 0)
        #expect(try completion(completionBody(#""logprobs":5"#)).generation.sampling.topLogprobs == 5)
        #expect(try completion(completionBody(#""nvext":{"use_raw_prompt":true}"#)).generation.prompt == .text("hi"))
    }

    @Test("a stop may be one text")
    func stop() throws {
        #expect(try completion(completionBody(#""stop":"\n""#)).generation.sampling.stopTexts == ["\n"])
        #expect(try completion(completionBody(#""stop":[]"#)).generation.sampling.stopTexts == [])
    }

    @Test("a model's defaults fill what the client left open, and nothing else")
    func defaults() throws {
        let json = #"{"temperature":0.6,"top_p":0.95,"top_k":20,"max_new_tokens":100,"eos_token_id":[1],"do_sample":true}"#
        let defaults = try GenerationDefaults.parse(Array(json.utf8))
        let sampling = try completion(completionBody(#""temperature":0,"min_tokens":2"#)).generation.sampling
            .filled(from: defaults).filled(from: .neutral)
        var expected = SamplingParameters.neutral
        expected.temperature = 0
        expected.topP = 0.95
        expected.topK = 20
        expected.maxTokens = 100
        expected.minTokens = 2
        #expect(sampling == expected)
        #expect(try GenerationDefaults.parse([]) == SamplingParameters())
        #expect(throws: DialectError.self) { try GenerationDefaults.parse(Array(#"{"top_p":"x"}"#.utf8)) }
        #expect(throws: DialectError.self) { try GenerationDefaults.parse(Array("[]".utf8)) }
    }
}
