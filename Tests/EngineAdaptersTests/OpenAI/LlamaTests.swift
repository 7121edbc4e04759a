import ClusterModel
import JSONText
import TextProcessing
import Testing

@testable import EngineAdapters
@testable import Engines

@Suite("What llama-server is asked, and says")
struct LlamaTests {
    private func request(_ change: (inout EngineRequest) -> Void = { _ in }) -> EngineRequest {
        var request = EngineRequest(
            key: EngineRequestKey(1), rank: Rank(0), prompt: [325, 438], sampling: EngineSampling(),
            choices: [EngineChoice(choice: 0, maxTokens: 16)], contextLimit: 1_024)
        change(&request)
        return request
    }

    @Test("all that draws a token is stated, since the server's defaults are no neutral ones")
    func body() throws {
        let request = request { request in
            request.choices = [EngineChoice(choice: 1, shown: [333], maxTokens: 5)]
            request.sampling.temperature = 0.5
            request.sampling.seed = UInt64(UInt32.max)
            request.sampling.topLogprobs = 0
            request.sampling.logitBias = [EngineLogitBias(token: 9, bias: 1)]
            request.constraint = .jsonObject
        }
        #expect(
            try JSONValue(parsing: LlamaQuestion(request: request, choice: request.choices[0]).body())
                == [
                    "prompt": [325, 438, 333], "n_predict": 5, "stream": true, "return_tokens": true, "cache_prompt": true,
                    "timings_per_token": true, "temperature": 0.5, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0,
                    "presence_penalty": 0.0, "frequency_penalty": 0.0, "repeat_last_n": 0, "seed": 1, "ignore_eos": false, "n_probs": 1,
                    "logit_bias": [[9, 1.0]], "json_schema": ["type": "object"],
                ])
    }

    @Test("forms of output are grammars or schemas; what it cannot do is named")
    func forms() throws {
        func field(_ change: (inout EngineRequest) -> Void) -> String? {
            let request = request(change)
            return LlamaQuestion(request: request, choice: request.choices[0]).unsupportedField
        }
        let choice = request { $0.constraint = .choice(Array(#"["a\"b","c\\d\n"]"#.utf8)) }
        #expect(
            try JSONValue(parsing: LlamaQuestion(request: choice, choice: choice.choices[0]).body())["grammar"]
                == .string(#"root ::= "a\"b" | "c\\d\n""#))
        #expect(field { $0.constraint = .jsonSchema(Array("{".utf8)) } == "constraint")
        #expect(field { $0.constraint = .regex(Array("a".utf8)) } == "constraint")
        #expect(field { $0.choices[0].minTokens = 1 } == "minTokens")
        #expect(field { $0.adapter = "a" } == "loRA")
        #expect(field { _ in } == nil)
    }

    // MARK: Answers

    private func read(
        _ events: [String], _ change: (inout EngineRequest) -> Void = { _ in }
    ) throws -> (tokens: [TokenID], finishes: [EngineFinish], logprobs: Int) {
        let request = request(change)
        var reader = LlamaReader(request, request.choices[0], try ServedScene.settings().text)
        var tokens: [TokenID] = [], finishes: [EngineFinish] = [], logprobs = 0, part = AnswerPart()
        for event in events {
            part.removeAll()
            try Array(event.utf8).withUnsafeBytes { (bytes) throws in try reader.read(bytes, into: &part) }
            tokens += part.tokens
            logprobs += part.logprobs.count
            if let finish = part.finish { finishes.append(finish) }
        }
        return (tokens, finishes, logprobs)
    }

    private static let end = #"{"content":"","tokens":[],"stop":true,"stop_type":"eos","tokens_predicted":3}"#

    @Test("tokens that were held back are made of the text in which they come to a character")
    func heldBack() throws {
        // The first byte of é is a token that no event brings; the second one's event has the character.
        let text = try ServedScene.settings().text
        let read = try read([
            #"{"content":"The","tokens":[325],"stop":false,"tokens_predicted":1}"#,
            #"{"content":"é","tokens":[102],"stop":false,"tokens_predicted":3}"#, Self.end,
        ])
        var said: [UInt8] = []
        text.decode(read.tokens.span, into: &said)
        #expect(String(decoding: said, as: UTF8.self) == "Theé" && read.finishes == [.endOfText])
    }

    @Test("a choice ends at its first token that ends it, once")
    func ends() throws {
        let events = [
            #"{"content":"The","tokens":[325],"stop":false,"tokens_predicted":1}"#,
            #"{"content":"","tokens":[1162],"stop":false,"tokens_predicted":2}"#,
            #"{"content":"x","tokens":[1],"stop":false,"tokens_predicted":3}"#,
            Self.end,
        ]
        #expect(try read(events).finishes == [.endOfText] && read(events).tokens == [325, 1162])
        #expect(try read(events) { $0.sampling.stopTokens = [325] }.finishes == [.stopToken])
        #expect(try read(events) { $0.choices[0].maxTokens = 1 }.finishes == [.length])
        // Where the client ignores it, it is a token like any other, until the server says that this is all.
        let ignored = try read(events) { $0.sampling.ignoreEndOfText = true }
        #expect(ignored.tokens == [325, 1162, 1] && ignored.finishes == [.endOfText])
    }

    @Test("log probabilities come with tokens, and no more candidates than were asked for")
    func logprobs() throws {
        let event =
            #"{"content":"The","tokens":[325],"stop":false,"tokens_predicted":1,"completion_probabilities":[{"id":325,"logprob":-0.5,"top_logprobs":[{"id":325,"logprob":-0.5}]}]}"#
        #expect(try read([event]).logprobs == 0)
        #expect(try read([event]) { $0.sampling.topLogprobs = 0 }.logprobs == 1)
    }

    @Test(
        "an event that is none is refused by name",
        arguments: [
            ("", ""), ("3", "object"), (#"{"tokens":[-1]}"#, "tokens"), (#"{"tokens":[1],"tokens_predicted":-1}"#, "tokens_predicted"),
            (#"{"content":1}"#, "content"), (#"{"content":"","tokens":[],"stop":true,"stop_type":"none"}"#, "stop_type"),
            (#"{"stop":1}"#, "stop"), (#"{"timings":{"cache_n":1.5}}"#, "timings.cache_n"),
            (#"{"error":{"code":500,"message":"no"}}"#, "500"),
        ] as [(String, String)])
    func hostile(_ event: String, _ member: String) {
        let problem = #expect(throws: ServerProblem.self) { try read([event]) }
        #expect(problem?.description.contains(member) ?? false)
    }
}
