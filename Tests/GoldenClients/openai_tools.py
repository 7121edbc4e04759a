"""openai-python: calls of tools, thoughts, answers of a demanded form, and the two later APIs."""

import base64
import importlib.metadata
import json
import struct

import openai
from checks import check, raises, run, same, url
from openai_chat import read_chat_stream, usage_adds_up
from pydantic import BaseModel

client = openai.OpenAI(base_url=url(), api_key="none", max_retries=0)
TINY = "tiny"
NEWEST = int(importlib.metadata.version("openai").split(".")[0])
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather", "description": "The weather of a city.",
        "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}}, "required": ["city"],
        },
    },
}  # fmt: skip
TIME = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}}}}
# What answers.jsonl has an answer for.
ONE_CALL, TWO_CALLS, THOUGHT = "What is the weather in Paris?", "Compare the weather in Paris and in Tokyo.", "Think of the capital of Japan."


def ask(content, **more):
    return {"model": TINY, "messages": [{"role": "user", "content": content}], "max_tokens": 200, **more}


def arguments_of(call):
    value = json.loads(call.function.arguments)
    assert isinstance(value, dict), value
    return value


def read_calls(stream):
    """Calls of a stream, put together as clients do, and why it ended."""
    calls, finishes = [], []
    for chunk in stream:
        if not chunk.choices:
            continue
        choice = chunk.choices[0]
        for delta in choice.delta.tool_calls or []:
            if delta.index == len(calls):
                assert delta.id and delta.type == "function" and delta.function.name, f"the first delta of a call lacks something: {delta}"
                calls.append({"id": delta.id, "name": delta.function.name, "arguments": ""})
            else:
                same(delta.index, len(calls) - 1, "index of a later delta")
                assert not delta.id and not delta.function.name, f"a later delta repeats what a call is: {delta}"
            calls[-1]["arguments"] += delta.function.arguments or ""
        if choice.finish_reason:
            finishes.append(choice.finish_reason)
    return calls, finishes


@check("tools: a call in one body, its result, and the answer to it")
def one_call():
    request = ask(ONE_CALL, tools=[WEATHER])
    choice = client.chat.completions.create(**request).choices[0]
    same((choice.finish_reason, len(choice.message.tool_calls)), ("tool_calls", 1))
    assert not choice.message.content, choice.message.content
    call = choice.message.tool_calls[0]
    same((call.type, call.function.name, arguments_of(call)["city"]), ("function", "get_weather", "Paris"))
    request["messages"] += [
        choice.message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": '{"celsius": 21}'}]
    answer = client.chat.completions.create(**request).choices[0]
    same((answer.message.content, answer.finish_reason, answer.message.tool_calls), ("It is 21 degrees there.", "stop", None))


@check("tools: a call, streamed")
def one_call_streamed():
    calls, finishes = read_calls(client.chat.completions.create(stream=True, **ask(ONE_CALL, tools=[WEATHER])))
    same((finishes, [call["name"] for call in calls]), (["tool_calls"], ["get_weather"]))
    same(json.loads(calls[0]["arguments"])["city"], "Paris")


@check("tools: two calls at once, in one body and streamed")
def two_calls():
    message = client.chat.completions.create(**ask(TWO_CALLS, tools=[WEATHER, TIME])).choices[0].message
    same([arguments_of(call)["city"] for call in message.tool_calls], ["Paris", "Tokyo"])
    assert len({call.id for call in message.tool_calls}) == 2
    calls, finishes = read_calls(client.chat.completions.create(stream=True, **ask(TWO_CALLS, tools=[WEATHER, TIME])))
    same([json.loads(call["arguments"])["city"] for call in calls], ["Paris", "Tokyo"])
    same(finishes, ["tool_calls"])
    assert len({call["id"] for call in calls}) == 2


@check("tools: the client's own helper puts a stream together")
def helper():
    resource = client.chat.completions if hasattr(client.chat.completions, "stream") else client.beta.chat.completions
    with resource.stream(**ask(ONE_CALL, tools=[WEATHER])) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert "tool_calls.function.arguments.delta" in kinds and "tool_calls.function.arguments.done" in kinds, kinds
    same(arguments_of(final.choices[0].message.tool_calls[0])["city"], "Paris")


@check("tools: a call is demanded, any or one by name, and comes; none is demanded, and none comes")
def demanded():
    for choice in ("required", {"type": "function", "function": {"name": "get_weather"}}):
        request = ask("Hello", tools=[WEATHER] if choice == "required" else [WEATHER, TIME], tool_choice=choice)
        message = client.chat.completions.create(**request).choices[0].message
        same({call.function.name for call in message.tool_calls}, {"get_weather"})
        assert all("city" in arguments_of(call) for call in message.tool_calls)
        calls, _ = read_calls(client.chat.completions.create(stream=True, **request))
        same({call["name"] for call in calls}, {"get_weather"}, "streamed")
        json.loads(calls[0]["arguments"])
    # Of its own accord it would call.
    same(client.chat.completions.create(**ask(ONE_CALL, tools=[WEATHER])).choices[0].finish_reason, "tool_calls")
    choice = client.chat.completions.create(**ask(ONE_CALL, tools=[WEATHER], tool_choice="none")).choices[0]
    same((choice.message.tool_calls, choice.finish_reason), (None, "stop"))
    calls, finishes = read_calls(client.chat.completions.create(stream=True, **ask(ONE_CALL, tools=[WEATHER], tool_choice="none")))
    same((calls, finishes), ([], ["stop"]), "streamed")


@check("tools: mistakes in them are BadRequestError and named")
def mistakes():
    for more, param in (
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [WEATHER], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "fly"}}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
    ):
        same(raises(openai.BadRequestError, lambda: client.chat.completions.create(**ask("Hello", **more))).param, param)


@check("thoughts are told apart, in one body and streamed, and counted")
def thoughts():
    answer = client.chat.completions.create(**ask(THOUGHT))
    message = answer.choices[0].message
    assert message.reasoning_content.strip() and "think>" not in message.reasoning_content + message.content, message
    assert "Tokyo" in message.content
    assert 0 < answer.usage.completion_tokens_details.reasoning_tokens < answer.usage.completion_tokens
    reasoning, content = "", ""
    for chunk in client.chat.completions.create(stream=True, **ask(THOUGHT)):
        delta = chunk.choices[0].delta
        piece = getattr(delta, "reasoning_content", None) or ""
        assert not (piece and content), "a thought behind the answer"
        reasoning, content = reasoning + piece, content + (delta.content or "")
    same((reasoning, content), (message.reasoning_content, message.content), "streamed")


class Place(BaseModel):
    name: str
    population: int
    tags: list[str]


@check("answers of a demanded form: any JSON, and a schema")
def forms():
    content = client.chat.completions.create(**ask("JSON, please.", response_format={"type": "json_object"})).choices[0].message.content
    assert isinstance(json.loads(content), dict), content
    schema = {"name": "place", "strict": True, "schema": Place.model_json_schema()}
    request = ask("A place.", response_format={"type": "json_schema", "json_schema": schema})
    Place.model_validate_json(client.chat.completions.create(**request).choices[0].message.content, strict=True)
    texts, _, _ = read_chat_stream(client.chat.completions.create(stream=True, **request))
    Place.model_validate_json(texts[0], strict=True)


@check("answers are parsed into the client's own classes")
def parsed():
    resource = client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions
    place = resource.parse(response_format=Place, **ask("A place.")).choices[0].message.parsed
    assert isinstance(place, Place), place


@check("a schema that is none is BadRequestError")
def wrong_forms():
    for form, param in (
        ({"type": "yaml"}, "response_format.type"), ({"type": "json_schema"}, "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": 5}}, "response_format.json_schema.schema"),
    ):  # fmt: skip
        same(raises(openai.BadRequestError, lambda: client.chat.completions.create(**ask("Hello", response_format=form))).param, param)


@check("responses: one answer")
def responses():
    answer = client.responses.create(model=TINY, input="Hello", instructions="Be short.", max_output_tokens=16)
    same((answer.object, answer.model), ("response", TINY))
    assert answer.status in ("completed", "incomplete") and answer.id.startswith("resp_")
    message = [item for item in answer.output if item.type == "message"]
    same((len(message), message[0].role, message[0].content[0].type), (1, "assistant", "output_text"))
    same(answer.output_text, message[0].content[0].text)
    same(answer.usage.total_tokens, answer.usage.input_tokens + answer.usage.output_tokens)
    messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "And now?"}]
    assert client.responses.create(model=TINY, input=messages, max_output_tokens=4).output


@check("responses, streamed: events in their order, numbered, and the same answer")
def responses_stream():
    events = list(client.responses.create(model=TINY, input="Hello", max_output_tokens=12, stream=True))
    same([event.sequence_number for event in events], list(range(len(events))), "sequence numbers")
    kinds = [event.type for event in events]
    same(kinds[:2], ["response.created", "response.in_progress"])
    assert kinds[-1] in ("response.completed", "response.incomplete"), kinds[-1]
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    same(events[-1].response.output_text, text)
    for before, behind in (
        ("response.output_item.added", "response.content_part.added"), ("response.content_part.added", "response.output_text.delta"),
        ("response.output_text.delta", "response.output_text.done"), ("response.output_text.done", "response.content_part.done"),
        ("response.content_part.done", "response.output_item.done"),
    ):  # fmt: skip
        assert kinds.index(before) < kinds.index(behind), f"{behind} before {before}"
    same(events[-1].response.usage.output_tokens > 0, True)


@check("responses: a call of a tool, streamed, and its result")
def responses_tools():
    tool = {"type": "function", **WEATHER["function"]}
    events = list(client.responses.create(model=TINY, input=ONE_CALL, tools=[tool], stream=True, max_output_tokens=200))
    pieces = "".join(event.delta for event in events if event.type == "response.function_call_arguments.delta")
    calls = [item for item in events[-1].response.output if item.type == "function_call"]
    same((len(calls), calls[0].name, calls[0].arguments), (1, "get_weather", pieces))
    same(json.loads(pieces)["city"], "Paris")
    result = {"type": "function_call_output", "call_id": calls[0].call_id, "output": '{"celsius": 21}'}
    history = [{"role": "user", "content": ONE_CALL}, calls[0].model_dump(exclude_none=True), result]
    assert client.responses.create(model=TINY, input=history, tools=[tool], max_output_tokens=8).output


@check("responses: mistakes are BadRequestError and NotFoundError")
def responses_mistakes():
    same(raises(openai.NotFoundError, lambda: client.responses.create(model="gpt-5", input="x")).code, "model_not_found")
    same(raises(openai.BadRequestError, lambda: client.responses.create(model=TINY, input="x", temperature=9)).param, "temperature")


@check("responses: what would need a memory is refused by name, and nothing is found by id")
def responses_without_memory():
    error = raises(openai.BadRequestError, lambda: client.responses.create(model=TINY, input="x", previous_response_id="resp_1"))
    same(error.param, "previous_response_id")
    assert not getattr(client.responses.create(model=TINY, input="x", store=True, max_output_tokens=2), "store", None)
    raises(openai.NotFoundError, lambda: client.responses.retrieve("resp_1"))


@check("responses: thoughts are an item of their own, in one body and streamed")
def responses_thoughts():
    answer = client.responses.create(model=TINY, input=THOUGHT, max_output_tokens=200)
    same([item.type for item in answer.output], ["reasoning", "message"])
    assert "Tokyo" in answer.output_text and 0 < answer.usage.output_tokens_details.reasoning_tokens < answer.usage.output_tokens
    events = list(client.responses.create(model=TINY, input=THOUGHT, max_output_tokens=200, stream=True))
    same([item.type for item in events[-1].response.output], ["reasoning", "message"], "streamed")
    added = [event.item.type for event in events if event.type == "response.output_item.added"]
    same(added, ["reasoning", "message"], "items as they begin")


@check("responses: a failure in the middle of a stream is told by its last event, or raised", alone="broken")
def responses_failure():
    broken, last, text = openai.OpenAI(base_url=url("broken"), api_key="none", max_retries=4), None, ""
    try:
        for event in broken.responses.create(model="failing", input="Hello", max_output_tokens=40, stream=True):
            last = event.type
            if last == "response.output_text.delta":
                text += event.delta
    except openai.APIError as error:
        same(error.type, "server_error")
    else:
        assert last in ("response.failed", "error"), f"the last event is {last}"
    assert text, "the failure came before any text"


@check("responses: parsed into the client's own classes")
def responses_parsed():
    if hasattr(client.responses, "parse"):
        assert isinstance(client.responses.parse(model=TINY, input="A place.", text_format=Place).output_parsed, Place)


@check("embeddings, of one text and several, as numbers and packed")
def embeddings():
    one = client.embeddings.create(model=TINY, input="Hello", encoding_format="float")
    same((one.object, one.data[0].object, one.data[0].index), ("list", "embedding", 0))
    several = client.embeddings.create(model=TINY, input=["Hello", "Good night"])
    same([entry.index for entry in several.data], [0, 1])
    assert all(abs(a - b) < 1e-6 for a, b in zip(one.data[0].embedding, several.data[0].embedding, strict=True))
    same(several.usage.total_tokens, several.usage.prompt_tokens)
    raw = client.embeddings.with_raw_response.create(model=TINY, input="Hello", encoding_format="base64")
    packed = base64.b64decode(json.loads(raw.http_response.content)["data"][0]["embedding"])
    unpacked = struct.unpack(f"<{len(packed) // 4}f", packed)
    assert all(abs(a - b) < 1e-6 for a, b in zip(one.data[0].embedding, unpacked, strict=True)), "packed, beside the same as numbers"
    assert one.data[0].embedding != several.data[1].embedding


if __name__ == "__main__":
    run(f"openai {importlib.metadata.version('openai')}")
