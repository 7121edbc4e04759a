import JSONText
import OpenAIDialect
import Testing

@Suite("Bodies that are made to cost (T8)") struct HostileBodyTests {
    struct Body: Sendable, CustomTestStringConvertible {
        let name: String
        let code: String
        let status: Int
        let make: @Sendable () -> [UInt8]
        var testDescription: String { name }

        init(_ name: String, _ code: String = "invalid_json", status: Int = 400, _ make: @escaping @Sendable () -> [UInt8]) {
            self.name = name
            self.code = code
            self.status = status
            self.make = make
        }
    }

    private static func text(_ parts: String...) -> [UInt8] { parts.flatMap { Array($0.utf8) } }
    private static func many(_ text: String, _ count: Int = 100_000) -> String { String(repeating: text, count: count) }
    private static let messages = #"{"model":"m","messages":[{"role":"user","content":""#

    static let all: [Body] = [
        Body("brackets, 100,000 deep") { text(many("[")) },
        Body("objects, 100,000 deep") { text(many(#"{"a":"#)) },
        Body("messages, 100,000 deep") { text(#"{"model":"m","messages":"#, many("["), many("]"), "}") },
        Body("a schema, 100,000 deep") {
            text(
                #"{"model":"m","tools":[{"type":"function","function":{"name":"f","parameters":"#, many(#"{"properties":"#), "1", many("}"),
                "}}]}")
        },
        Body("a million names") { text("{", (0..<1_000_000).map { "\"\($0)\":1" }.joined(separator: ","), "}") },
        Body("a million names that are the same") { text("{", many(#""a":1,"#, 1_000_000), #""a":1}"#) },
        Body("a million elements") { text(#"{"model":"m","prompt":["#, many("1,", 1_200_000), "1]}") },
        Body("a bias of many tokens", "object_above_max_properties") {
            text(
                #"{"model":"m","prompt":"a","messages":[{"role":"user","content":"a"}],"logit_bias":{"#,
                (0..<100_000).map { "\"\($0)\":1" }.joined(separator: ","), "}}")
        },
        Body("members that nobody knows, too many", "object_above_max_properties") {
            text(#"{"model":"m","#, (0..<10_000).map { "\"x\($0)\":1" }.joined(separator: ","), "}")
        },
        Body("a number of a million digits") { text(#"{"model":"m","temperature":"#, many("7", 1_000_000), "}") },
        Body("a seed with an exponent of a million digits") { text(#"{"model":"m","seed":1e"#, many("7", 1_000_000), "}") },
        Body("half a surrogate pair") { text(messages, many("a"), #"\ud800"}]}"#) },
        Body("the other half of one") { text(messages, #"\udc00"}]}"#) },
        Body("NUL") { text(messages, "a\u{0}b", #""}]}"#) },
        Body("bytes that are no UTF-8") { text(messages) + [0xFF, 0xFE] + text(#""}]}"#) },
        Body("a surrogate as UTF-8") { text(messages) + [0xED, 0xA0, 0x80] + text(#""}]}"#) },
        Body("an overlong NUL") { text(messages) + [0xC0, 0x80] + text(#""}]}"#) },
        Body("a member twice") { text(#"{"model":"m","model":"n","messages":[{"role":"user","content":"a"}]}"#) },
        Body("a member twice, once with an escape") { text(#"{"model":"m","m\u006fdel":"n","prompt":"a"}"#) },
        Body("a string of 50 MiB", "request_too_large", status: 413) { text(messages, many("a", 50 << 20), #""}]}"#) },
        Body("white space of 40 MiB", "request_too_large", status: 413) { text(many(" ", 40 << 20), "{}") },
        Body("a byte order mark") { [0xEF, 0xBB, 0xBF] + text(#"{"model":"m","prompt":"a"}"#) },
        Body("UTF-16") { text(#"{"model":"m"}"#).flatMap { [$0, 0] } },
        Body("two documents") { text(#"{"model":"m","prompt":"a"}{"model":"m","prompt":"b"}"#) },
    ]

    @Test("refused with 400, or 413 where it is the size, and a short word of what is wrong, by either endpoint", arguments: all)
    func refused(_ body: Body) {
        let bytes = body.make()
        let chat = #expect(throws: DialectError.self) { try ChatCompletionRequest(parsing: bytes.span.bytes) }
        let text = #expect(throws: DialectError.self) { try CompletionRequest(parsing: bytes.span.bytes) }
        for error in [chat, text] {
            #expect(error?.status == body.status && error?.code == body.code, "\(error?.message ?? "")")
            #expect(error.map { $0.message.utf8.count < 300 } ?? false)
        }
    }
}
