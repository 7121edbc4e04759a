import ClusterModel
import TestSupport
import Testing

@testable import EngineAdapters
@testable import Engines

@Suite("What SGLang says, repeated or added")
struct SGLangOutputTests {
    /// One event of each manner.
    private func chunk(_ tokens: [TokenID], total: Int?, _ more: String = "", finish: String = "null") throws -> SGLangChunk {
        let count = total.map { #","completion_tokens":\#($0)"# } ?? ""
        let text = #"{"text":"","output_ids":\#(tokens),"meta_info":{"finish_reason":\#(finish)\#(count)\#(more)}}"#
        return try Array(text.utf8).withUnsafeBytes { (bytes) throws in try SGLangChunk(parsing: bytes) }
    }

    @Test("the same tokens come of both manners, with and without counts, however events are cut", arguments: 0..<64)
    func manners(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for repeats in [true, false] {
            for isCounted in [true, false] {
                // Few different ones, so that what is added often looks like the beginning; without counts they have to differ somewhere.
                let different: UInt32 = isCounted ? 2 : 100_000
                let tokens = (0..<Int.random(in: 1...40, using: &random)).map { _ in TokenID.random(in: 0..<different, using: &random) }
                var output = SGLangOutput(alternatives: 5), known = 0, told: [TokenID] = []
                while known < tokens.count {
                    let next = Int.random(in: known + 1...tokens.count, using: &random)
                    let news = try output.take(
                        chunk(Array(repeats ? tokens[..<next] : tokens[known..<next]), total: isCounted ? next : nil))
                    told += news.tokens
                    known = next
                }
                #expect(told == tokens && output.tokens == tokens, "repeats \(repeats), counted \(isCounted)")
            }
        }
    }

    @Test("the token that a choice stopped at is told once, whether the server tells it or not")
    func stops() throws {
        let stop = #"{"type":"stop","matched":9}"#
        var output = SGLangOutput(alternatives: 5)
        _ = try output.take(chunk([1, 2], total: 2))
        #expect(try output.take(chunk([1, 2, 9], total: 3, finish: stop)).tokens == [9])
        output = SGLangOutput(alternatives: 5)
        _ = try output.take(chunk([1, 2], total: 2))
        #expect(try output.take(chunk([1, 2], total: 3, finish: stop)).tokens == [9])
        output = SGLangOutput(alternatives: 5)
        _ = try output.take(chunk([1, 2], total: 2))
        #expect(try output.take(chunk([], total: 3, finish: stop)).tokens == [9])
    }

    @Test("a server that gives up says no token more, whatever it repeats")
    func aborts() throws {
        var output = SGLangOutput(alternatives: 5)
        _ = try output.take(chunk([1, 2], total: 2))
        #expect(try output.take(chunk([2], total: 2, finish: #"{"type":"abort","status_code":500}"#)).tokens.isEmpty)
    }

    @Test("a server that forgets what it said is found out")
    func shrinks() throws {
        var output = SGLangOutput(alternatives: 5)
        _ = try output.take(chunk([1, 2], total: 2))
        _ = try output.take(chunk([1, 2, 3], total: 3))
        #expect(throws: ServerProblem.self) { try output.take(chunk([1], total: 4)) }
    }

    @Test("log probabilities are those of the new tokens, and none where there are too few")
    func scores() throws {
        var output = SGLangOutput(alternatives: 5)
        let two =
            #","output_token_logprobs":[[-1.5,1,null],[null,2,"b"]],"output_top_logprobs":[[[-1.5,1,null]],[[-0.5,7,null],[-2,2,null]]]"#
        _ = try output.take(chunk([1], total: 1, #","output_token_logprobs":[[-1.5,1,null]]"#))
        let news = try output.take(chunk([1, 2], total: 2, two))
        #expect(news.logprobs.count == 1)
        #expect(news.logprobs.first?.chosen == ScoredToken(token: 2, logprob: -Float.greatestFiniteMagnitude))
        #expect(news.logprobs.first?.top == [ScoredToken(token: 7, logprob: -0.5), ScoredToken(token: 2, logprob: -2)])
        #expect(try output.take(chunk([1, 2, 3, 4, 5], total: 5, two)).logprobs.isEmpty)
    }

    @Test(
        "an event that is none is refused by name",
        arguments: [
            ("", ""), ("[]", "object"), (#"{"output_ids":[1]}"#, "meta_info"), (#"{"output_ids":1,"meta_info":{}}"#, "output_ids"),
            (#"{"output_ids":[-1],"meta_info":{}}"#, "output_ids"), (#"{"output_ids":[4294967296],"meta_info":{}}"#, "output_ids"),
            (#"{"output_ids":[1.5],"meta_info":{}}"#, "output_ids"), (#"{"output_ids":["1"],"meta_info":{}}"#, "output_ids"),
            (#"{"output_ids":[],"meta_info":{"completion_tokens":-1}}"#, "completion_tokens"),
            (#"{"output_ids":[],"meta_info":{"cached_tokens":"x"}}"#, "cached_tokens"),
            (#"{"output_ids":[],"meta_info":{"finish_reason":{"type":"tired"}}}"#, "finish_reason.type"),
            (#"{"output_ids":[],"meta_info":{"finish_reason":{}}}"#, "finish_reason.type"),
            (#"{"error":{"code":503}}"#, "503"),
        ] as [(String, String)])
    func hostile(_ text: String, _ member: String) {
        let problem = #expect(throws: ServerProblem.self) {
            try Array(text.utf8).withUnsafeBytes { (bytes) throws in _ = try SGLangChunk(parsing: bytes) }
        }
        #expect(problem?.description.contains(member) ?? false)
    }
}
