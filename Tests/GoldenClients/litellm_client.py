"""litellm as a client: its `openai/` provider, and `anthropic/` where that API is served."""

import asyncio
import importlib.metadata
import json
import os

# It would ask a server of its makers for prices.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from checks import URLS, check, run, same, url

litellm.telemetry = False
litellm.suppress_debug_info = True
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}  # fmt: skip
ONE_CALL, THOUGHT = "What is the weather in Paris?", "Think of the capital of Japan."


def ask(content="Hello", model="tiny", **more):
    return {
        "model": f"openai/{model}", "api_base": url(), "api_key": "none", "max_tokens": 200, "num_retries": 0,
        "messages": [{"role": "user", "content": content}], **more,
    }  # fmt: skip


@check("completion: one body")
def completion():
    answer = litellm.completion(**ask(max_tokens=8))
    assert answer.choices[0].message.content is not None and answer.choices[0].finish_reason in ("stop", "length")
    same(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)


@check("completion, streamed; its own helper puts it together")
def stream():
    options = ask(model="apus-mock", max_tokens=12, seed=4)
    chunks = list(litellm.completion(stream=True, stream_options={"include_usage": True}, **options))
    whole = litellm.stream_chunk_builder(chunks)
    same(whole.choices[0].message.content, litellm.completion(**options).choices[0].message.content)
    assert chunks[-1].usage.completion_tokens > 0


@check("acompletion, at once and streamed, eight at once")
def asynchronous():
    async def one(number):
        options = ask(model="apus-mock", max_tokens=12, seed=number)
        chunks = [chunk async for chunk in await litellm.acompletion(stream=True, **options)]
        whole = await litellm.acompletion(**options)
        return litellm.stream_chunk_builder(chunks).choices[0].message.content, whole.choices[0].message.content

    async def all_of_them():
        return await asyncio.gather(*(one(number) for number in range(8)))

    told_apart(asyncio.run(all_of_them()), 8)


def told_apart(pairs, count):
    """Each streamed text is the one of its own request, and they are not all the same."""
    for streamed, whole in pairs:
        same(streamed, whole, "a streamed text, beside the same in one body")
    same(len({whole for _, whole in pairs}), count, "different texts")


@check("tools: a call, its result, the answer; and streamed")
def tools():
    request = ask(ONE_CALL, tools=[WEATHER])
    choice = litellm.completion(**request).choices[0]
    call = choice.message.tool_calls[0]
    same((choice.finish_reason, call.function.name, json.loads(call.function.arguments)["city"]), ("tool_calls", "get_weather", "Paris"))
    streamed = litellm.stream_chunk_builder(list(litellm.completion(stream=True, **request))).choices[0].message
    same(json.loads(streamed.tool_calls[0].function.arguments)["city"], "Paris")
    request["messages"] += [choice.message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    assert litellm.completion(**request).choices


@check("thoughts are reasoning_content")
def thoughts():
    message = litellm.completion(**ask(THOUGHT)).choices[0].message
    assert message.reasoning_content.strip() and "Tokyo" in message.content
    whole = litellm.stream_chunk_builder(list(litellm.completion(stream=True, **ask(THOUGHT)))).choices[0].message
    same((whole.reasoning_content, whole.content), (message.reasoning_content, message.content))


@check("text completions")
def text():
    answer = litellm.text_completion(
        model="text-completion-openai/apus-mock", prompt="Once upon a time", max_tokens=6, api_base=url(), api_key="none")
    assert answer.choices[0].text


@check("errors are litellm's own of the same kind")
def errors():
    for kind, more in ((litellm.NotFoundError, {"model": "gpt-5"}), (litellm.BadRequestError, {"temperature": 9})):
        try:
            litellm.completion(**ask(**more))
        except kind as error:
            assert type(error) is kind, type(error)
        else:
            raise AssertionError("nothing was raised")


@check("embeddings")
def embeddings():
    answer = litellm.embedding(model="openai/tiny", input=["Hello", "Good night"], api_base=url(), api_key="none")
    same(len(answer.data), 2)


@check("messages, over its anthropic provider")
def messages():
    request = {**ask(max_tokens=8), "model": "anthropic/tiny", "api_base": URLS["main"]}
    assert litellm.completion(**request).choices[0].message.content is not None
    assert list(litellm.completion(stream=True, **request))


if __name__ == "__main__":
    run(f"litellm {importlib.metadata.version('litellm')}")
