"""openai-python: models, chats, text completions and log probabilities, as the newest client and older ones read them."""

import asyncio
import importlib.metadata

import openai
from checks import check, raises, run, same, url

client = openai.OpenAI(base_url=url(), api_key="none", max_retries=0)
MODEL, TINY = "apus-mock", "tiny"
HELLO = [{"role": "user", "content": "Hello"}]


def usage_adds_up(usage, completion=None):
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, "total_tokens")
    assert usage.prompt_tokens > 0, usage
    assert 0 <= usage.prompt_tokens_details.cached_tokens <= usage.prompt_tokens, usage
    assert 0 <= usage.completion_tokens_details.reasoning_tokens <= usage.completion_tokens, usage
    if completion is not None:
        same(usage.completion_tokens, completion, "completion_tokens")


def read_chat_stream(chunks, choices=1, usage=False):
    """Texts and finish reasons of the choices, by index, and the usage; every chunk is held to what clients are promised."""
    texts, finishes, total, ids = {}, {}, None, set()
    for chunk in chunks:
        ids.add((chunk.id, chunk.object, chunk.created, chunk.model))
        assert total is None, "a chunk behind the usage"
        if not chunk.choices:
            assert usage, "a chunk without choices, and nobody asked for usage"
            total = chunk.usage
            continue
        same(len(chunk.choices), 1, "choices of a chunk")
        assert chunk.usage is None, "usage before the end"
        choice = chunk.choices[0]
        if choice.index not in texts:
            same(choice.delta.role, "assistant", "role of the first delta")
            texts[choice.index] = ""
        else:
            assert choice.delta.role is None, "a role in a later delta"
        assert choice.index not in finishes, "a delta behind the finish"
        texts[choice.index] += choice.delta.content or ""
        if choice.finish_reason is not None:
            finishes[choice.index] = choice.finish_reason
    same(sorted(texts), list(range(choices)), "choices")
    same(sorted(finishes), list(range(choices)), "choices that finished")
    same(len(ids), 1, "different ids, objects, times or models in one stream")
    assert ids.pop()[1] == "chat.completion.chunk"
    assert (total is not None) == usage, "usage" if total else "no usage"
    return texts, finishes, total


@check("models are listed and retrieved")
def models():
    listed = list(client.models.list())
    same(sorted(model.id for model in listed), [MODEL, "slow", TINY], "models")
    for model in listed:
        same(model.object, "model")
        assert model.created > 0 and model.owned_by, model
        same(client.models.retrieve(model.id).id, model.id)
    same(raises(openai.NotFoundError, lambda: client.models.retrieve("no/such model")).code, "model_not_found")


@check("chat: one body")
def chat():
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=16, extra_body={"ignore_eos": True})
    same((answer.object, answer.model), ("chat.completion", MODEL))
    assert answer.id.startswith("chatcmpl-") and answer.created > 1_700_000_000
    same(len(answer.choices), 1)
    choice = answer.choices[0]
    same((choice.index, choice.finish_reason, choice.message.role), (0, "length", "assistant"))
    assert choice.message.content and choice.message.tool_calls is None and choice.message.refusal is None
    usage_adds_up(answer.usage, 16)


@check("chat: system, developer, assistant and user messages, with parts of text and names")
def roles():
    messages = [
        {"role": "system", "content": "Be short."}, {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": "there"}], "name": "ann"},
        {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "ünïcode 🦆 \u2028 \x00"},
    ]  # fmt: skip
    answer = client.chat.completions.create(model=MODEL, messages=messages, max_completion_tokens=4)
    assert 1 <= answer.usage.completion_tokens <= 4


@check("chat, streamed: role first, one finish, usage at the end, [DONE]")
def chat_stream():
    options = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 24, "seed": 7, "extra_body": {"ignore_eos": True}}
    with client.chat.completions.create(model=MODEL, messages=HELLO, **options) as stream:
        texts, finishes, usage = read_chat_stream(stream, usage=True)
    same(finishes, {0: "length"})
    usage_adds_up(usage, 24)
    whole = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=24, seed=7, extra_body={"ignore_eos": True})
    same(texts[0], whole.choices[0].message.content, "the streamed text, beside the same in one body")


@check("chat, streamed: no usage unless asked for")
def no_usage():
    read_chat_stream(client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=4, stream=True))


@check("chat, streamed asynchronously, twenty at once")
def asynchronous():
    def question(number):
        return {"model": MODEL, "messages": [{"role": "user", "content": f"Number {number}"}], "max_tokens": 16, "seed": number}

    async def one(asynchronous_client, number):
        stream = await asynchronous_client.chat.completions.create(stream=True, **question(number))
        texts, _, _ = read_chat_stream([chunk async for chunk in stream])
        whole = await asynchronous_client.chat.completions.create(**question(number))
        same(texts[0], whole.choices[0].message.content, "a streamed text, beside the same in one body")
        return texts[0]

    async def all_of_them():
        async with openai.AsyncOpenAI(base_url=url(), api_key="none", max_retries=0) as asynchronous_client:
            answer = await asynchronous_client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=4)
            assert answer.choices[0].message.content is not None
            same(len([model async for model in asynchronous_client.models.list()]), 3)
            return await asyncio.gather(*(one(asynchronous_client, number) for number in range(20)))

    same(len(set(asyncio.run(all_of_them()))), 20, "different texts")


@check("chat: three choices, in one body and streamed")
def three_choices():
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=8, n=3, extra_body={"ignore_eos": True})
    same([choice.index for choice in answer.choices], [0, 1, 2])
    usage_adds_up(answer.usage, 24)
    stream = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=8, n=3, stream=True, stream_options={"include_usage": True}, extra_body={"ignore_eos": True})
    _, finishes, usage = read_chat_stream(stream, choices=3, usage=True)
    same(finishes, {0: "length", 1: "length", 2: "length"})
    usage_adds_up(usage, 24)


@check("chat: the same seed gives the same, stop texts end it and are not told")
def seed_and_stop():
    def ask(**more):
        return client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=48, seed=3, temperature=0, **more).choices[0]

    whole = ask()
    same(ask().message.content, whole.message.content)
    word = whole.message.content[4:8]
    stopped = ask(stop=[word])
    same((stopped.finish_reason, stopped.message.content), ("stop", whole.message.content.split(word)[0]))


@check("chat: log probabilities, in one body and streamed, join to the text")
def chat_logprobs():
    options = {"model": MODEL, "messages": HELLO, "max_tokens": 6, "logprobs": True, "top_logprobs": 3, "seed": 1, "extra_body": {"ignore_eos": True}}
    choice = client.chat.completions.create(**options).choices[0]
    content = choice.logprobs.content
    same(len(content), 6)
    for token in content:
        assert token.logprob <= 0 and 1 <= len(token.top_logprobs) <= 3
        assert all(other.logprob <= 0 for other in token.top_logprobs)
        same(token.token, bytes(token.bytes).decode("utf-8", "replace"), "a token, beside its bytes")
    same(b"".join(bytes(token.bytes) for token in content).decode("utf-8", "replace"), choice.message.content)
    assert choice.message.content
    streamed = [
        token.token for chunk in client.chat.completions.create(stream=True, **options) if chunk.choices and chunk.choices[0].logprobs
        for token in chunk.choices[0].logprobs.content
    ]  # fmt: skip
    same(streamed, [token.token for token in content], "streamed tokens")


@check("completions: one body, streamed, several choices")
def completions():
    options = {"model": MODEL, "prompt": "Once upon a time", "max_tokens": 12, "seed": 5, "extra_body": {"ignore_eos": True}}
    answer = client.completions.create(**options)
    same((answer.object, answer.choices[0].index, answer.choices[0].finish_reason), ("text_completion", 0, "length"))
    assert answer.id.startswith("cmpl-") and answer.choices[0].logprobs is None
    same((answer.usage.prompt_tokens, answer.usage.completion_tokens), (len("Once upon a time"), 12), "usage")
    chunks = list(client.completions.create(stream=True, stream_options={"include_usage": True}, **options))
    same("".join(chunk.choices[0].text for chunk in chunks if chunk.choices), answer.choices[0].text)
    same([chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason], ["length"])
    same(chunks[-1].usage.completion_tokens, 12)
    same(len(client.completions.create(n=2, **options).choices), 2)


@check("completions: echo puts the prompt first")
def echo():
    plain = {"model": MODEL, "prompt": "Say after me:", "max_tokens": 4, "seed": 2}
    answer = client.completions.create(echo=True, **plain).choices[0].text
    same(answer, plain["prompt"] + client.completions.create(**plain).choices[0].text)
    streamed = "".join(chunk.choices[0].text for chunk in client.completions.create(echo=True, stream=True, **plain))
    same(streamed, answer)


@check("completions: a prompt in tokens is the same as in words")
def token_prompt():
    options = {"model": MODEL, "max_tokens": 6, "seed": 9}
    in_words = client.completions.create(prompt="Hello", **options)
    in_tokens = client.completions.create(prompt=list(b"Hello"), **options)
    same(in_tokens.choices[0].text, in_words.choices[0].text)
    same(in_tokens.usage.prompt_tokens, 5)
    same(client.completions.create(prompt=["Hello"], **options).choices[0].text, in_words.choices[0].text)
    same(client.completions.create(prompt=[list(b"Hello")], **options).choices[0].text, in_words.choices[0].text)


@check("completions: several prompts, choices in their order")
def prompt_lists():
    options = {"model": MODEL, "max_tokens": 6, "seed": 9}
    alone = [client.completions.create(prompt=prompt, **options).choices[0].text for prompt in ("Hello", "Good night")]
    answer = client.completions.create(prompt=["Hello", "Good night"], **options)
    same([choice.index for choice in answer.choices], [0, 1])
    same([choice.text for choice in answer.choices], alone)
    same(answer.usage.prompt_tokens, len("Hello") + len("Good night"))
    same(len(client.completions.create(prompt=["Hello", "Good night"], n=2, model=MODEL, max_tokens=2).choices), 4)
    of_tokens = client.completions.create(prompt=[list(b"Hello"), list(b"Good night")], **options)
    same([choice.text for choice in of_tokens.choices], alone)
    texts = {}
    for chunk in client.completions.create(prompt=["Hello", "Good night"], stream=True, **options):
        texts[chunk.choices[0].index] = texts.get(chunk.choices[0].index, "") + chunk.choices[0].text
    same([texts[index] for index in sorted(texts)], alone, "streamed")


@check("completions: log probabilities")
def completion_logprobs():
    choice = client.completions.create(model=MODEL, prompt="Hello", max_tokens=5, logprobs=2, extra_body={"ignore_eos": True}).choices[0]
    told = choice.logprobs
    same([len(told.tokens), len(told.token_logprobs), len(told.top_logprobs), len(told.text_offset)], [5] * 4, "lengths")
    assert all(value <= 0 for value in told.token_logprobs) and all(1 <= len(top) <= 2 for top in told.top_logprobs)
    same(told.text_offset, sorted(told.text_offset), "offsets")


@check("fields of other servers are taken, and unknown ones do no harm")
def extra_fields():
    extra = {"top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1, "min_tokens": 2, "ignore_eos": True, "stop_token_ids": [3], "made_up": {"a": 1}}
    answer = client.chat.completions.create(
        model=TINY, messages=HELLO, max_tokens=3, extra_body=extra, user="ann", metadata={"a": "b"}, store=False, service_tier="auto",
        logit_bias={"5": 1}, presence_penalty=0.5, frequency_penalty=0.5, top_p=0.9, parallel_tool_calls=True)  # fmt: skip
    same(answer.usage.completion_tokens, 3)


@check("a raw response has the request's id, the client's own or one of ours")
def raw_response():
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, max_tokens=2)
    assert raw.headers["x-request-id"] and raw.headers["content-type"] == "application/json", raw.headers
    same(raw.parse()._request_id, raw.headers["x-request-id"])
    named = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=HELLO, max_tokens=2, extra_headers={"x-request-id": "golden-1"})
    same(named.headers["x-request-id"], "golden-1")
    assert "total" in named.headers["server-timing"]
    with client.chat.completions.with_streaming_response.create(model=MODEL, messages=HELLO, max_tokens=2, stream=True) as streaming:
        same(streaming.headers["content-type"].split(";")[0], "text/event-stream")
        lines = [line for line in streaming.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines) and lines[-1] == "data: [DONE]", lines


if __name__ == "__main__":
    run(f"openai {importlib.metadata.version('openai')}")
