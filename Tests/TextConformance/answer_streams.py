#!/usr/bin/env python3
"""Renders answers with calls of tools through real chat templates, so that parsers can be held against the models' own forms.

usage: answer_streams.py TEMPLATES > answers.json

Past answers of an assistant stand in a prompt as the model would have written them: what a template renders behind the words that begin an
answer is a stream that a parser of this model must read. One object for each template and conversation that renders; the others are left out,
since a template may refuse them. What is printed quotes the templates: it is made when it is needed, and kept nowhere.
"""
import datetime
import json
import os
import re
import sys

from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_same"), [], [], body).set_lineno(line)

    def _same(self, caller):
        return caller()


def refuse(message):
    raise TemplateError(message)


def environment():
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = lambda value, ensure_ascii=False, indent=None, separators=None, sort_keys=False: json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    made.filters["from_json"] = json.loads
    made.globals["raise_exception"] = refuse
    made.globals["strftime_now"] = lambda form: datetime.datetime(2026, 1, 2, 3, 4, 5).strftime(form)
    return made


TYPES = {"city": "string", "days": "integer", "exact": "boolean", "where": "object", "list": "array", "code": "string"}
TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {name: {"type": kind, "description": name} for name, kind in TYPES.items()},
                       "required": ["city"]}}},
    {"type": "function", "function": {"name": "now", "description": "Tells the time.", "parameters": {"type": "object", "properties": {}}}},
]
USER = {"role": "user", "content": "What is the weather?"}
# (name, arguments) of the calls of each conversation
CONVERSATIONS = {
    "one": ("", [("get_weather", {"city": "Zürich", "days": 3})]),
    "said": ("I will look.", [("get_weather", {"city": "Oslo"})]),
    "hard": ("", [("get_weather", {
        "city": "a } ] b", "days": -12, "exact": True, "where": {"at": [1.5, {"deep": "x"}], "none": False}, "list": ["p", 2],
        "code": "if (a < b) { return \"q\"; }"})]),
    "lines": ("", [("get_weather", {"code": "first\n  second 😀\n\nlast"})]),
    "two": ("Both.", [("get_weather", {"city": "Rome"}), ("now", {})]),
}
ENDS = re.compile(
    r"(?:</s>|<\|im_end\|>|<\|eot_id\|>|<\|eom_id\|>|<｜end▁of▁sentence｜>|<\|end_of_text\|>|<\|END_OF_TURN_TOKEN\|>|<\|assistant_end\|>|<turn\|>"
    r"|\[e~\[|<seed:eos>|<end_of_sentence>|<\|end\|>|</assistant>|<\|tool_response>|<\|observation\|>|<role>|<\|role_end\|>|<SPECIAL_12>|\s)+$")
# These end a turn wherever they stand: what a template puts behind them is another turn.
TURN_ENDS = re.compile(r"<\|END_OF_TURN_TOKEN\|>|<sep>|<｜end▁of▁sentence｜>")


def conversation(content, calls, as_text, key):
    calls = [
        {"id": f"call{index:05}", "type": "function",
         "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False) if as_text else arguments}}
        for index, (name, arguments) in enumerate(calls)]
    return [USER, {"role": "assistant", "content": content, key: calls}]


def answers(template, name, source):
    for title, (content, calls) in CONVERSATIONS.items():
        for as_text in (False, True):
            messages = conversation(content, calls, as_text, "tool_calls")
            words = dict(bos_token="<s>", eos_token="</s>", tools=TOOLS)
            try:
                prompt = template.render(messages=messages[:1], add_generation_prompt=True, **words)
                whole = template.render(messages=messages, add_generation_prompt=False, **words)
            except Exception:  # the template's refusal, in whatever form it comes
                continue
            start = len(os.path.commonprefix([prompt, whole]))
            # Not inside a marker that only begins alike.
            opened = prompt.rfind("<", 0, start)
            if opened > prompt.rfind(">", 0, start):
                start = opened
            if any(call not in whole[start:] for call, _ in calls):
                continue  # it does not write calls
            text = ENDS.sub("", TURN_ENDS.split(whole[start:])[0])
            yield {
                "template": name, "source": source, "conversation": title, "text": text, "isThinking": "think>" in text and "<think>" not in text,
                "content": content, "calls": [{"name": call, "arguments": arguments} for call, arguments in calls]}
            break


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    made = environment()
    found = []
    for file in sorted(os.listdir(sys.argv[1])):
        if file.endswith(".jinja"):
            with open(os.path.join(sys.argv[1], file)) as source:
                text = source.read()
            found += answers(made.from_string(text), file, text)
    json.dump({"tools": TOOLS, "answers": found}, sys.stdout, ensure_ascii=False)


main()
