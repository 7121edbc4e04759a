import ClusterModel
import JSONText
import Testing
import TextProcessing

@Suite("Errors of templates") struct TemplateErrorTests {
    @Test(
        "what cannot be compiled names its line",
        arguments: [
            ("a\n\n{{ b", 3), ("{% if a %}\n{% endfor %}", 2), ("\n{{ 1 + }}", 2), ("{% for a %}", 1), ("{# a\n", 1),
            ("\n\n{% nothing %}", 3),
            ("{{ a |\n nothing }}", 2), ("{% set x = 'a\n' %}\n{{ ' }}", 3), ("{{ [1, 2 }}", 1), ("{% break %}", 1),
            ("{% macro f(a=1, b) %}{% endmacro %}", 1),
            ("a\n{%- raw %}\n{{\n{% endraw %}\n{{ ) }}", 5), ("{% set true = 1 %}", 1), ("{{ f(a=1, a=2) }}", 1),
        ])
    func invalid(source: String, line: Int) {
        do throws(TemplateError) {
            _ = try JinjaTemplate(source: Array(source.utf8))
            Issue.record("accepted")
        } catch {
            guard case .invalid(let found, let reason) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(found == line && !reason.isEmpty, "\(error)")
            #expect(error.description.contains("line \(line)"))
        }
    }

    @Test(
        "what fails while it runs names its line and what was undefined",
        arguments: [
            ("\n{{ nothing.a }}", 2, "'nothing' is undefined"), ("{{ a.b.c }}", 1, "'b' is undefined"),
            ("{{ a['b'].c }}", 1, "'b' is undefined"),
            ("{% for a in 1 %}{% endfor %}", 1, "a value of type int is not iterable"),
            ("\n\n{{ nothing() }}", 3, "'nothing' is undefined"),
            ("{{ 'a' + 1 }}", 1, "values of type str and int do not go together here"), ("{{ 1 // 0 }}", 1, "division by zero"),
            ("{{ '1e30' | int }}", 1, "a number that is too large"),
            ("{% set a, b = [1] %}", 1, "1 values for 2 names"),
            ("{{ nothing | tojson }}", 1, "a value of type undefined value has no JSON form"),
            ("{% macro f() %}\n{{ 1 < 'a' }}{% endmacro %}{{ f() }}", 2, "values of type int and str have no order"),
        ])
    func failed(source: String, line: Int, reason: String) {
        #expect(throws: TemplateError.failed(line: line, reason: reason)) { try render(source, ["a": [:]]) }
    }

    @Test("a template's refusal is in its words, and short")
    func refused() {
        let source = "{% if messages[0].role != 'user' %}{{ raise_exception('Roles: ' ~ messages[0].role) }}{% endif %}"
        #expect(throws: TemplateError.refused(reason: "Roles: cook")) { try render(source, ["messages": [["role": "cook"]]]) }
        let long = JSONValue.string(String(repeating: "é", count: 10_000))
        #expect(throws: TemplateError.refused(reason: String(repeating: "é", count: TextLimits.refusalCharacters))) {
            try render("{{ raise_exception(m) }}", ["m": long])
        }
    }

    @Test("methods that change values are given to nobody")
    func immutable() {
        for source in [
            "{{ l.append(1) }}", "{{ d.update(a=1) }}", "{{ d.pop('a') }}", "{{ l.pop() }}", "{{ l.sort() }}", "{{ d.clear() }}",
        ] {
            guard case .failed = (Result { () throws(TemplateError) in try render(source, ["l": [1], "d": ["a": 1]]) }).failure else {
                Issue.record("\(source) was done")
                return
            }
        }
    }
}

extension Result {
    fileprivate var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}
