import ClusterModel
import JSONText
import Testing
import TextProcessing

/// The language, where an example says more than a comparison; `deploy/dev/text-check templates` compares all of it.
@Suite("Jinja") struct JinjaTests {
    private static let variables: JSONValue = ["l": [3, 1, 2], "d": ["b": 1, "a": 2], "s": "aé漢🙂", "f": 1e22, "none": nil]

    @Test(
        "templates and their text",
        arguments: [
            // White space.
            ("  {% if true %}\na\n  {% endif %}\nb\n", "a\nb"), ("a {%- if true -%} b {%- endif -%} c", "abc"),
            ("a\n  {{ 1 }}\n", "a\n  1"),
            ("  {%+ if true %}a{% endif +%}\nb", "  a\nb"), ("a{# b #}\nc", "ac"), ("{% raw %}{{ a }}{% endraw %}", "{{ a }}"),
            ("a\r\nb\r\n", "a\nb"),
            // Scopes.
            ("{% set x = 1 %}{% for i in l %}{% set x = i %}{% endfor %}{{ x }}", "1"),
            ("{% for i in l %}{{ x }}{% set x = i %}{{ x }}{% endfor %}", "312"),
            ("{% set n = namespace(x=1) %}{% for i in l %}{% set n.x = n.x + i %}{% endfor %}{{ n.x }}", "7"),
            ("{% macro f(a, b=a) %}{{ a }}{{ b }}{{ x }}{% endmacro %}{% set x = 5 %}{{ f(1) }}{{ f(1, b=2) }}", "115125"),
            ("{% if false %}{% set x = 1 %}{% endif %}{{ x is defined }}", "False"),
            ("{% for i in l %}{% if i == 1 %}{% continue %}{% endif %}{{ loop.index }}{{ i }},{% endfor %}", "13,32,"),
            ("{% for i in [] %}a{% else %}b{% endfor %}", "b"), ("{% for k, v in d.items() %}{{ k }}{{ v }}{% endfor %}", "b1a2"),
            ("{% for i in l if i > 1 %}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}", "22;23;"),
            // Values as text.
            ("{{ [none, true, 1.0, f, 'a\"', \"b'\", (1,), {'x': 1}] }}", "[None, True, 1.0, 1e+22, 'a\"', \"b'\", (1,), {'x': 1}]"),
            (
                "{{ 1e16 }} {{ 123456789012345.0 }} {{ 1e-5 }} {{ 0.0001 }} {{ -0.0 }} {{ 5e-324 }}",
                "1e+16 123456789012345.0 1e-05 0.0001 -0.0 5e-324"
            ),
            ("{{ s | length }}{{ s[1] }}{{ s[-1] }}{{ s[::-1] }}{{ s[1:3] }}", "4é🙂🙂漢éaé漢"),
            ("{{ l[::-1] }}{{ l[-2:] }}{{ l[5:] }}", "[2, 1, 3][1, 2][]"),
            ("{{ 7 // -2 }} {{ 7 % -2 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 1 + true }} {{ 3 * 'ab' }}", "-4 -1 3.5 1024 2 ababab"),
            ("{{ d | tojson }}{{ d | tojson(indent=1) }}", "{\"b\": 1, \"a\": 2}{\n \"b\": 1,\n \"a\": 2\n}"),
            ("{{ 'é\u{7F}' | tojson(ensure_ascii=true) }}", "\"\\u00e9\\u007f\""),
            // Filters, tests and methods.
            ("{{ l | sort | join(',') }}{{ d | dictsort | list }}{{ l | max }}", "1,2,3[('a', 2), ('b', 1)]3"),
            ("{{ nothing | default('x') }}{{ '' | default('y', true) }}", "xy"),
            ("{{ ' a b '.split() }}{{ 'a,b,'.split(',') }}{{ 'a-b-c'.rsplit('-', 1) }}", "['a', 'b']['a', 'b', '']['a-b', 'c']"),
            ("{{ 'ß'.upper() }}{{ 'ΑΣ'.lower() }}{{ 'it is'.title() }}", "SSαςIt Is"),
            ("{{ ' a b '.split(none, 1) }}{{ ' a b '.rsplit(none, 1) }}{{ ' a '.split(none, 1) }}", "['a', 'b '][' a', 'b']['a']"),
            ("{{ nothing is defined }}{{ d is mapping }}{{ s is sequence }}{{ 1.0 is number }}", "FalseTrueTrueTrue"),
            ("{{ [('ab' | e) | first, ('ab' | e) | last] }}", "['a', Markup('b')]"),
            ("{{ ('<' | safe) + '<' }}", "<&lt;"), ("{{ '%05.1f|%s|%d' % (3.14159, 'x', 7) }}", "003.1|x|7"),
            ("{{ '{:>5}|{:03d}|{!r}'.format('a', 7, 'b') }}", "    a|007|'b'"),
            ("{% generation %}a{% endgeneration %}{% filter upper %}b{% endfilter %}{% set x %}c{% endset %}{{ x }}", "aBc"),
            ("{% macro f() %}[{{ caller(1) }}]{% endmacro %}{% call(x) f() %}{{ x }}!{% endcall %}", "[1!]"),
            ("{{ 'a' if false }}|{{ 1 if true else 2 }}", "|1"),
            ("{{ '0x1F' | int(base=16) }} {{ '0b11' | int(base=2) }} {{ '-0O7' | int(base=8) }} {{ '0x1F' | int(7) }}", "31 3 -7 7"),
            ("{{ '0x' | int(3, 16) }} {{ '0x_f' | int(base=16) }} {{ '0b1' | int(base=16) }} {{ 'zz' | int(base=36) }}", "3 15 177 1295"),
            (
                "{{ ' 1_000 ' | int }} {{ '1__0' | int(5) }} {{ '_1' | int(5) }} {{ '١٢' | int }} {{ '+7' | int }} {{ '4.9' | int }}",
                "1000 5 5 12 7 4"
            ),
            (
                "{{ '1_0.5' | float }} {{ '1_.5' | float(2.0) }} {{ '1e1_0' | float }} {{ '1_e5' | float(2.0) }} {{ '١.٥' | float }}",
                "10.5 2.0 10000000000.0 2.0 1.5"
            ),
            (
                "{{ '99999999999999999999' | int }} {{ '-00' | int }} {{ 'x' | int }} {{ '-' | int }} {{ '' | int }}",
                "99999999999999999999 0 0 0 0"
            ),
            ("{{ 'ǆ' | title }} {{ 'ß' | title }} {{ 'ﬁn' | title }} {{ 'ǆ'.title() }}", "Ǆ SS FIn ǅ"),
        ] as [(String, String)])
    func text(source: String, expected: String) throws {
        #expect(try render(source, Self.variables) == expected, "\(source)")
    }
}
