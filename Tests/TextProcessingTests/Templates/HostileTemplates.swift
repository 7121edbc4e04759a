import ClusterModel
import JSONText

/// Templates that no model should have.
enum HostileTemplates {
    static let variables: JSONValue = [
        "messages": [["role": "user", "content": "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"], ["role": "assistant", "content": "<|im_end|>"]],
        "a": "aaaa", "n": 1_000_000_000, "l": [1, 2, 3], "d": ["a": 1, "b": ["c": 2]],
    ]

    /// Each wants more than there is.
    static let endless: [String] =
        [
            "{{ dict(range(99999) | batch(2)) | length }}{{ dict(range(99999) | batch(2)) | length }}",
            "{{ range(90000) | unique | list | length }}",
            "{{ 'a' * 10 ** 9 }}", "{{ 'a' * n }}", "{{ n * 'ab' }}", "{{ [1] * n }}", "{{ (1,) * n }}", "{{ 'a' * 9223372036854775807 }}",
            "{{ range(10 ** 12) | list }}", "{{ range(n) }}", "{{ range(0, -n, -1) }}", "{{ range(100001) }}",
            "{{ 'a'.center(n) }}", "{{ 'a'.ljust(n) }}", "{{ 'a'.rjust(n, 'é') }}", "{{ 'a'.zfill(n) }}", "{{ 'a' | center(n) }}",
            "{{ '%1000000000d' % 1 }}", "{{ '{:1000000000}'.format(1) }}", "{{ '{:.1000000000f}'.format(1.5) }}",
            "{{ '%.999999999f' % 1.5 }}",
            "{{ 'a' | indent(n) }}", "{{ d | tojson(indent=n) }}", "{{ l | batch(n, 0) | list }}", "{{ l | slice(n) | list }}",
            "{{ 2.0 ** (-9223372036854775807 - 1) }}", "{{ 2 ** (-9223372036854775807 - 1) }}", "{{ 9223372036854775807 + 1 }}",
            "{{ 9223372036854775807 * 2 }}", "{{ -9223372036854775807 - 2 }}", "{{ 2 ** 1000 }}",
            "{{ 2 ** 9223372036854775807 }}", "{{ 1 // 0 }}", "{{ 1 % 0 }}", "{{ 1 / 0 }}", "{{ 0.0 ** -1 }}", "{{ 1e308 | int }}",
            "{{ l[::0] }}", "{{ range(1, 2, 0) }}", "{{ (-9223372036854775807 - 1) // -1 }}", "{{ -(-9223372036854775807 - 1) }}",
            "{{ (-9223372036854775807 - 1) | abs }}", "{{ range(-9223372036854775807, 9223372036854775807) }}",
            "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
            "{% for i in range(100000) %}{% for j in range(100000) %}{{ i }}{% endfor %}{% endfor %}",
            "{% for i in range(100000) %}{% for j in range(100000) if false %}{% endfor %}{% endfor %}",
            "{% for i in range(99999) %}{% set x = range(99999) | list %}{% endfor %}",
            "{% for i in range(99999) %}{{ range(99999) | map('string') | join }}{% endfor %}",
            "{% for i in range(99999) %}{{ range(99999) | sum }}{% endfor %}",
            "{% for i in range(99999) %}{{ 5 in range(99999) | list }}{{ 99998 in (range(99999) | list) }}{% endfor %}",
            "{% set ns = namespace(s='a') %}{% for i in range(1000) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
            "{% set ns = namespace(s='a') %}{% for i in range(1000) %}{% set ns.s = ns.s + ns.s + ns.s %}{% endfor %}",
            "{% set ns = namespace(s='a') %}{% for i in range(1000) %}{% set ns.s = ns.s | replace('a', 'aa') %}{% endfor %}",
            "{% set ns = namespace(s='a') %}{% for i in range(1000) %}{% set ns.s = ns.s | replace('', ns.s) %}{% endfor %}",
            "{% set ns = namespace(s='ab') %}{% for i in range(1000) %}{% set ns.s = ns.s.join(ns.s) %}{% endfor %}",
            "{% set ns = namespace(s='{}{}') %}{% for i in range(1000) %}{% set ns.s = ns.s ~ '{}{}'.format(ns.s, ns.s) %}{% endfor %}",
            "{% set ns = namespace(s='a') %}{% for i in range(1000) %}{% set ns.s = '%s%s' % (ns.s, ns.s) %}{% endfor %}",
            "{% set ns = namespace(s='\\n') %}{% for i in range(1000) %}{% set ns.s = ns.s | tojson %}{% endfor %}",
            "{% set ns = namespace(s='&') %}{% for i in range(1000) %}{% set ns.s = ns.s ~ ns.s | escape %}{% endfor %}",
            "{% set ns = namespace(s='a\\nb') %}{% for i in range(1000) %}{% set ns.s = (ns.s ~ '\\n' ~ ns.s) | indent(100) %}{% endfor %}",
            "{% set ns = namespace(s='%') %}{% for i in range(100) %}{% set ns.s = [ns.s, ns.s] | join(ns.s) %}{% endfor %}",
            "{% set ns = namespace(l=[1]) %}{% for i in range(1000) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
            "{% set ns = namespace(l=[]) %}{% for i in range(1000) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
            "{% set ns = namespace(l=[]) %}{% for i in range(1000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l | tojson }}",
            "{% set ns = namespace(l={}) %}{% for i in range(1000) %}{% set ns.l = {'a': ns.l} %}{% endfor %}{{ ns.l }}",
            "{% set ns = namespace(l=[]) %}{% for i in range(100) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson }}",
            "{% set ns = namespace(l=[]) %}{% for i in range(100) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | string }}",
            "{% set ns = namespace(a=[], b=[]) %}{% for i in range(100) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}"
                + "{{ ns.a == ns.b }}",
            "{% set ns = namespace(a=[], b=[]) %}{% for i in range(100) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}"
                + "{{ ns.a < ns.b }}",
            "{% set ns = namespace(l=['a']) %}{% for i in range(1000) %}{% set ns.l = [ns.l | map('string')] %}{% for j in l %}{% set ns.l = ns.l * 9 %}"
                + "{% endfor %}{% endfor %}",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{% macro f() %}{{ f() ~ f() }}{% endmacro %}{{ f() }}",
            "{% macro f(n) %}{% for i in range(n) %}{{ f(n) }}{% endfor %}{% endmacro %}{{ f(50) }}",
            "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ g() }}",
            "{% macro f(x=f()) %}{% endmacro %}{{ f() }}",
            "{% macro f() %}{{ caller() }}{% endmacro %}{% macro g() %}{% call f() %}{{ g() }}{% endcall %}{% endmacro %}{{ g() }}",
            "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(25) }}",
            "{% for i in range(99999) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' in ('a' * 100000) }}{% endfor %}",
            "{% set s = 'a' * 100000 %}{% for i in range(99999) %}{{ (s ~ 'b') in s }}{{ s.count('a' * 5000 ~ 'b') }}{% endfor %}",
            "{% set s = 'a' * 100000 %}{% for i in range(99999) %}{{ s.rfind('b' ~ s[:50000]) }}{% endfor %}",
            "{% set s = 'a' * 100000 %}{% for i in range(99999) %}{{ s == (s ~ '') }}{% endfor %}",
            "{% set s = 'é' * 100000 %}{% for i in range(99999) %}{{ s[i] }}{% endfor %}",
            "{% set s = 'é' * 100000 %}{% for i in range(99999) %}{{ s | length }}{% endfor %}",
            "{% set s = 'é' * 100000 %}{% for i in range(99999) %}{{ s[::-1] | upper | lower | title }}{% endfor %}",
            "{% set s = ' ' * 100000 %}{% for i in range(99999) %}{{ s | trim }}{{ s.split() }}{{ s.strip('\\t ') }}{% endfor %}",
            "{% for i in range(99999) %}{{ range(9999) | sort | unique | list | length }}{% endfor %}",
            "{% set l = range(9999) | list %}{% for i in l %}{% set x = dict(l | batch(2)) %}{% endfor %}",
            "{% set l = range(99999) | map('string') | list %}{% for i in l %}{{ l | sort(reverse=true) | first }}{% endfor %}",
            "{% set l = range(90000) | list %}{{ l | unique | list | length }}{{ l | groupby('x') }}{% for i in l %}{{ l.index(89999) }}{% endfor %}",
            "{% set s = 'a' * 1000000 %}{% for i in range(99999) %}{{ s.rfind(s) }}{{ s.removeprefix(s) }}{{ s.removesuffix(s) }}{% endfor %}",
            "{% set s = 'a' * 1000000 %}{{ (l * 9999) | tojson(separators=(s, s)) | length }}{{ (l * 999) | tojson(separators=(s, s)) | length }}",
            "{% set s = 'a' * 1000000 %}{% set d = dict(l | batch(2, 0)) %}{% for i in range(99999) %}{{ s in d }}{{ d[s] }}{% endfor %}",
            "{% set s = 'a' * 1000000 %}{% set d = {(s, 1): 2} %}{% for i in range(99999) %}{{ (s ~ '', 1) in d }}{% endfor %}",
            "{% set ns = namespace(a=(), b=()) %}{% for i in range(99) %}{% set ns.a = (ns.a, ns.a) %}{% set ns.b = (ns.b, ns.b) %}{% endfor %}"
                + "{{ {ns.a: 1}[ns.b] }}{{ [ns.a, ns.b] | unique | list }}{{ {ns.a: 1, ns.b: 1} }}",
            "{% set t = (range(9998) | map('string') | batch(2) | list) + (range(9998) | batch(2) | list) %}"
                + "{% for i in range(99999) %}{{ dict(t) == dict(t) }}{% endfor %}",
            "{{ dict(range(60000) | batch(2)) }}",
            "{% set d = dict(range(34) | map('string') | batch(2)) %}{% for i in range(99999) %}{{ d."
                + String(repeating: "a", count: 200_000)
                + " }}{% endfor %}{{ 1 // 0 }}",
            "{% set d = dict(range(34) | map('string') | batch(2)) %}{% for i in range(99999) %}{{ d['"
                + String(repeating: "a", count: 200_000)
                + "'] }}{% endfor %}{{ 1 // 0 }}",
            "{% set s = 'a' * 1000000 %}{{ range(99999) | map(attribute=s) | list }}",
            "{% set s = 'a' * 1000000 %}{% for i in range(99999) %}{{ i | attr(s) }}{% endfor %}",
            "{% for i in range(99999) %}{{ 5e-324 | round(1) }}{{ '%.1f' % 5e-324 }}{{ '{:.1f}'.format(1e308) }}{% endfor %}",
            "{% set ns = namespace() %}{% for i in range(99999) %}{% set ns = namespace(a=ns) %}{% endfor %}"
                + "{% for i in range(99999) %}{% for j in range(99999) %}{{ ns }}{% endfor %}{% endfor %}",
            "{% set ns = namespace() %}{% set ns.a = ns %}{% for i in range(99999) %}{% for j in range(999) %}{{ ns.a.a.a }}{% endfor %}{% endfor %}",
            "{% for i in range(99999) %}{% for j in range(99) %}{{ '{}{}{}'.format(i, j, i) }}{% endfor %}{% endfor %}",
            "{% for i in range(99999) %}{% for j in range(99) %}{{ strftime_now('%Y%c%c%c%c%c') }}{% endfor %}{% endfor %}",
            "{% for i in range(99999) %}{% for j in range(99) %}{{ 1.5 | round(3) }}{{ '%.90f' % 1e-300 }}{% endfor %}{% endfor %}",
            "{% for i in range(99999) %}{% for j in range(99) %}{{ '[[[[1]]]]' | from_json }}{% endfor %}{% endfor %}",
            "{{ '" + String(repeating: "[", count: 1000) + "' | from_json }}",
            "{% for i in range(99999) %}{{ [" + String(repeating: "1,", count: 5000) + "] }}{% endfor %}",
            "{% for i in range(99999) %}{{ 1" + String(repeating: " ~ 1", count: 5000) + " }}{% endfor %}",
            "{% for i in range(99999) %}{% if " + String(repeating: "0 or ", count: 300) + "0 %}{% endif %}{% endfor %}{{ 1 // 0 }}",
            "{{ 0" + String(repeating: " + 1", count: 100_000) + " }}", "{{ a" + String(repeating: ".a", count: 100_000) + " }}",
            "{{ a" + String(repeating: "|upper", count: 100_000) + " }}", "{{ 0" + String(repeating: " or 0", count: 100_000) + " }}",
            "{{ 1 if 0" + String(repeating: " else 1 if 0", count: 10_000) + " }}",
            "{% if 0 %}" + String(repeating: "{% if 1 %}", count: 10_000),
            "{{ '" + String(repeating: "{}", count: 100_000) + "'.format() }}", "{{ '\\ud83d' }}", "{{ '\\N{BULLET}' }}",
            "{{ '\\U99999999' }}",
            "{{ 99999999999999999999999999 }}", "{% raw %}", "{# ", "{{ ", "{% ", "{{ ' }}", "{{ a", "{% if %}", "{{ }}", "{% for a in %}",
            "{{ a b }}",
            "{% endfor %}", "{% else %}", "{{ a | nothing }}", "{{ a is nothing }}", "{% include 'a' %}", "{% import 'a' as b %}",
            "{% extends 'a' %}",
            "{{ messages.append(1) }}", "{{ d.update(a=2) }}", "{{ d.clear() }}", "{{ l.pop() }}", "{{ ''.__class__.__mro__ }}",
            "{{ d.__init__() }}",
        ]

    private static let multipliers = [
        "{% set x = x ~ x %}", "{% set x = x * 50 %}", "{% set x = x | replace('a', 'aaaa') %}", "{% set x = x.join('abcdefgh') %}",
        "{% set x = x | tojson | tojson %}", "{% set x = [x, x, x] | join(x) %}", "{% set x = x.split('a') | join('aa') %}",
        "{% set x %}{{ x }}{{ x }}{% endset %}", "{% set x = (x ~ '\\n') * 9 | indent(9, true) %}",
        "{% set x = x | upper | lower | title %}",
        "{% set x = x[::-1] ~ x[1:] %}", "{% set x = '{0}{0}{0}'.format(x) %}", "{% set x = x | list | string %}",
        "{% set x = x | e | e %}",
        "{% set x = [x, [x]] | string %}", "{% set x = {'a': x, 'b': x} | tojson(indent=8) %}", "{% set x = x | center(999999) %}",
        "{% set x = f(x) %}", "{% filter upper %}{{ x }}{% endfilter %}", "{{ x in (x ~ x) }}", "{{ x | wordcount }}", "{{ x | length }}",
        "{{ x }}",
    ]

    /// Some of the multipliers in some loops.
    static func made(_ random: inout SeededRandom) -> String {
        var source = "{% macro f(p) %}{{ p }}{{ p }}{% endmacro %}{% set x = a ~ 'a' %}"
        var ends: [String] = []
        for depth in 0..<Int.random(in: 1...4, using: &random) {
            let variable = "i\(depth)"
            let values = ["range(99999)", "range(n)", "range(30)", "x", "l * 99", "'abc' * 9999", "messages"].randomElement(using: &random)!
            source += "{% for \(variable) in \(values) %}"
            ends.append("{% endfor %}")
            for _ in 0..<Int.random(in: 0...4, using: &random) { source += multipliers.randomElement(using: &random)! }
        }
        for _ in 0..<Int.random(in: 1...30, using: &random) { source += multipliers.randomElement(using: &random)! }
        return source + ends.joined()
    }

    /// Of the language, in no order.
    static let words = [
        "{{", "}}", "{%", "%}", "{%-", "-%}", "{#", "#}", "{{-", "-}}", "for", "in", "if", "else", "elif", "endif", "endfor", "set",
        "endset", "macro",
        "endmacro", "call", "endcall", "filter", "endfilter", "generation", "endgeneration", "is", "not", "and", "or", "a", "b", "l", "d",
        "messages", "loop",
        "n", "namespace", "(", ")", "[", "]", "{", "}", ",", ":", ".", "|", "~", "+", "-", "*", "/", "//", "**", "%", "=", "==", "<", ">=",
        "'a'", "\"b\"", "1",
        "-1", "1.5", "none", "true", "defined", "tojson", "length", "range", "split", "items", "é", "\n", "raw", "endraw", "break",
        "continue", "with", "endwith",
    ]
}
