import ClusterModel
import HTTPClient
import JSONText
import Testing

@testable import EngineAdapters
@testable import Engines

@Suite("What vLLM is asked")
struct VLLMQuestionTests {
    private func request(_ change: (inout EngineRequest) -> Void = { _ in }) -> EngineRequest {
        var request = EngineRequest(
            key: EngineRequestKey(1), rank: Rank(1), prompt: [1, 2, 3], sampling: EngineSampling(),
            choices: [EngineChoice(choice: 1, shown: [4], maxTokens: 9, minTokens: 2)], contextLimit: 100)
        change(&request)
        return request
    }

    private func asked(
        _ request: EngineRequest, takesTokens: Bool = false, ranks: Int = 1, hasPriorities: Bool = false
    ) throws -> (ServerQuestion, JSONValue) {
        let question = try VLLMQuestion(
            request, request.choices[0], id: "apus-1", model: "m", ranks: ranks, hasPriorities: hasPriorities
        ).question(takesTokens: takesTokens)
        return (question, try JSONValue(parsing: question.request.body))
    }

    @Test("a plain request says what it needs and nothing else", arguments: [true, false])
    func plain(takesTokens: Bool) throws {
        let (question, body) = try asked(request(), takesTokens: takesTokens)
        #expect(question.request.target == (takesTokens ? "/inference/v1/generate" : "/v1/completions"))
        #expect(question.countsFollow && !question.mustArrive && !question.holdsLastToken)
        let common = #""max_tokens":9,"min_tokens":2,"temperature":0.0"#
        let rest = #""model":"m","stream":true,"stream_options":{"include_usage":true}}"#
        #expect(
            String(decoding: body.encoded(), as: UTF8.self)
                == (takesTokens
                    ? #"{"request_id":"apus-1","token_ids":[1,2,3,4],"sampling_params":{\#(common)},\#(rest)"#
                    : #"{"request_id":"apus-1","prompt":[1,2,3,4],"return_token_ids":true,\#(common),\#(rest)"#))
    }

    @Test("all that sampling can be told is told")
    func sampling() throws {
        let (_, body) = try asked(
            request {
                $0.sampling.temperature = 0.5
                $0.sampling.topP = 0.25
                $0.sampling.topK = 7
                $0.sampling.minP = 0.125
                $0.sampling.seed = 41
                $0.sampling.presencePenalty = 1
                $0.sampling.frequencyPenalty = -1
                $0.sampling.repetitionPenalty = 1.5
                $0.sampling.ignoreEndOfText = true
                $0.sampling.stopTokens = [9, 8]
                $0.sampling.stopSequences = [EngineStopSequence(text: "\n\"", tokens: [])]
                $0.sampling.maxThinkingTokens = 5
                $0.sampling.topLogprobs = 3
                $0.sampling.logitBias = [
                    EngineLogitBias(token: 5, bias: 1), EngineLogitBias(token: 6, bias: -2), EngineLogitBias(token: 5, bias: 3),
                ]
                $0.salt = CacheSalt(bytes: (0..<16).map { $0 * 16 + 1 })
                $0.priority = 2.6
            }, hasPriorities: true)
        let expected: JSONValue = [
            "request_id": "apus-1", "prompt": [1, 2, 3, 4], "return_token_ids": true, "stop": ["\n\""], "max_tokens": 9, "min_tokens": 2,
            "temperature": 0.5, "top_p": 0.25, "top_k": 7, "min_p": 0.125, "seed": 42, "presence_penalty": 1.0, "frequency_penalty": -1.0,
            "repetition_penalty": 1.5, "ignore_eos": true, "stop_token_ids": [9, 8], "thinking_token_budget": 5,
            "logit_bias": ["5": 3.0, "6": -2.0], "logprobs": 3, "return_tokens_as_token_ids": true, "model": "m", "stream": true,
            "stream_options": ["include_usage": true], "cache_salt": "01112131415161718191a1b1c1d1e1f1", "priority": -3,
        ]
        #expect(body == expected)
    }

    @Test("of a priority nothing is said to a server without them")
    func priority() throws { #expect(try asked(request { $0.priority = 2 }).1["priority"] == nil) }

    @Test("a server of several ranks is told which", arguments: [1, 4])
    func rank(ranks: Int) throws {
        let header = try asked(request(), ranks: ranks).0.request.headers.first { $0.name == "X-data-parallel-rank" }
        #expect(header?.value == (ranks == 1 ? nil : "1"))
    }

    @Test("an output without a limit may fill the context")
    func unlimited() throws {
        #expect(try asked(request { $0.choices[0].maxTokens = nil }).1["max_tokens"]?.asInt == 96)
        #expect(try asked(request { $0.choices[0].maxTokens = 1_000 }).1["max_tokens"]?.asInt == 96)
    }

    @Test(
        "a constraint is told in the server's words",
        arguments: [
            (EngineConstraint.jsonObject, #"{"json_object":true}"#),
            (.jsonSchema(Array(#"{"type": "object"}"#.utf8)), #"{"json":{"type":"object"}}"#),
            (.regex(Array(#"a"b"#.utf8)), #"{"regex":"a\"b"}"#), (.grammar(Array("root ::= \"x\"".utf8)), #"{"grammar":"root ::= \"x\""}"#),
            (.choice(Array(#"["a","b"]"#.utf8)), #"{"choice":["a","b"]}"#),
        ])
    func constraint(constraint: EngineConstraint, text: String) throws {
        let body = try asked(request { $0.constraint = constraint }).1
        #expect(body["structured_outputs"].map { String(decoding: $0.encoded(), as: UTF8.self) } == text)
    }

    @Test("one that is none is refused by its name", arguments: [EngineConstraint.jsonSchema([0x7B]), .regex([0xFF]), .choice([])])
    func wrongConstraint(constraint: EngineConstraint) {
        #expect(throws: ServerProblem.unsupported("constraint")) { try asked(request { $0.constraint = constraint }) }
    }
}
