import ClusterModel
import Glibc
import JSONText
import Testing
import TextProcessing

/// Templates and messages that want to cost too much (T9).
@Suite("Bounds of templates") struct TemplateBoundsTests {
    // What the limit on steps stands for is 50 ms where the compiler optimises. Where it does not, fewer steps do: the tests would take minutes. The
    // time is then such that the thread sanitizer, which makes two seconds of one, does not fail it; `textcheck hostile-templates` has the real one.
    #if DEBUG
        private static let limit = 5.0
        private static let steps = TextLimits.templateSteps / 40
    #else
        private static let limit = 0.05
        private static let steps = TextLimits.templateSteps
    #endif

    private func cpuSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Ends in time, well or with an error.
    private func survives(
        _ source: String, _ variables: JSONValue = HostileTemplates.variables, steps: Int = Self.steps
    ) -> (seconds: Double, error: TemplateError?) {
        let start = cpuSeconds()
        var failure: TemplateError?
        do throws(TemplateError) { _ = try prompt(source, variables, steps: steps) } catch { failure = error }
        return (cpuSeconds() - start, failure)
    }

    @Test("templates that never end, or eat memory, stop at a limit", arguments: HostileTemplates.endless)
    func endless(source: String) {
        let (seconds, error) = survives(source)
        #expect(seconds < Self.limit, "\(source.prefix(200))")
        switch error {
        case .limit?, .invalid?, .failed?, .tooLong?: break
        default: Issue.record("\(source.prefix(200)) was rendered: \(String(describing: error))")
        }
    }

    @Test("templates of every hostile form, made by seed, end in time", arguments: 0..<20)
    func generated(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<12 {
            let source = HostileTemplates.made(&random)
            let (seconds, _) = survives(source)
            #expect(seconds < Self.limit, "\(source.prefix(300))")
        }
    }

    @Test("messages that are built against a template cost in proportion to their length")
    func messages() throws {
        let sources = [
            "{% for m in messages %}{% for o in messages %}{{ m.content in o.content }}{% endfor %}{% endfor %}",
            "{% for m in messages %}{{ m.content.split(m.content[:50]) | length }}{% endfor %}",
            "{% for m in messages %}{{ m.content | replace('a', '<b>') | replace('<', 'aaaa') | trim('a') }}{% endfor %}",
            "{% for m in messages %}{{ messages[loop.index0:] | tojson }}{% endfor %}",
            "{% for m in messages %}{% for c in m.content %}{{ m.content[loop.index0] }}{% endfor %}{% endfor %}",
        ]
        let contents: [JSONValue] = [
            .string(String(repeating: "a", count: 20_000)), .string(String(repeating: "é", count: 10_000) + "a"),
            .string(String(repeating: "ab", count: 10_000)),
        ]
        for source in sources {
            for content in contents {
                let messages = JSONValue.array((0..<20).map { _ in ["role": "user", "content": content] })
                // 400 kB of text, and 40 ms more for it.
                let (seconds, _) = survives(source, ["messages": messages], steps: Self.steps + 400_000)
                #expect(seconds < Self.limit * 8, "\(source)")
            }
        }
    }

    @Test("sources nest as deep as they may, and no deeper")
    func nesting() throws {
        #expect(try render("{{ " + String(repeating: "(", count: 40) + "1" + String(repeating: ")", count: 40) + " }}") == "1")
        #expect(try render("{{ 0" + String(repeating: " + 1", count: 400) + " }}") == "400")
        #expect(try render("{{ 0" + String(repeating: " ~ 1", count: 4000) + " }}").utf8.count == 4001)
        for source in ["(", "[", "{'a':", "not ", "-", "a[", "a(", "1 if ", "1 if 1 else "].map({
            "{{ " + String(repeating: $0, count: 5000)
        }) {
            guard case .invalid = survives(source).error else {
                Issue.record("\(source.prefix(20)) was accepted")
                return
            }
        }
        for tag in ["{% if a %}", "{% for a in b %}", "{% macro a() %}", "{% set a %}", "{% filter upper %}", "{% generation %}"] {
            guard case .invalid = survives(String(repeating: tag, count: 5000)).error else {
                Issue.record("\(tag) was accepted")
                return
            }
        }
    }

    @Test("macros recurse as deep as they may, and no deeper")
    func recursion() throws {
        let count = "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}"
        #expect(try render(count + "{{ f(20) }}").hasPrefix("201918"))
        guard case .limit(1, _) = survives(count + "{{ f(100000) }}").error else {
            Issue.record("no limit")
            return
        }
    }

    @Test("a source that is too long, or no UTF-8, is refused")
    func sources() {
        guard case .invalid = survives(String(repeating: "a", count: TextLimits.templateBytes + 1)).error else {
            Issue.record("too long")
            return
        }
        #expect(throws: TemplateError.invalid(line: 1, reason: "not UTF-8")) { try JinjaTemplate(source: [0x61, 0xFF]) }
    }

    @Test("random sources are refused or rendered, and never trap", arguments: 0..<20)
    func noise(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let words = HostileTemplates.words
        for _ in 0..<200 {
            let source = (0..<Int.random(in: 1...30, using: &random)).map { _ in words.randomElement(using: &random)! }.joined(
                separator: " ")
            #expect(survives(source).seconds < Self.limit)
        }
    }
}
