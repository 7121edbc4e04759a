import ClusterModel
import JSONText
import OpenAIDialect
import Testing

@Suite("Damaged bodies") struct DamagedBodyTests {
    static let secret = "my s3cret, prompt"

    static let bodies: [String] = [
        """
        {"model":"m","messages":[{"role":"system","content":"\(secret) é"},{"role":"user","content":[{"type":"text","text":"\(secret)"}]},
        {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","content":"\(secret)","tool_call_id":"c"}],"temperature":0.5,"stop":["\(secret)","b"],"stream":true,
        "stream_options":{"include_usage":true},"logit_bias":{"5":1},"n":2,"seed":7,"tools":[{"type":"function","function":{"name":"f"}}],
        "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}},"user":"\(secret)",
        "nvext":{"extra_fields":["timing"],"token_data":[1,2],"agent_hints":{"priority":1},"session_control":{"session_id":"\(secret)"}}}
        """,
        #"{"model":"m","prompt":["\#(secret)"],"echo":true,"logprobs":null,"max_tokens":5,"stop":"\#(secret)"}"#,
        #"{"model":"m","prompt":[1,2,3],"logprobs":3,"best_of":1}"#,
    ]

    @Test("seeded damage never traps, and errors name places, not contents", arguments: 0..<40 as Range<UInt64>)
    func mutations(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<500 { check(Damage.some(to: Self.bodies.randomElement(using: &random) ?? "", using: &random)) }
    }

    @Test("every value of a body replaced by every kind of value gives a request or an error that names a field", arguments: bodies)
    func replacements(body: String) throws {
        let value = try JSONValue(parsing: body)
        let kinds: [JSONValue] = [
            nil, true, 0, -1, 1.5, .string(Self.secret), [], [nil], [.string(Self.secret)], [:], ["x": .string(Self.secret)],
            .number(JSONNumber(UInt64.max)), .number(JSONNumber("1e999")!),
        ]
        let bodies = Damage.replacements(in: value, by: kinds)
        for body in bodies { check(body) }
        #expect(bodies.count > 50)
    }

    private func check(_ bytes: [UInt8]) {
        do throws(DialectError) { _ = try ChatCompletionRequest(parsing: bytes.span.bytes) } catch { check(error) }
        do throws(DialectError) { _ = try CompletionRequest(parsing: bytes.span.bytes) } catch { check(error) }
    }

    private func check(_ error: DialectError) {
        #expect(!error.message.contains("3cret, p"), "\(error.message)")
        #expect(error.param.map { $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } } ?? true)
        #expect(error.message.utf8.count < 300)
        let body = written { ErrorBody(error).append(to: &$0) }
        #expect((try? JSONValue(parsing: body)) != nil)
    }
}
