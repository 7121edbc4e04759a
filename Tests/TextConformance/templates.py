#!/usr/bin/env python3
"""Renders chat templates with jinja2, for comparison with ours.

    templates.py known FOLDER FILE [--bench]   every template of FOLDER over fixed conversations
    templates.py random COUNT SEED FILE        small random templates over random values

A line of FILE is one rendering: the template's name, the case, the variables, and the text, or that it raises. With --bench it also has the
microseconds that jinja2 took. The rendered texts quote templates that belong to their makers: files are made for a check and not kept.
"""

import datetime
import json
import sys
import time
from pathlib import Path

import template_cases
import template_grammar
from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5)
SPECIALS = {"bos_token": "<s>", "eos_token": "</s>"}
# What no other implementation could print alike: addresses and classes of Python's.
UNCOMPARABLE = ("<generator", " at 0x", "<built-in", "<function", "<bound", "<class", "<Namespace", "<LoopContext", "<Macro", "Undefined", "Markup(")


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_said"), [], [], body).set_lineno(line)

    def _said(self, caller):
        return caller()


def environment():
    result = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise TemplateError(message)

    result.filters["tojson"] = tojson
    result.filters["from_json"] = json.loads
    result.globals["raise_exception"] = raise_exception
    result.globals["strftime_now"] = lambda format: NOW.strftime(format)
    return result


def render(template, variables):
    try:
        return {"text": template.render(**variables)}
    except Exception as error:  # whatever it is, ours must refuse as well
        return {"error": f"{type(error).__name__}: {error}"[:200]}


def microseconds(template, variables):
    best, repeats = None, 20
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(repeats):
            template.render(**variables)
        best = min(best or 1e9, (time.perf_counter() - start) / repeats)
    return best * 1e6


def known(folder, output, bench):
    jinja = environment()
    for path in sorted(Path(folder).glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        try:
            template = jinja.from_string(source)
        except Exception as error:
            output({"template": path.name, "source": source, "case": "compile", "variables": {}, "error": str(error)[:200]})
            continue
        for name, case in template_cases.cases().items():
            variables = {**SPECIALS, "tools": None, "documents": None, **json.loads(json.dumps(case))}
            line = {"template": path.name, "case": name, "variables": variables, **render(template, variables)}
            if bench and "text" in line:
                line["microseconds"] = microseconds(template, variables)
            output({**line, "source": source})


def random(count, seed, output):
    jinja = environment()
    made = number = 0
    while made < count:
        grammar = template_grammar.Grammar(f"{seed}-{number}")
        source, variables = grammar.template(), grammar.variables()
        line = {"template": f"random {seed}-{number}", "case": "", "source": source, "variables": variables}
        number += 1
        try:
            line |= render(jinja.from_string(source), json.loads(json.dumps(variables)))
        except Exception as error:
            line["error"] = str(error)[:200]
        # Most random templates raise somewhere, and one that does shows little.
        if "error" in line and not grammar.chance(8):
            continue
        made += 1
        if any(word in line.get("text", "") for word in UNCOMPARABLE) or len(line.get("text", "")) > 100_000:
            line = {**line, "skip": True}
        output(line)


def main():
    command, *rest = sys.argv[1:]
    bench = "--bench" in rest
    rest = [word for word in rest if word != "--bench"]
    with open(rest[-1], "w", encoding="utf-8", errors="surrogatepass") as file:

        def output(line):
            file.write(json.dumps(line, ensure_ascii=True) + "\n")

        if command == "known":
            known(rest[0], output, bench)
        else:
            random(int(rest[0]), rest[1], output)


if __name__ == "__main__":
    main()
