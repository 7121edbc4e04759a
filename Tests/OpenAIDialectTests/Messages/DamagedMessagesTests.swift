import ClusterModel
import JSONText
import OpenAIDialect
import Testing

@Suite("Damaged bodies of the Messages API") struct DamagedMessagesTests {
    static let secret = "my s3cret, prompt"

    static let body = """
        {"model":"m","max_tokens":9,"system":[{"type":"text","text":"x-anthropic-billing-header: \(secret)\\n\(secret)"}],
        "messages":[{"role":"user","content":[{"type":"text","text":"\(secret)","cache_control":{"type":"ephemeral"}}]},
        {"role":"assistant","content":[{"type":"thinking","thinking":"\(secret)","signature":"s"},{"type":"text","text":"é"},
        {"type":"tool_use","id":"toolu_1","name":"f","input":{"INVALID_JSON":"\(secret)"}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":[{"type":"text","text":"\(secret)"}]}]}],
        "tools":[{"type":"custom","name":"f","description":"\(secret)","input_schema":{"type":"object"}}],
        "tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true},"thinking":{"type":"enabled","budget_tokens":1024},
        "stop_sequences":["\(secret)"],"metadata":{"user_id":"\(secret)"},"output_config":{"effort":"low",
        "format":{"type":"json_schema","schema":{}}},"context_management":{"edits":[{"type":"clear_thinking_1"}]},"temperature":0.5,
        "nvext":{"extra_fields":["timing"],"session_control":{"session_id":"\(secret)"}}}
        """

    @Test("seeded damage never traps, and errors name places, not contents", arguments: 0..<20 as Range<UInt64>)
    func mutations(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<300 { check(Damage.some(to: Self.body, using: &random)) }
    }

    @Test("every value of a body replaced by every kind of value gives a request or an error that names a field")
    func replacements() throws {
        let value = try JSONValue(parsing: Self.body)
        #expect((try? messages(Self.body)) != nil)
        let kinds: [JSONValue] = [
            nil, true, 0, -1, 1.5, .string(Self.secret), [], [nil], [.string(Self.secret)], [:], ["x": .string(Self.secret)],
            ["type": .string(Self.secret)],
        ]
        let bodies = Damage.replacements(in: value, by: kinds)
        for body in bodies { check(body) }
        #expect(bodies.count > 500)
    }

    private func check(_ bytes: [UInt8]) {
        for purpose in [MessagesRequest.Purpose.answer, .count] {
            do throws(DialectError) { _ = try MessagesRequest(parsing: bytes.span.bytes, for: purpose) } catch {
                #expect(!error.message.contains("3cret, p") && error.message.utf8.count < 300, "\(error.message)")
                #expect(error.param.map { $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } } ?? true)
                let body = written { ErrorBody(error).append(.anthropic, to: &$0) }
                #expect((try? JSONValue(parsing: body)) != nil)
            }
        }
    }
}
