"""What a cluster in front of an engine answers. Each check is a function of the place; one that does not apply says why."""

from asking import ANSWER, QUESTION, STORY, TOOLS, USAGE, answered, applies, content, same, streamed_text


def capital(place):
    """an answer says Tokyo"""
    same(content(place.chat(QUESTION, max_tokens=16)), ANSWER, "content")


def direct(place):
    """a stream has the text of the server's own answer"""
    # The middle of a story: no token of it ends it.
    expected = place.setup.direct(place.servers[0], STORY, 48) if place.servers else None
    whole = answered(place.complete(STORY, 48)).json()["choices"][0]["text"]
    stream = answered(place.complete(STORY, 48, **USAGE))
    assert stream.whole and stream.body.endswith(b"data: [DONE]\n\n"), "the stream has no end"
    same(streamed_text(stream.events()), whole, "stream beside the answer in one piece")
    same(len(whole.split()) > 20, True, "a story of words")
    if expected is not None:
        same(whole, expected, "text beside the server's")


def usage(place):
    """usage counts prompt and answer, as the server does"""
    said = answered(place.complete(STORY, 12)).json()["usage"]
    same(said["completion_tokens"], 12, "completion_tokens")
    same(said["total_tokens"], said["prompt_tokens"] + 12, "total_tokens")
    told = answered(place.complete(STORY, 12, **USAGE)).events()[-1]["usage"]
    same((told["prompt_tokens"], told["completion_tokens"]), (said["prompt_tokens"], 12), "usage of the stream")
    if place.servers:
        body = {"model": place.setup.name(place.servers[0]), "prompt": STORY, "max_tokens": 12, "temperature": 0}
        own = place.servers[0].post("/v1/completions", body).json()["usage"]
        same(said["prompt_tokens"], own["prompt_tokens"], "prompt_tokens beside the server's")


def rendered(place):
    """a chat is as many tokens as in the server's own template"""
    applies(place.servers, "the engine is the worker's own")
    for messages, tools in (
        ([{"role": "user", "content": QUESTION}], None),
        ([{"role": "system", "content": "You are helpful."}, {"role": "user", "content": "Naïve café, 東京 🗼?"}], None),
        ([{"role": "user", "content": QUESTION}], TOOLS),
    ):
        chat = {"messages": messages, **({"tools": tools} if tools else {})}
        ours = answered(place.post("/v1/chat/completions", {**chat, "max_tokens": 1})).json()["usage"]["prompt_tokens"]
        same(ours, place.setup.chat_tokens(place.servers[0], chat), f"prompt_tokens of {len(messages)} messages")


def length(place):
    """max_tokens ends an answer, and says so"""
    choice = answered(place.complete(STORY, 3)).json()["choices"][0]
    same((choice["text"], choice["finish_reason"]), (", a proud", "length"), "text and finish_reason")


def stop(place):
    """a stop string ends an answer before it"""
    answer = answered(place.chat(QUESTION, max_tokens=16, stop=[" Japan"])).json()["choices"][0]
    same((answer["message"]["content"], answer["finish_reason"]), ("The capital of", "stop"), "content and finish_reason")


def tools(place):
    """a tool is called with its arguments"""
    answer = answered(place.chat("What is the weather in Oslo?", max_tokens=60, tools=TOOLS)).json()["choices"][0]
    same(answer["finish_reason"], "tool_calls", "finish_reason")
    call = answer["message"]["tool_calls"][0]["function"]
    same((call["name"], call["arguments"].replace(" ", "")), ("get_weather", '{"city":"Oslo"}'), "call")


def choices(place):
    """two choices are two whole answers"""
    found = answered(place.chat(QUESTION, max_tokens=16, n=2)).json()["choices"]
    same([choice["message"]["content"] for choice in found], [ANSWER, ANSWER], "contents")
    same([choice["index"] for choice in found], [0, 1], "indices")


def seeds(place):
    """a seed repeats an answer, and another one may not"""
    body = {"max_tokens": 24, "temperature": 1.5, "seed": 7}
    if not place.setup.has_seeds:
        applies(False, "the server takes no seeds")
    texts = [answered(place.complete(STORY, **{**body, "count": 24, "seed": seed})).json()["choices"][0]["text"] for seed in (7, 7, 8, 9)]
    same(texts[0], texts[1], "the same seed again")
    assert len(set(texts)) > 1, "every seed has the same text"


def log_probabilities(place):
    """log probabilities are the server's"""
    answer = place.chat(QUESTION, max_tokens=4, logprobs=True, top_logprobs=2)
    if not place.setup.has_log_probabilities:
        same(answer.status, 400, "status for what the engine does not have")
        return
    found = answered(answer).json()["choices"][0]["logprobs"]["content"]
    same([one["token"] for one in found], ["The", " capital", " of", " Japan"], "tokens")
    # Those of the weights, whoever computes them in 32 or 16 bits.
    for one, expected in zip(found, (-0.0003, -0.0002, -0.00005, -0.0048), strict=True):
        assert abs(one["logprob"] - expected) < 0.002, f"{one['token']}: {one['logprob']}, expected about {expected}"
        same(len(one["top_logprobs"]), 2, "top_logprobs")
        same(one["top_logprobs"][0]["token"], one["token"], "the best token")


def cached(place):
    """the same prompt again is found in a cache, and counted"""
    applies(place.setup.tells_cached, "the server does not tell")
    prompt = f"Repeat {place.mark}: " + "owl red kite soup bell " * 12

    def found():
        return answered(place.complete(prompt, 2)).json()["usage"]["prompt_tokens_details"]["cached_tokens"]

    same(found(), 0, "cached_tokens at first")
    place.wait("the prompt is cached", lambda: found() >= 32)


def prefix(place):
    """a prompt goes where its beginning is, and the router knew how much of it"""
    applies(place.setup.tells_blocks and len(place.workers) > 1, "there is one worker, or the engine does not tell which blocks it has")
    same([worker["events"] for worker in place.known_workers()], ["exact"] * len(place.workers), "what routers know of caches")
    asked = {"nvext": {"extra_fields": ["worker_id", "decision"]}}
    for index in range(4):
        beginning = f"Story {place.mark} {index}: " + "the lion and the horse lived near the old mill. " * 12
        seen = place.state(place.router)["index"]["blocks"]
        first = answered(place.complete(beginning, 2, **asked)).json()
        place.wait("the router has heard of the blocks", lambda seen=seen: place.state(place.router)["index"]["blocks"] > seen)
        second = answered(place.complete(beginning + "One sunny day", 2, **asked)).json()
        same(second["nvext"]["worker_id"], first["nvext"]["worker_id"], "worker")
        leg = second["nvext"]["decision"]["legs"][0]
        chosen = leg["candidates"][leg["chosen"]]
        predicted = chosen["cached"]["device"] * leg["block_size"]
        found = second["usage"]["prompt_tokens_details"]["cached_tokens"]
        assert found > 0, f"nothing is cached of {second['usage']['prompt_tokens']} tokens"
        same(predicted, found, "tokens that the router believed to be cached")
