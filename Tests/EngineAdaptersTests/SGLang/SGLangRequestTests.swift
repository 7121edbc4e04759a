import ClusterModel
import JSONText
import Testing

@testable import EngineAdapters
@testable import Engines

@Suite("What SGLang is asked")
struct SGLangRequestTests {
    private func request(_ change: (inout EngineRequest) -> Void = { _ in }) -> EngineRequest {
        var request = EngineRequest(
            key: EngineRequestKey(1), rank: Rank(0), prompt: [1161, 284], sampling: EngineSampling(),
            choices: [EngineChoice(choice: 0, maxTokens: 16)], contextLimit: 1_024)
        change(&request)
        return request
    }

    private func server(_ change: (inout SGLangServer) -> Void = { _ in }) -> SGLangServer {
        var server = SGLangServer(
            version: "0.5.23", modelName: "tiny", weights: "tiny", contextLength: 1_024, pageSize: 32, totalTokens: 4_096)
        change(&server)
        return server
    }

    private func body(_ request: EngineRequest, _ server: SGLangServer, _ meeting: SGLangMeeting? = nil) throws -> JSONValue {
        var asked = SGLangRequest(request: request, choice: request.choices[0], name: "apus-1-0.", server: server)
        asked.meeting = meeting
        return try JSONValue(parsing: asked.body())
    }

    @Test("a plain request says nothing that is neutral")
    func plain() throws {
        let expected: JSONValue = [
            "rid": "apus-1-0.", "input_ids": [1161, 284], "sampling_params": ["max_new_tokens": 16, "temperature": 0.0], "stream": true,
        ]
        #expect(try body(request(), server()) == expected)
    }

    @Test("everything that can be asked for has its place")
    func full() throws {
        let full = request { request in
            request.rank = Rank(3)
            request.adapter = "sql"
            request.salt = CacheSalt(bytes: Array(0..<16))
            request.priority = 2.4
            request.choices = [EngineChoice(choice: 2, shown: [7], maxTokens: 5, minTokens: 9)]
            request.sampling.temperature = 0.5
            request.sampling.topP = 0.25
            request.sampling.topK = 20
            request.sampling.minP = 0.125
            request.sampling.seed = UInt64.max
            request.sampling.presencePenalty = 1
            request.sampling.frequencyPenalty = -1
            request.sampling.repetitionPenalty = 1.5
            request.sampling.ignoreEndOfText = true
            request.sampling.stopTokens = [5, 6]
            request.sampling.topLogprobs = 4
            request.sampling.logitBias = [
                EngineLogitBias(token: 9, bias: 1), EngineLogitBias(token: 8, bias: -2), EngineLogitBias(token: 9, bias: 3),
            ]
            request.constraint = .jsonSchema(Array(#"{"type":"integer"}"#.utf8))
        }
        let server = server {
            $0.ranks = 4
            $0.prioritizes = true
            $0.lowPriorityFirst = true
        }
        let expected: JSONValue = [
            "rid": "apus-1-0.", "input_ids": [1161, 284, 7],
            "sampling_params": [
                "max_new_tokens": 5, "min_new_tokens": 5, "temperature": 0.5, "top_p": 0.25, "top_k": 20, "min_p": 0.125,
                "sampling_seed": 1, "presence_penalty": 1.0, "frequency_penalty": -1.0, "repetition_penalty": 1.5, "ignore_eos": true,
                "stop_token_ids": [5, 6], "logit_bias": ["9": 3.0, "8": -2.0], "json_schema": #"{"type":"integer"}"#,
            ], "stream": true, "return_logprob": true, "logprob_start_len": -1, "top_logprobs_num": 4, "lora_path": "sql",
            "extra_key": "000102030405060708090a0b0c0d0e0f", "priority": -2, "routed_dp_rank": 3,
        ]
        #expect(try body(full, server) == expected)
    }

    @Test("a forms of output has its member, a list of choices a pattern")
    func constraints() throws {
        func sampling(_ constraint: EngineConstraint) throws -> JSONValue? {
            try body(request { $0.constraint = constraint }, server())["sampling_params"]
        }
        #expect(try sampling(.jsonObject)?["json_schema"]?.asString == #"{"type":"object"}"#)
        #expect(try sampling(.regex(Array("a+".utf8)))?["regex"]?.asString == "a+")
        #expect(try sampling(.grammar(Array("root ::= \"a\"".utf8)))?["ebnf"]?.asString == "root ::= \"a\"")
        #expect(try sampling(.choice(Array(#"["a.b","c|d","日本"]"#.utf8)))?["regex"]?.asString == #"(a\.b|c\|d|日本)"#)
    }

    @Test(
        "older servers know ranks by an older name",
        arguments: [
            ("0.5.8", "data_parallel_rank"), ("0.5.9", "routed_dp_rank"), ("0.5.10rc1", "routed_dp_rank"), ("1.0", "routed_dp_rank"),
            ("unknown", "data_parallel_rank"),
        ])
    func ranks(_ version: String, _ member: String) throws {
        let body = try body(
            request { $0.rank = Rank(1) },
            server {
                $0.ranks = 2; $0.version = version
            })
        #expect(body[member]?.asInt == 1)
    }

    @Test("priorities are only told to a server that has them, and in its direction")
    func priorities() {
        #expect(server().priority(1) == nil)
        #expect(server { $0.prioritizes = true }.priority(1.6) == 2)
        #expect(server { $0.prioritizes = true }.priority(.greatestFiniteMagnitude) == 1_000_000)
        #expect(server { $0.prioritizes = true }.priority(.nan) == nil)
    }

    @Test("what the server cannot do is named")
    func unsupported() {
        func field(_ change: (inout EngineRequest) -> Void) -> String? {
            let request = request(change)
            return SGLangRequest(request: request, choice: request.choices[0], name: "a.", server: server()).unsupportedField
        }
        #expect(field { _ in } == nil)
        #expect(field { $0.sampling.maxThinkingTokens = 5 } == "maxThinkingTokens")
        #expect(field { $0.sampling.presencePenalty = 2.5 } == "presencePenalty")
        #expect(field { $0.sampling.frequencyPenalty = -2.5 } == "frequencyPenalty")
        #expect(field { $0.sampling.repetitionPenalty = 2.5 } == "repetitionPenalty")
        #expect(field { $0.constraint = .choice(Array("[]".utf8)) } == "constraint")
        #expect(field { $0.constraint = .choice(Array(#"["a",1]"#.utf8)) } == "constraint")
    }
}

@Suite("Where two servers of SGLang's meet")
struct SGLangMeetingTests {
    @Test(
        "a room names the rank of the prefill server, is never 0, and has 63 bits",
        arguments: [0, 1, 7, .max, 1 << 62, (1 << 62) - 1] as [UInt64])
    func rooms(_ random: UInt64) throws {
        for ranks in [1, 2, 8, 1_024] {
            let meeting = SGLangMeeting(host: "10.0.0.2", port: 8998, rank: Rank(UInt32(ranks - 1)), of: ranks, random: random)
            #expect(meeting.room % UInt64(ranks) == UInt64(ranks - 1) && meeting.room > 0 && meeting.room < 1 << 63)
            #expect(try SGLangMeeting(parameters: meeting.parameters) == meeting)
        }
    }

    @Test("both servers are told the same, and the decoder which rank has the state")
    func members() throws {
        let meeting = SGLangMeeting(host: "10.0.0.2", port: 8998, rank: Rank(1), of: 2, random: 40)
        func written(isDecode: Bool) throws -> JSONValue {
            var writer = JSONWriter()
            writer.beginObject()
            meeting.write(to: &writer, isDecode: isDecode)
            writer.endObject()
            return try JSONValue(parsing: writer.finish())
        }
        #expect(try written(isDecode: false) == ["bootstrap_host": "10.0.0.2", "bootstrap_port": 8998, "bootstrap_room": 43])
        #expect(
            try written(isDecode: true)
                == ["bootstrap_host": "10.0.0.2", "bootstrap_port": 8998, "bootstrap_room": 43, "disagg_prefill_dp_rank": 1])
    }

    @Test(
        "parameters that are none are refused by name",
        arguments: [
            ("", ""), ("{}", "bootstrap_host"), (#"{"bootstrap_host":""}"#, "bootstrap_host"), (#"{"bootstrap_host":1}"#, "bootstrap_host"),
            (#"{"bootstrap_host":"a","bootstrap_port":0}"#, "bootstrap_port"),
            (#"{"bootstrap_host":"a","bootstrap_port":65536}"#, "bootstrap_port"),
            (#"{"bootstrap_host":"a","bootstrap_port":1}"#, "bootstrap_room"),
            (#"{"bootstrap_host":"a","bootstrap_port":1,"bootstrap_room":-1}"#, "bootstrap_room"),
            (#"{"bootstrap_host":"a","bootstrap_port":1,"bootstrap_room":9223372036854775807,"dp_size":1}"#, "bootstrap_room"),
            (#"{"bootstrap_host":"a","bootstrap_port":1,"bootstrap_room":1,"dp_size":0}"#, "dp_size"),
            (#"{"bootstrap_host":"a","bootstrap_port":1,"bootstrap_room":1,"dp_size":99999}"#, "dp_size"),
        ] as [(String, String)])
    func hostile(_ text: String, _ member: String) {
        let problem = #expect(throws: ServerProblem.self) { try SGLangMeeting(parameters: Array(text.utf8)) }
        #expect(problem?.description.contains(member) ?? false)
    }
}
