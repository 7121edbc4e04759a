#!/usr/bin/env python3
"""Conversations that chat templates are rendered with."""

QUOTES = "He said \"it's\" <b>&amp;</b> \\ and\ttab\nnew line é 漢字 🙂 \u2028 \x7f"

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather <in> a \"city\" & more",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "é city"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
NESTED = {
    "type": "function",
    "function": {
        "name": "plan",
        "description": QUOTES,
        "parameters": {
            "type": "object",
            "properties": {
                "when": {"type": ["string", "null"], "enum": ["now", "later", None], "default": "now"},
                "limits": {
                    "type": "object",
                    "properties": {
                        "low": {"type": "number", "minimum": 1.0, "maximum": 1e5, "default": 0.1},
                        "many": {"type": "array", "items": {"type": "integer", "default": 12345678901234567890123}},
                        "small": {"type": "number", "default": 1e-7},
                        "either": {"anyOf": [{"type": "string"}, {"type": "boolean"}], "description": "one of two"},
                    },
                    "required": ["low"],
                },
                "é": {"type": "boolean", "default": False},
            },
            "required": ["when", "limits"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
USER = {"role": "user", "content": "  What's the weather in Zürich? <b>&\n"}
SYSTEM = {"role": "system", "content": "Be brief."}


def call(number, name, arguments, **more):
    return {"id": f"call{number:05}", "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def said(content, *calls, **more):
    return {"role": "assistant", "content": content, **({"tool_calls": list(calls)} if calls else {}), **more}


def result(number, name, content):
    return {"role": "tool", "tool_call_id": f"call{number:05}", "name": name, "content": content}


ZURICH = call(1, "get_weather", {"city": "Zürich", "days": 3})
NUMBERS = call(2, "plan", {"limits": {"low": 1.0, "high": 1e5, "many": [1, -2, 12345678901234567890123], "x": None, "y": True}, "é": 1e22})


def cases():
    user = lambda text: {"role": "user", "content": text}
    open_end = dict(add_generation_prompt=True)
    thinking = [USER, said("<think>\nhm\n</think>\n\nSunny.", reasoning_content="hm", reasoning="hm"), user("ok")]
    return {
        "user": dict(messages=[USER], **open_end),
        "user, closed": dict(messages=[USER], add_generation_prompt=False),
        "system": dict(messages=[SYSTEM, USER], **open_end),
        "many turns": dict(messages=[SYSTEM, USER, said("Sunny."), user("And tomorrow?")], **open_end),
        "long": dict(messages=[SYSTEM] + [m for i in range(12) for m in (user(f"Question {i}?"), said(f"Answer {i}."))] + [USER], **open_end),
        "tools": dict(messages=[USER], tools=[TOOL], **open_end),
        "tools, system": dict(messages=[SYSTEM, USER], tools=[TOOL, NESTED], **open_end),
        "call": dict(messages=[USER, said("", ZURICH), result(1, "get_weather", '{"t": 21}')], tools=[TOOL], **open_end),
        "call, null": dict(messages=[USER, said(None, ZURICH), result(1, "get_weather", '{"t": 21}')], tools=[TOOL], **open_end),
        "call, text": dict(messages=[USER, said("Let me look.", ZURICH), result(1, "get_weather", "21")], tools=[TOOL], **open_end),
        "call, open": dict(messages=[USER, said("", ZURICH)], tools=[TOOL], add_generation_prompt=False),
        "calls": dict(
            messages=[USER, said("", ZURICH, NUMBERS), result(1, "get_weather", "21"), result(2, "plan", QUOTES), said("Done."), USER],
            tools=[TOOL, NESTED], **open_end),
        "call, arguments as text": dict(
            messages=[USER, said("", call(1, "get_weather", '{"city": "Z\\u00fcrich"}')), result(1, "get_weather", "21")], tools=[TOOL],
            **open_end),
        "call, nothing given": dict(messages=[USER, said("", call(1, "get_weather", {})), result(1, "get_weather", "")], tools=[TOOL], **open_end),
        "call, thoughts": dict(
            messages=[USER, said("", ZURICH, reasoning_content="I should look.", reasoning="I should look."), result(1, "get_weather", "21")],
            tools=[TOOL], **open_end),
        "thinking off": dict(messages=[USER], enable_thinking=False, thinking=False, **open_end),
        "thinking on": dict(messages=[SYSTEM, USER], enable_thinking=True, thinking=True, **open_end),
        "effort": dict(messages=[SYSTEM, USER], reasoning_effort="high", builtin_tools=["browser", "python"], model_identity="You are X.", **open_end),
        "thoughts": dict(messages=thinking, **open_end),
        "thoughts, closed": dict(messages=thinking[:2], add_generation_prompt=False),
        "parts": dict(messages=[{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": " there"}]}], **open_end),
        "developer": dict(messages=[{"role": "developer", "content": "Be brief."}, USER], **open_end),
        "quotes": dict(messages=[{"role": "system", "content": QUOTES}, user(QUOTES), said(QUOTES), user(QUOTES)], **open_end),
        "empty texts": dict(messages=[{"role": "system", "content": ""}, user(""), said(""), user(" ")], **open_end),
        "no messages": dict(messages=[], **open_end),
        "names": dict(messages=[{**USER, "name": "Zoë"}, {**said("Hi"), "name": "bot"}, USER], **open_end),
        "wrong order": dict(messages=[said("Hi"), said("Again"), USER], **open_end),
        "two users": dict(messages=[USER, USER], **open_end),
        "system late": dict(messages=[USER, SYSTEM, USER], **open_end),
        "tool alone": dict(messages=[USER, result(1, "get_weather", "21")], **open_end),
        "documents": dict(
            messages=[USER], documents=[{"title": "T", "text": QUOTES, "doc_id": 1}, {"title": "U", "text": "é", "doc_id": "b"}], **open_end),
        "functions as text": dict(messages=[SYSTEM, USER], functions='[{"name": "f"}]', datetime="today", tools=[TOOL], **open_end),
        "tools by another name": dict(
            messages=[SYSTEM, USER, said("Hm.", ZURICH), result(1, "get_weather", "21")],
            tools=[{"name": "f", "description": QUOTES, "parameter_definitions": {"city": {"type": "str", "description": "é", "required": True}}}],
            **open_end),
        "continued": dict(messages=[USER, said("It is")], add_generation_prompt=False, continue_final_message=True),
    }
