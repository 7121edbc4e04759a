"""What a cluster in front of an engine is held to. Each check is a function of the place; one that does not apply says why."""

import json
import signal
import tempfile
from pathlib import Path

import rawhttp
from place import RETURN_SECONDS
from setups import FILES

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
    applies(place.setup.tells_blocks and len(place.workers) > 1, "the engine does not tell which blocks it has")
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


def leaving(place):
    """a client that leaves frees the engine"""
    applies(place.setup.server is None or place.setup.running(place.servers[0]) is not None, "the server does not tell what it runs")
    body = {"prompt": STORY, "max_tokens": 800, "temperature": 0, "ignore_eos": True, **USAGE}
    seen = []

    def leave():
        seen.append(place.running() if place.servers else 1)
        return rawhttp.LEAVE

    answer = place.post("/v1/completions", body, at_third=leave)
    assert not answer.whole and seen == [1], f"the engine ran {seen} requests when the client left"
    if place.servers:
        place.wait("the server runs nothing", lambda: place.running() == 0)
    ranks = lambda: [rank for worker in place.workers for rank in place.state(worker)["ranks"]]  # noqa: E731
    place.wait("no worker runs anything", lambda: all(rank["running_requests"] == 0 for rank in ranks()))
    capital(place)


def too_long(place):
    """a prompt that does not fit is the client's fault"""
    same(place.complete(STORY * 3000, 4).status, 400, "status")


def parity(place):
    """a worker compares its prompts with the server's, and says what it found"""
    applies(place.setup.server, "the engine is the worker's own")
    for worker in place.workers:
        [record] = place.logged(worker, "text parity")
        level, words = place.setup.parity
        same(record["level"], level, f"level of {record}")
        assert words in record["result"], f"{worker.name} logged {record['result']!r}, and not {words!r}"


def other_prompts(place):
    """a worker whose template is another one says from which token on, and no cache is counted on"""
    applies(place.setup.server and place.setup.tells_prompts, "no server that could be asked")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in FILES.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        settings = json.loads((folder / "tokenizer_config.json").read_text())
        # Behind the first turn only, so that the prompts begin alike.
        settings["chat_template"] += "{{ 'Sure: ' if add_generation_prompt }}"
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        options = place.setup.worker_options(place.servers[0], folder)
        worker = place.cluster.worker("other-prompts", place.router, "other", *options).ready()
        place.wait("the router knows it", lambda: any(one["name"] == worker.name for one in place.state(place.router)["workers"]))
        [record] = place.logged(worker, "text parity")
        same(record["level"], "warning", f"level of {record}")
        assert "from token" in record["result"] and "Japan" not in record["result"], f"the line {record['result']!r}"
        known = next(one for one in place.state(place.router)["workers"] if one["name"] == worker.name)
        same(known["events"], "loadOnly", "what the router goes by")
        worker.stop()
    place.wait("the router has left it", lambda: all(one["name"] != worker.name or not one["attached"] for one in place.state(place.router)["workers"]))


def goes_on(place):
    """a stream whose server is killed goes on with another worker"""
    applies(len(place.servers) > 1, "there is one server, or none")
    applies(not place.runs_already, "the servers are somebody else's")
    # Long enough to be in its middle when the server ends.
    body = {"prompt": STORY, "max_tokens": 600, "temperature": 0, "ignore_eos": True}
    expected = place.servers[0].post("/v1/completions", {**body, "model": place.setup.name(place.servers[0])}).json()["choices"][0]["text"]

    def kill():
        for server in place.servers:
            if place.setup.running(server):
                server.kill()

    answer = place.post("/v1/completions", {**body, **USAGE}, at_third=kill)
    same(sum(server.process is None for server in place.servers), 1, "servers that were killed")
    assert answer.body.endswith(b"data: [DONE]\n\n"), f"the stream ended with {answer.body[-300:]!r}"
    same(streamed_text(answer.events()), expected, "text beside the server's")
    for server in place.servers:
        if server.process is None:
            server.begin()
    place.wait("every worker takes work", lambda: all(worker["takes_work"] for worker in place.known_workers()), RETURN_SECONDS)


def back_again(place):
    """a server that is killed costs no process, and is used again when it is back"""
    applies(place.servers, "the engine is the worker's own")
    applies(not place.runs_already, "the servers are somebody else's")
    body = {"prompt": STORY, "max_tokens": 800, "temperature": 0, **USAGE}
    if place.setup.takes_ignore_eos:
        body["ignore_eos"] = True

    def kill():
        for server in place.servers:
            server.kill()

    answer = place.post("/v1/completions", body, at_third=kill)
    # With nobody left to go on with, the stream says that it failed: it does not end as if it were whole.
    assert b"error" in answer.body and b'"finish_reason":"stop"' not in answer.body, f"the stream ended with {answer.body[-300:]!r}"
    place.wait("no worker takes work", lambda: not any(worker["takes_work"] for worker in place.known_workers()))
    refused = place.complete(STORY, 2)
    assert refused.status in (502, 503, 529), f"while no server runs: {refused.status}"
    for server in place.servers:
        server.begin()
    place.wait("every worker takes work", lambda: all(worker["takes_work"] for worker in place.known_workers()), RETURN_SECONDS)
    place.wait("answers are well", lambda: place.complete(STORY, 2).status == 200)
    capital(place)
    for worker in place.workers:
        same(worker.process.poll(), None, f"exit status of {worker.name}")
    if place.setup.tells_cached:
        cached_after(place)


def cached_after(place):
    prompt = f"Count {place.mark}: " + "one two three four five six " * 12
    found = lambda: answered(place.complete(prompt, 2)).json()["usage"]["prompt_tokens_details"]["cached_tokens"]  # noqa: E731
    same(found(), 0, "cached_tokens after the server came back")
    place.wait("the prompt is cached", lambda: found() >= 32)


def drains(place):
    """every process ends well when it is told to"""
    for member in (place.frontend, *place.workers, place.router):
        member.process.send_signal(signal.SIGTERM)
        same(member.process.wait(30), 0, f"exit status of {member.name}")


CHECKS = [
    capital, direct, usage, rendered, length, stop, tools, choices, seeds, log_probabilities, cached, prefix, leaving, too_long, parity, other_prompts, goes_on, back_again,
    drains,
]  # fmt: skip
