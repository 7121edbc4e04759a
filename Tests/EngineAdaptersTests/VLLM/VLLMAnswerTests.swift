import ClusterModel
import JSONText
import Testing

@testable import EngineAdapters
@testable import Engines

@Suite("What vLLM answers")
struct VLLMAnswerTests {
    private func read(_ text: String, tops: UInt32? = nil) throws -> AnswerPart {
        var request = EngineRequest(
            key: EngineRequestKey(1), rank: Rank(0), prompt: [1], sampling: EngineSampling(), choices: [], contextLimit: 9)
        request.sampling.stopTokens = [42]
        request.sampling.topLogprobs = tops
        var reader = VLLMAnswerReader(request), part = AnswerPart()
        try Array(text.utf8).withUnsafeBytes { bytes in try reader.read(bytes, into: &part) }
        return part
    }

    private func choice(_ members: String) throws -> AnswerPart { try read(#"{"choices":[{"index":0,"token_ids":[7],\#(members)}]}"#) }

    @Test("why a text ended")
    func finishes() throws {
        #expect(try choice(#""finish_reason":null"#).finish == nil)
        #expect(try choice(#""finish_reason":"length""#).finish == .length)
        #expect(try choice(#""finish_reason":"stop","stop_reason":null"#).finish == .endOfText)
        #expect(try choice(#""finish_reason":"stop","stop_reason":42"#).finish == .stopToken)
        #expect(try choice(#""finish_reason":"stop","stop_reason":2"#).finish == .endOfText)
        #expect(try choice(#""finish_reason":"stop","stop_reason":"END""#).finish == .stopSequence)
        #expect(throws: ServerProblem.failed(status: nil)) { try choice(#""finish_reason":"abort""#) }
    }

    @Test(
        "what makes no sense is an error and never a trap",
        arguments: [
            "", "null", "7", "[]", "{}", "{", #"{"choices":{}}"#, #"{"choices":[{},{}]}"#, #"{"choices":[{"index":1,"token_ids":[1]}]}"#,
            #"{"choices":[{"token_ids":7}]}"#, #"{"choices":[{"token_ids":["7"]}]}"#, #"{"choices":[{"token_ids":[-1]}]}"#,
            #"{"choices":[{"token_ids":[4294967296]}]}"#, #"{"choices":[{"token_ids":[1.5]}]}"#,
            #"{"choices":[{"token_ids":[1],"finish_reason":7}]}"#, #"{"choices":[{"token_ids":[1],"finish_reason":"never"}]}"#,
            #"{"choices":[{"text":"text and no tokens"}]}"#, #"{"choices":[{"token_ids":[7],"logprobs":{"content":7}}]}"#,
            #"{"choices":[{"token_ids":[7],"logprobs":{"content":[{"token_id":7}]}}]}"#,
            #"{"choices":[{"token_ids":[7],"logprobs":{"tokens":["x"],"token_logprobs":[-1]}}]}"#,
            #"{"choices":[{"token_ids":[7],"logprobs":{"tokens":["token_id:7"],"token_logprobs":[]}}]}"#,
            #"{"choices":[{"token_ids":[7],"logprobs":{}}]}"#, String(repeating: "[", count: 100_000),
        ])
    func nonsense(text: String) { #expect(throws: ServerProblem.self) { try read(text, tops: 1) } }

    @Test("counts of any size, and none, are read as what they are")
    func counts() throws {
        let part = try read(#"{"choices":[],"usage":{"prompt_tokens":99999999999,"prompt_tokens_details":{"cached_tokens":32}}}"#)
        #expect(part.promptTokens == .max && part.cachedTokens == 32)
        let none = try read(#"{"choices":[],"usage":{"prompt_tokens":-1,"prompt_tokens_details":null}}"#)
        #expect(none.promptTokens == nil && none.cachedTokens == nil)
    }

    @Test("candidates are those that were asked for, likeliest first, wherever the drawn token ranks")
    func candidates() throws {
        let event = #"""
            {"choices":[{"token_ids":[7],"logprobs":{"content":[{"token_id":7,"logprob":-5,"rank":9,"top_logprobs":[
            {"token_id":7,"logprob":-5,"rank":9},{"token_id":3,"logprob":-1,"rank":1},{"token_id":4,"logprob":-2,"rank":2}]}]}}]}
            """#
        let part = try read(event, tops: 2)
        #expect(part.logprobs.map(\.chosen) == [ScoredToken(token: 7, logprob: -5)])
        #expect(part.logprobs.first?.top.map(\.token) == [3, 4])
        #expect(try read(event).logprobs.isEmpty)
    }

    @Test("facts that are wrong are refused by where they stand")
    func facts() {
        for body in ["{", "{}", #"{"data":[]}"#, #"{"data":[{"id":7}]}"#, #"{"data":[{"id":"a b"}]}"#] {
            var facts = VLLMFacts()
            #expect(throws: ServerProblem.self) { try facts.read(models: Array(body.utf8), wanted: nil) }
        }
    }

    @Test("adapters are those of the model that is served")
    func adapters() throws {
        var facts = VLLMFacts()
        try facts.read(
            models: Array(
                #"""
                {"data":[{"id":"other","root":"o"},{"id":"base","root":"r","max_model_len":64},
                {"id":"b","parent":"base"},{"id":"a","parent":"r"},{"id":"c","parent":"other"}]}
                """#.utf8), wanted: "base")
        #expect(facts.model == "base" && facts.root == "r" && facts.contextLength == 64 && facts.adapters == ["a", "b"])
    }

    @Test("metrics with anything in them give what is known of them")
    func metrics() {
        let text = """
            # HELP x y
            vllm:num_requests_running{engine="1",model_name="a,b\\"}"} 3.0 1700000000
            vllm:num_requests_waiting{engine="0"} 2
            vllm:kv_cache_usage_perc{engine="0"} NaN
            vllm:kv_cache_usage_perc{engine="7"} 0.5
            vllm:num_requests_waiting{engine="0"
            vllm:num_requests_running{engine
            vllm:num_requests_running
            """
        let ranks = VLLMFigures.ranks(in: Array(text.utf8), count: 2)
        #expect(ranks[0]?.waitingRequests == 2 && ranks[0]?.blocksInUse == 0 && ranks[1]?.runningRequests == 3)
    }
}
