"""anthropic-sdk-python: messages, streams, tools, thoughts, counts and errors of /v1/messages."""

import asyncio
import importlib.metadata
import json
import threading

import anthropic
from checks import KEYS, URLS, check, raises, run, same

TINY = "tiny"
HELLO = [{"role": "user", "content": "Hello"}]
# The client of today has no words of its own for these; the API takes them.
SAMPLING = {"temperature": 0.5, "top_p": 0.9, "top_k": 40}
WEATHER = {
    "name": "get_weather", "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}  # fmt: skip
ONE_CALL, TWO_CALLS, THOUGHT = "What is the weather in Paris?", "Compare the weather in Paris and in Tokyo.", "Think of the capital of Japan."


def client_of(place="main", **options):
    return anthropic.Anthropic(base_url=URLS[place], api_key="none", **{"max_retries": 0, **options})


client = client_of()


def ask(content="Hello", **more):
    return {"model": TINY, "messages": [{"role": "user", "content": content}], "max_tokens": 200, **more}


def read_events(events):
    """Holds the events of a stream to the order that is published; the message that they come to."""
    open_block, message, blocks, is_over = None, None, [], False
    for event in events:
        assert not is_over, f"{event.type} behind message_stop"
        if event.type == "message_start":
            assert message is None, "two message_start"
            message = event.message
            same((message.content, message.stop_reason, message.role, message.type), ([], None, "assistant", "message"))
            assert message.usage.input_tokens > 0
        elif event.type == "content_block_start":
            assert open_block is None, "a block begins inside of another one"
            open_block = event.index
            same(open_block, len(blocks), "index of a block")
            blocks.append({"type": event.content_block.type, "value": ""})
            if event.content_block.type == "tool_use":
                assert event.content_block.id and event.content_block.name and event.content_block.input == {}, event
                blocks[-1]["name"] = event.content_block.name
        elif event.type == "content_block_delta":
            same(event.index, open_block, "index of a delta")
            kinds = {"text": ("text_delta",), "tool_use": ("input_json_delta",), "thinking": ("thinking_delta", "signature_delta")}
            assert event.delta.type in kinds[blocks[-1]["type"]], f"{event.delta.type} in a block {blocks[-1]['type']}"
            for member in ("text", "partial_json", "thinking"):
                blocks[-1]["value"] += getattr(event.delta, member, None) or ""
        elif event.type == "content_block_stop":
            same(event.index, open_block, "index of a stop")
            open_block = None
        elif event.type == "message_delta":
            assert open_block is None and message.stop_reason is None, "message_delta inside of a block, or twice"
            message.stop_reason, message.stop_sequence = event.delta.stop_reason, event.delta.stop_sequence
            message.usage.output_tokens = event.usage.output_tokens
            assert message.stop_reason is not None
        elif event.type == "message_stop":
            assert message.stop_reason is not None, "message_stop without a reason before it"
            is_over = True
    assert is_over, "no message_stop"
    return message, blocks


@check("messages: one body")
def create():
    message = client.messages.create(model=TINY, messages=HELLO, max_tokens=12, system="Be short.", extra_body=SAMPLING)
    same((message.type, message.role, message.model), ("message", "assistant", TINY))
    assert message.id.startswith("msg_") and message.stop_reason in ("end_turn", "max_tokens")
    same({block.type for block in message.content} - {"thinking"}, {"text"})
    assert message.usage.input_tokens > 0 and 0 < message.usage.output_tokens <= 12
    assert message._request_id, "no request-id"


@check("messages: turns, blocks of text, a system of blocks, metadata and cache marks")
def shapes():
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": "Hi."}, {"role": "user", "content": [{"type": "text", "text": "And"}, {"type": "text", "text": "now?"}]},
    ]  # fmt: skip
    message = client.messages.create(
        model=TINY, messages=messages, max_tokens=4, system=[{"type": "text", "text": "Be short."}], metadata={"user_id": "ann"})
    assert message.content


@check("messages, streamed: events in their order, raw and by the client's helper")
def stream():
    message, blocks = read_events(client.messages.create(stream=True, **ask(THOUGHT)))
    with client.messages.stream(**ask(THOUGHT)) as helper:
        text = "".join(helper.text_stream)
        final = helper.get_final_message()
    same(text, "It is Tokyo.")
    same([block["value"] for block in blocks if block["type"] == "text"], [text], "the text of the raw events, beside the helper's")
    same([block["type"] for block in blocks], [block.type for block in final.content])
    same((message.stop_reason, final.stop_reason), ("end_turn", "end_turn"))
    assert message.usage.output_tokens == final.usage.output_tokens > 0


@check("messages, asynchronously, ten at once")
def asynchronous():
    async def one(asynchronous_client, question):
        async with asynchronous_client.messages.stream(**ask(question, tools=[WEATHER])) as helper:
            last = (await helper.get_final_message()).content[-1]
            return last.text if last.type == "text" else last.input["city"]

    async def all_of_them():
        async with anthropic.AsyncAnthropic(base_url=URLS["main"], api_key="none", max_retries=0) as asynchronous_client:
            assert (await asynchronous_client.messages.create(**ask(max_tokens=2))).content is not None
            return await asyncio.gather(*(one(asynchronous_client, question) for question in (THOUGHT, ONE_CALL) * 5))

    same(asyncio.run(all_of_them()), ["It is Tokyo.", "Paris"] * 5)


@check("stop sequences end an answer, and which one is told")
def stop_sequences():
    message = client.messages.create(**ask(THOUGHT, stop_sequences=["Tokyo", "never said"]))
    same((message.stop_reason, message.stop_sequence), ("stop_sequence", "Tokyo"))
    assert all("Tokyo" not in block.text for block in message.content if block.type == "text")


@check("tools: a call, its result, and the answer to it")
def tools():
    request = ask(ONE_CALL, tools=[WEATHER])
    message = client.messages.create(**request)
    calls = [block for block in message.content if block.type == "tool_use"]
    same((message.stop_reason, len(calls), calls[0].name, calls[0].input["city"]), ("tool_use", 1, "get_weather", "Paris"))
    request["messages"] += [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": calls[0].id, "content": "21 degrees"}]},
    ]
    same([block.text for block in client.messages.create(**request).content], ["It is 21 degrees there."])
    request["messages"][-1]["content"][0].update(content=[{"type": "text", "text": "no such city"}], is_error=True)
    assert client.messages.create(**request).content


@check("tools, streamed: the input comes in pieces of JSON")
def tools_streamed():
    message, blocks = read_events(client.messages.create(stream=True, **ask(TWO_CALLS, tools=[WEATHER])))
    same(message.stop_reason, "tool_use")
    calls = [block for block in blocks if block["type"] == "tool_use"]
    same([json.loads(call["value"])["city"] for call in calls], ["Paris", "Tokyo"])
    with client.messages.stream(**ask(ONE_CALL, tools=[WEATHER])) as helper:
        final = helper.get_final_message()
    same([block.input["city"] for block in final.content if block.type == "tool_use"], ["Paris"])


@check("tools: a call is demanded, any or one by name, and comes; none is demanded, and none comes")
def demanded():
    for choice in ({"type": "any"}, {"type": "tool", "name": "get_weather"}):
        message = client.messages.create(**ask(tools=[WEATHER], tool_choice=choice))
        same({block.name for block in message.content if block.type == "tool_use"}, {"get_weather"})
    # Of its own accord it would call.
    same(client.messages.create(**ask(ONE_CALL, tools=[WEATHER])).stop_reason, "tool_use")
    message = client.messages.create(**ask(ONE_CALL, tools=[WEATHER], tool_choice={"type": "none"}))
    same(([block.type for block in message.content], message.stop_reason), (["text"], "end_turn"))


@check("thoughts are blocks of their own, in one body and streamed")
def thoughts():
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    request = ask(THOUGHT, **{**thinking, "max_tokens": 2048})
    message = client.messages.create(**request)
    same([block.type for block in message.content], ["thinking", "text"])
    assert message.content[0].thinking.strip() and "Tokyo" in message.content[1].text
    streamed, blocks = read_events(client.messages.create(stream=True, **request))
    same([(block["type"], block["value"]) for block in blocks], [("thinking", message.content[0].thinking), ("text", message.content[1].text)])
    same(streamed.usage.output_tokens, message.usage.output_tokens)
    request["messages"] += [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]}, {"role": "user", "content": "Why?"}]
    assert client.messages.create(**request).content, "thoughts are taken back"


@check("tokens are counted as an answer's usage counts them")
def count():
    counted = client.messages.count_tokens(model=TINY, messages=HELLO, system="Be short.").input_tokens
    same(counted, client.messages.create(model=TINY, messages=HELLO, system="Be short.", max_tokens=1).usage.input_tokens)
    with_tools = client.messages.count_tokens(model=TINY, messages=HELLO, system="Be short.", tools=[WEATHER]).input_tokens
    assert with_tools > counted


def refused(kind, status, error_type, **more):
    error = raises(kind, lambda: client.messages.create(**ask(**more)))
    same((error.status_code, error.type, error.body["type"]), (status, error_type, "error"))
    assert error.body["error"]["message"] and error.request_id, error.body
    return error


@check("errors: an unknown model, wrong values, what is missing")
def errors():
    refused(anthropic.NotFoundError, 404, "not_found_error", model="claude-9")
    refused(anthropic.BadRequestError, 400, "invalid_request_error", extra_body={"temperature": 9})
    refused(anthropic.BadRequestError, 400, "invalid_request_error", max_tokens=0)
    refused(anthropic.BadRequestError, 400, "invalid_request_error", messages=[])
    refused(anthropic.BadRequestError, 400, "invalid_request_error", messages=[{"role": "robot", "content": "Hello"}])
    refused(anthropic.BadRequestError, 400, "invalid_request_error", messages=[{"role": "user", "content": "word " * 40_000}])


@check("errors: overloaded is 529, is tried again, and then served", alone="one_at_once")
def overloaded():
    held = client_of("one_at_once").messages.create(model="slow", messages=HELLO, max_tokens=2000, stream=True)
    next(iter(held))
    error = raises(anthropic.OverloadedError, lambda: client_of("one_at_once").messages.create(**ask()))
    same((error.status_code, error.type), (529, "overloaded_error"))
    threading.Timer(1.5, held.close).start()
    assert client_of("one_at_once", max_retries=6).messages.create(**ask(max_tokens=2)).content is not None


@check("errors: a failure in the middle of a stream is an error event, and raised", alone="broken")
def error_event():
    text = ""
    try:
        for event in client_of("broken", max_retries=4).messages.create(model="failing", messages=HELLO, max_tokens=40, stream=True):
            if event.type == "content_block_delta":
                text += event.delta.text
    except anthropic.APIStatusError as error:
        assert text, "the failure came before any text"
        assert error.body["type"] == "error" and error.body["error"]["type"] in ("api_error", "overloaded_error"), error.body
    else:
        raise AssertionError("nothing was raised")


@check("keys: a wrong one is AuthenticationError, a right one an answer")
def keys():
    def keyed(key):
        return anthropic.Anthropic(base_url=URLS["guarded"], api_key=key, max_retries=0)

    request = {"model": "apus-mock", "messages": HELLO, "max_tokens": 2}
    error = raises(anthropic.AuthenticationError, lambda: keyed("none").messages.create(**request))
    same((error.status_code, error.type, error.body["type"]), (401, "authentication_error", "error"))
    assert keyed(KEYS["any"]).messages.create(**request).content is not None


if __name__ == "__main__":
    run(f"anthropic {importlib.metadata.version('anthropic')}")
