"""What checks ask, and how they read what comes."""

QUESTION, ANSWER = "What is the capital of Japan?", "The capital of Japan is Tokyo."
STORY = "Once upon a time"
TOOLS = [{
    "type": "function",
    "function": {
        "name": "get_weather", "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}]  # fmt: skip
USAGE = {"stream": True, "stream_options": {"include_usage": True}}


class DoesNotApply(Exception):
    pass


def applies(condition, reason):
    if not condition:
        raise DoesNotApply(reason)


def same(found, expected, what):
    assert found == expected, f"{what}: {found!r}, expected {expected!r}"


def answered(answer):
    same(answer.status, 200, f"status, of {answer.body[:300]!r}")
    return answer


def content(answer):
    return answered(answer).json()["choices"][0]["message"]["content"]


def streamed_text(events):
    choices = [choice for event in events for choice in event["choices"]]
    return "".join(choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in choices)
