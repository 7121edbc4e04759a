#!/usr/bin/env python3
"""Small random templates of the constructs that chat templates use, and values for them."""

import random

TEXTS = ["", "a", "B", "ab", " x ", "a,b,,c", "Hello World", "é漢🙂", "<|im_end|>", "it's \"q\"", "line\nline2\n", "\t", "true", "12", "-3.5", "ßΣ"]
INTS = [0, 1, -1, 2, 3, 7, -5, 10, 100]
FLOATS = [0.0, 1.0, 0.5, -2.5, 1e5, 1e16, 1e-5, 3.14159, 1e22, 123456.789]
KEYS = ["a", "b", "role", "content", "name", "items", "x y"]
NAMES = ["s", "t", "n", "f", "l", "d", "m", "yes", "no", "nothing", "missing", "i", "x", "y"]
SPACES = ["", " ", "\n", "  \n", "\n  ", "text", " word ", "\n\n", "\t"]


class Grammar:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.depth = 0
        self.in_loop = 0
        self.macros = []

    def pick(self, values):
        return self.random.choice(values)

    def chance(self, one_in):
        return self.random.randrange(one_in) == 0

    # Values

    def scalar(self):
        return self.pick([self.pick(TEXTS), self.pick(TEXTS), self.pick(INTS), self.pick(FLOATS), True, False, None])

    def value(self, depth=2):
        if depth == 0 or self.chance(2):
            return self.scalar()
        if self.chance(2):
            return [self.value(depth - 1) for _ in range(self.random.randrange(4))]
        return {self.pick(KEYS): self.value(depth - 1) for _ in range(self.random.randrange(4))}

    def message(self):
        return {"role": self.pick(["user", "assistant", "tool"]), "content": self.pick(TEXTS + [None]), **({"name": "n"} if self.chance(3) else {})}

    def variables(self):
        pool = [TEXTS, INTS, FLOATS]
        uniform = self.pick(pool)
        return {
            "s": self.pick(TEXTS), "t": self.pick(TEXTS), "n": self.pick(INTS), "f": self.pick(FLOATS),
            "l": [self.pick(uniform) for _ in range(self.random.randrange(5))] if self.chance(2) else self.value_list(),
            "d": {self.pick(KEYS): self.value(1) for _ in range(self.random.randrange(5))},
            "m": [self.message() for _ in range(self.random.randrange(4))],
            "yes": True, "no": False, "nothing": None,
        }

    def value_list(self):
        return [self.value(1) for _ in range(self.random.randrange(5))]

    # Expressions

    def literal(self):
        value = self.scalar()
        if isinstance(value, str):
            return self.text(value)
        return repr(value) if self.chance(2) or not isinstance(value, (bool, type(None))) else repr(value).lower()

    def text(self, value=None):
        value = self.pick(TEXTS) if value is None else value
        quote = self.pick(["'", '"'])
        return quote + value.replace("\\", "\\\\").replace(quote, "\\" + quote).replace("\n", "\\n").replace("\t", "\\t") + quote

    def expression(self):
        self.depth += 1
        try:
            if self.depth > 4 or self.chance(4):
                return self.pick([self.pick(NAMES), self.pick(NAMES), self.literal()])
            return self.pick(self.forms)(self)
        finally:
            self.depth -= 1

    def binary(self):
        operator = self.pick(["+", "+", "-", "*", "/", "//", "%", "~", "~", "~"])
        return f"{self.operand()} {operator} {self.operand()}"

    def operand(self):
        return f"({self.expression()})" if self.chance(3) else self.expression()

    def comparison(self):
        operator = self.pick(["==", "!=", "<", "<=", ">", ">=", "in", "not in"])
        return f"({self.operand()} {operator} {self.operand()})"

    def logic(self):
        return self.pick([lambda: f"({self.operand()} and {self.operand()})", lambda: f"({self.operand()} or {self.operand()})", lambda: f"(not {self.operand()})"])()

    def conditional(self):
        otherwise = f" else {self.operand()}" if self.chance(2) else ""
        return f"({self.operand()} if {self.operand()}{otherwise})"

    def access(self):
        base = self.pick(["d", "m[0]", "m[-1]", "l", "s", "(m|first)", self.pick(NAMES)])
        return base + self.pick([".a", ".role", ".content", "['a']", "['content']", "[0]", "[-1]", "[1]", "[n]", ".name", ".missing", "['x y']"])

    def slice(self):
        base = self.pick(["l", "s", "t", "m", "'abcdef'", "'é漢🙂x'", "[1, 2, 3, 4]", "(1, 2, 3)"])
        bound = lambda: self.pick(["", "", "0", "1", "2", "-1", "-2", "5", "-9", "n"])
        step = self.pick(["", "", "", ":2", ":-1", ":-2"])
        return f"{base}[{bound()}:{bound()}{step}]"

    def display(self):
        kind = self.random.randrange(3)
        if kind == 0:
            return "[" + ", ".join(self.expression() for _ in range(self.random.randrange(4))) + "]"
        if kind == 1:
            return "{" + ", ".join(f"{self.pick([self.text(self.pick(KEYS)), '1', 's'])}: {self.expression()}" for _ in range(self.random.randrange(3))) + "}"
        return "(" + "".join(self.expression() + ", " for _ in range(self.random.randrange(1, 3))) + ")"

    def test(self):
        name = self.pick(["defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number", "boolean", "true", "false", "integer", "float", "odd", "even", "lower", "upper", "callable"])
        if self.chance(4):
            name = self.pick(["equalto", "eq", "ne", "in", "divisibleby", "gt", "lt"]) + f"({self.expression()})"
        return f"({self.operand()} is {self.pick(['', 'not '])}{name})"

    def filter(self):
        filters = [
            "length", "trim", "upper", "lower", "title", "capitalize", "string", "tojson", "tojson(indent=2)", "tojson(ensure_ascii=True)", "list", "first", "last",
            "default('z')", "default('z', true)", "d(n, boolean=true)", "join(', ')", "join", "items|list", "reverse|list", "sort", "unique|list", "int", "float", "abs", "round",
            "map('upper')|list", "map(attribute='role')|list", "map('string')|join('-')", "select|list", "reject|list", "select('string')|list", "selectattr('role', 'equalto', 'user')|list",
            "selectattr('name')|list", "rejectattr('role', 'eq', 'user')|map(attribute='content')|list", "dictsort", "dictsort(by='value')", "dictsort(reverse=true)", "replace('a', 'bb')", "replace('', '.')",
            "replace('l', s, 1)", "indent", "indent(2)", "indent(2, first=true)", "min", "max", "sum", "safe", "e", "wordcount", "tojson(separators=(',', ':'))", "tojson(sort_keys=true)", "round(1)", "int(default=5)",
            "join('<>', attribute='role')", "sort(reverse=true)", "sort(attribute='role')", "groupby('role')|map('first')|list", "batch(2)|list", "slice(2)|list", "center(9)", "trim('a')", "count", "attr('role')", "format(1)",
        ]
        base = self.pick([self.pick(NAMES), self.pick(NAMES), self.operand()])
        result = f"({base})" if " " in base else base
        for _ in range(self.random.randrange(1, 3)):
            result += "|" + self.pick(filters)
        return f"({result})"

    def method(self):
        texts = [
            "strip()", "lstrip()", "rstrip()", "strip('a ')", "lstrip('ab')", "rstrip('\\n')", "split()", "split(',')", "split('a', 1)", "rsplit(',', 1)", "split(None, 1)", "upper()", "lower()", "title()",
            "capitalize()", "startswith('a')", "endswith(('a', 'b'))", "startswith('', 1)", "replace('a', 'x')", "replace('a', 'x', 1)", "find('l')", "rfind('l')", "count('l')", "splitlines()", "splitlines(true)",
            "join(['a', 'b'])", "join('xyz')", "format(1, a=2)", "isdigit()", "isalpha()", "isupper()", "islower()", "isspace()", "isalnum()", "zfill(6)", "ljust(8)", "rjust(8, '*')", "center(7)", "partition('l')",
            "rpartition('l')", "removeprefix('a')", "removesuffix('b')", "swapcase()", "index('zz')",
        ]
        dicts = ["get('a')", "get('zz', 5)", "items()|list", "keys()|list", "values()|list", "get(n)", "pop('a')", "keys()|length", "copy()"]
        lists = ["index(1)", "count(1)", "append(1)"]
        return self.pick([
            lambda: f"{self.pick(['s', 't', self.text(), '(' + self.expression() + ')'])}.{self.pick(texts)}",
            lambda: f"d.{self.pick(dicts)}",
            lambda: f"l.{self.pick(lists)}",
            lambda: f"'{self.pick(['{}', 'a{}b{}', '{0}{0}', '{a}', '{{}}', '{:>5}', '{:.2f}', '{:03d}', '{!r}'])}'.format({self.expression()}, a=n)",
            lambda: f"'{self.pick(['%s', '%d', '%s-%s', '%r', '%5.1f', '%03d', '100%%'])}' % {self.pick(['s', 'n', 'f', '(s, n)', 'l'])}",
        ])()

    def call(self):
        options = [lambda: f"range({self.pick(['3', 'n', '1, 4', '5, 0, -2', 'l|length'])})|list", lambda: "namespace(a=1).a", lambda: f"dict(a={self.expression()}, b=2)"]
        if self.macros:
            options.append(lambda: f"{self.pick(self.macros)}({self.pick(['', self.expression(), 'q=' + self.expression()])})")
        if self.in_loop:
            options.append(lambda: "loop." + self.pick(["index", "index0", "first", "last", "length", "revindex", "previtem", "nextitem", "cycle('a', 'b')", "depth", "changed(i)"]))
        return self.pick(options)()

    def unary(self):
        return f"-{self.pick(['n', 'f', '3', '(n + 1)', 's'])}"

    forms = [binary, binary, comparison, logic, conditional, access, access, slice, display, test, filter, filter, filter, method, method, call, unary]

    # Statements

    def tag(self, inside):
        open_sign, close_sign = self.pick(["", "", "-", "+"]), self.pick(["", "", "-", "+"])
        return "{%" + open_sign + " " + inside + " " + close_sign + "%}"

    def body(self, depth):
        return "".join(self.statement(depth) for _ in range(self.random.randrange(1, 4)))

    def statement(self, depth):
        space = self.pick(SPACES)
        if depth == 0 or self.chance(2):
            close = self.pick(["}}", "}}", "-}}"])
            return space + self.pick(["{{", "{{-", "{{"]) + " " + self.expression() + " " + close
        return space + self.pick(self.statements)(self, depth - 1) + self.pick(SPACES)

    def condition(self, depth):
        text = self.tag(f"if {self.expression()}") + self.body(depth)
        if self.chance(3):
            text += self.tag(f"elif {self.expression()}") + self.body(depth)
        if self.chance(2):
            text += self.tag("else") + self.body(depth)
        return text + self.tag("endif")

    def loop(self, depth):
        target, values = self.pick([
            ("i", self.pick(["l", "m", "s", "d", "range(3)", self.expression()])), ("x, y", "d.items()"), ("x, y", "d|items"), ("x, y", "d|dictsort"), ("i", "m[::-1]"), ("i", "m|selectattr('role', 'eq', 'user')"),
        ])
        test = self.pick(["", "", "", f" if {self.expression()}"])
        head = self.tag(f"for {target} in {values}{test}")
        self.in_loop += 1
        body = self.body(depth)
        if self.chance(5):
            body += self.tag(f"if {self.expression()}") + self.tag(self.pick(["break", "continue"])) + self.tag("endif") + self.body(0)
        self.in_loop -= 1
        otherwise = self.tag("else") + self.body(depth) if self.chance(4) else ""
        return head + body + otherwise + self.tag("endfor")

    def set(self, depth):
        return self.tag(self.pick([f"set {self.pick(['x', 'y', 's', 'i'])} = {self.expression()}", f"set x, y = {self.expression()}, {self.expression()}"]))

    def set_block(self, depth):
        return self.tag(f"set {self.pick(['x', 'y'])}{self.pick(['', '', ' | upper', ' | trim'])}") + self.body(depth) + self.tag("endset")

    def namespace(self, depth):
        inner = self.tag("for i in l") + self.tag("set ns.a = " + self.pick(["ns.a + 1", "i", "ns.a ~ 'x'", self.expression()])) + self.tag("endfor")
        return self.tag(f"set ns = namespace(a={self.pick(['0', 's', self.expression()])})") + inner + "{{ ns.a }}{{ ns.b }}"

    def macro(self, depth):
        name = self.pick(["f1", "f2"])
        text = self.tag(f"macro {name}(p, q={self.pick(['1', 's', 'p', self.expression()])})") + "{{ p }}{{ q }}" + self.body(depth) + self.tag("endmacro")
        self.macros.append(name)
        return text + "{{ " + f"{name}({self.expression()})" + " }}"

    def call_block(self, depth):
        head = self.tag("macro f3(p)") + "[{{ caller(p) }}]" + self.tag("endmacro")
        return head + self.tag(f"call(v) f3({self.expression()})") + "{{ v }}" + self.body(depth) + self.tag("endcall")

    def filter_block(self, depth):
        return self.tag("filter " + self.pick(["upper", "trim", "replace('a', 'b')", "indent(1)"])) + self.body(depth) + self.tag("endfilter")

    def generation(self, depth):
        return self.tag("generation") + self.body(depth) + self.tag("endgeneration")

    def with_block(self, depth):
        return self.tag(f"with x = {self.expression()}, z = y") + "{{ x }}{{ z }}" + self.body(depth) + self.tag("endwith")

    def comment(self, depth):
        return self.pick(["{# c #}", "{#- c -#}", "{# a\nb #}\n", "  {#- c #}\n", "{% raw %} {{ x }} {% endraw %}\n", "{%- raw -%} a {%- endraw -%} "])

    statements = [condition, condition, loop, loop, set, set, set_block, namespace, macro, call_block, filter_block, generation, with_block, comment]

    def template(self):
        text = "".join(self.statement(2) for _ in range(self.random.randrange(1, 5))) + self.pick(SPACES)
        return text.replace("\n", "\r\n") if self.chance(30) else text
