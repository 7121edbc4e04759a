import ClusterModel
import Glibc
import JSONText
import Testing
import TextProcessing

/// What a template pays for: no more than is done, and no less.
@Suite("Costs in templates") struct TemplateCostTests {
    private static let lines = String(repeating: "line of text\n", count: 5000)

    @Test(
        "finding a text many times costs in proportion to its bytes and to how often it is found",
        arguments: [
            ("{{ c.split('\\n') | length }}", "5001"), ("{{ (c | replace('\\n', ' ')) | length }}", "65000"),
            ("{{ c.rsplit('\\n') | length }}", "5001"), ("{{ c.count('\\n') }}", "5000"), ("{{ c.split('\\n', 3) | length }}", "4"),
        ])
    func occurrences(source: String, expected: String) throws {
        let result = try prompt(source, ["c": .string(Self.lines)], steps: 8 * 5000 + Self.lines.utf8.count / 4)
        #expect(String(decoding: result.utf8, as: UTF8.self) == expected)
    }

    @Test(
        "what is compared is paid for, found or not",
        arguments: [
            "{{ 'Z' in c }}", "{{ c.rfind(c) }}", "{{ c.removeprefix(c) | length }}", "{{ c.removesuffix(c) | length }}",
            "{{ {c: 1}[c] }}", "{{ c in {'a': 1} }}", "{{ {(c, 1): 1}[(c, 1)] }}", "{{ [1, 2] | tojson(separators=(c, '')) | length }}",
            "{{ {1: 2} | tojson(separators=('', c)) | length }}", "{{ {'a': 1}.get(c) }}", "{{ [c] | unique(true) | list | length }}",
        ])
    func compared(source: String) throws {
        let price = Self.lines.utf8.count / TextLimits.templateBytesPerStep
        #expect(throws: TemplateError.limit(line: 1, reason: "it takes too many steps for a conversation of this size")) {
            try prompt(source, ["c": .string(Self.lines)], steps: price - 1)
        }
        _ = try prompt(source, ["c": .string(Self.lines)], steps: 8 * price + 100)
    }

    @Test("long chats may be looked through from each message; short ones and endless ones may not cost more for it")
    func budget() {
        func steps(_ rounds: Int, calls: Int, bytes: Int = 0) -> Int {
            let call = ToolCall(id: "c", name: "f", arguments: "{}")
            let round = [
                ChatMessage(role: .user, content: .text("u")),
                ChatMessage(role: .assistant, content: .none, toolCalls: Array(repeating: call, count: calls)),
            ]
            let last = ChatMessage(role: .user, content: .text(String(repeating: "a", count: bytes)))
            return JinjaTemplate.steps(for: Conversation(messages: (0..<rounds).flatMap { _ in round } + [last]))
        }
        // What templates that look back need, as measured.
        #expect(steps(1000, calls: 0) > 12_000_000)
        #expect(steps(100, calls: 1) > 450_000)
        #expect(steps(300, calls: 1) > 3_100_000)
        #expect(steps(1000, calls: 1) > 36_000_000)
        #expect(steps(1, calls: 1) < TextLimits.templateSteps + 10_000)
        #expect(steps(10_000, calls: 1, bytes: 10_000_000) == TextLimits.templateStepsAtMost)
    }

    @Test(
        "a prompt that grows too long is stopped where it does, and so is any text",
        arguments: [
            "{% for i in range(70) %}{{ s }}{% endfor %}{{ 1 // 0 }}", "{{ (s * 60 ~ s * 60) | length }}{{ 1 // 0 }}",
        ])
    func length(source: String) throws {
        #expect(throws: TemplateError.tooLong(limit: TextLimits.promptBytes)) {
            try prompt(source, ["s": .string(String(repeating: "a", count: 1_000_000))], steps: 40_000_000)
        }
    }

    @Test("numbers that a client may choose are compared without overflow")
    func extremes() throws {
        for n in [Int.min, Int.min + 1, -1, 0, 1, Int.max] {
            let variables: JSONValue = ["n": .number(JSONNumber(n))]
            #expect(try render("{{ n in range(0, -5, -1) }}", variables) == (n == 0 || n == -1 ? "True" : "False"))
            #expect(try render("{{ n in range(5, 0, -2) }}", variables) == (n == 1 ? "True" : "False"))
            #expect(try render("{{ n in range(-1, 9, 2) }}", variables) == (n == -1 || n == 1 ? "True" : "False"))
            if n.magnitude > 4096 {
                #expect(throws: TemplateError.self) { try render("{{ 2.0 ** n }}", variables) }
            }
        }
    }

    @Test("loops that hold each other in a long chain, or themselves, are freed on a small stack")
    func chain() {
        let sources = [
            "{% set ns = namespace(l=none) %}{% for i in range(6000) %}{% for y in [ns.l] %}{% set ns.l = loop %}{% endfor %}{% endfor %}x",
            "{% set ns = namespace(l=none) %}{% for i in range(6000) %}{% for y in [1] %}{% if loop.changed(ns.l) %}{% set ns.l = loop %}{% endif %}"
                + "{% endfor %}{% endfor %}x",
            "{% for i in range(6) %}{{ loop.changed(loop) }}{% endfor %}x",
        ]
        for source in sources { #expect(SmallStack.run { (try? render(source))?.last } == "x") }
    }

    @Test("a source of many branches compiles without copying what is known for each")
    func branches() throws {
        let count = 4_000
        let source = (0..<count).map { "{% if a\($0) %}{% set b\($0) = 1 %}{% endif %}" }.joined()
        #expect(try render("\(source){{ b0 is defined }}{{ b\(count - 1) }}", ["a\(count - 1)": true]) == "False1")
    }
}

/// Runs something on a thread with as little stack as there may be.
private enum SmallStack {
    private final class Job {
        let body: () -> Character?
        var result: Character?

        init(_ body: @escaping () -> Character?) { self.body = body }
    }

    static func run(_ body: @escaping () -> Character?) -> Character? {
        let job = Job(body)
        let attributes = UnsafeMutablePointer<pthread_attr_t>.allocate(capacity: 1)
        defer { attributes.deallocate() }
        guard pthread_attr_init(attributes) == 0, pthread_attr_setstacksize(attributes, 256 << 10) == 0 else { return nil }
        var thread = pthread_t()
        let start: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { pointer in
            let job = Unmanaged<Job>.fromOpaque(pointer!).takeUnretainedValue()
            job.result = job.body()
            return nil
        }
        guard pthread_create(&thread, attributes, start, Unmanaged.passUnretained(job).toOpaque()) == 0 else { return nil }
        pthread_join(thread, nil)
        return job.result
    }
}
