"""What a cluster in front of an engine does when something is wrong: checks as those of questions.py."""

import asyncio
import json
import os
import signal
import tempfile
from pathlib import Path

import rawhttp
from asking import ANSWER, QUESTION, STORY, USAGE, answered, applies, content, same, streamed_text
from place import RETURN_SECONDS
from setups import FILES


# An engine may be through with an answer before a busy machine has brought its client three events.
ATTEMPTS = 5


def in_the_middle(place, body, action):
    """The answer to a stream, in whose middle something is done while the engine still runs it."""
    for _ in range(ATTEMPTS):
        hit = []

        def act(hit=hit):
            if place.running() == 0:
                return None
            hit.append(True)
            return action()

        answer = place.post("/v1/completions", body, at_third=act)
        if hit:
            return answer
    raise AssertionError(f"the engine was through each of {ATTEMPTS} times")


def leaving(place):
    """a client that leaves frees the engine"""
    applies(place.setup.server is None or place.setup.running(place.servers[0]) is not None, "the server does not tell what it runs")
    body = {"prompt": STORY, "max_tokens": 800, "temperature": 0, "ignore_eos": True, **USAGE}
    answer = in_the_middle(place, body, lambda: rawhttp.LEAVE)
    assert not answer.whole, "the client had all of it"
    if place.servers:
        place.wait("the server runs nothing", lambda: place.running() == 0)
    ranks = lambda: [rank for worker in place.workers for rank in place.state(worker)["ranks"]]  # noqa: E731
    place.wait("no worker runs anything", lambda: all(rank["running_requests"] == 0 for rank in ranks()))
    same(content(place.chat(QUESTION, max_tokens=16)), ANSWER, "content")


def too_long(place):
    """a prompt that does not fit is the client's fault"""
    same(place.complete(STORY * 3000, 4).status, 400, "status")


def parity(place):
    """a worker compares its prompts with the server's, and says what it found"""
    applies(place.setup.server, "the engine is the worker's own")
    for worker in place.workers:
        [record] = worker.records("text parity")
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
        worker = asyncio.run(place.cluster.add_worker("other-prompts", place.router.address, "--model-name", "other", *options))
        place.wait("the router knows it", lambda: any(one["name"] == worker.name for one in place.state(place.router)["workers"]))
        [record] = worker.records("text parity")
        same(record["level"], "warning", f"level of {record}")
        assert "from token" in record["result"] and "Japan" not in record["result"], f"the line {record['result']!r}"
        known = next(one for one in place.state(place.router)["workers"] if one["name"] == worker.name)
        same(known["events"], "loadOnly", "what the router goes by")
        worker.kill()
    attached = lambda: [one["name"] for one in place.state(place.router)["workers"] if one["attached"]]  # noqa: E731
    place.wait("the router has left it", lambda: worker.name not in attached())


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

    answer = in_the_middle(place, {**body, **USAGE}, kill)
    same(sum(server.process is None for server in place.servers), 1, "servers that were killed")
    assert answer.body.endswith(b"data: [DONE]\n\n"), f"the stream ended with {answer.body[-300:]!r}"
    same(streamed_text(answer.events()), expected, "text beside the server's")
    for server in place.servers:
        if server.process is None:
            server.begin()
    place.wait("every worker takes work", lambda: all(worker["takes_work"] for worker in place.known_workers()), RETURN_SECONDS)


def helper_dies(place):
    """a stream whose engine's process is killed goes on, and the process is started again"""
    applies(place.setup.has_helper, "the engine has no process of its own")
    body = {"prompt": STORY, "max_tokens": 600, "temperature": 0, "ignore_eos": True, **USAGE}
    expected = streamed_text(answered(place.post("/v1/completions", body)).events())
    killed = []

    def kill():
        for worker in place.workers:
            if place.state(worker)["ranks"][0]["running_requests"]:
                killed.append(worker)
                os.kill(worker.records("engine's process started")[-1]["process"], signal.SIGKILL)

    answer = place.post("/v1/completions", body, at_third=kill)
    same(len(killed), 1, "processes that were killed")
    assert answer.body.endswith(b"data: [DONE]\n\n"), f"the stream ended with {answer.body[-300:]!r}"
    same(streamed_text(answer.events()), expected, "text beside the one that nothing interrupted")
    place.wait("a new process serves", lambda: len(killed[0].records("engine's process serves")) > 1)
    place.wait("every worker takes work", lambda: all(worker["takes_work"] for worker in place.known_workers()))


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

    answer = in_the_middle(place, body, kill)
    # With nobody left to go on with, the stream says that it failed: it does not end as if it were whole.
    assert b"error" in answer.body and b'"finish_reason":"stop"' not in answer.body, f"the stream ended with {answer.body[-300:]!r}"
    place.wait("no worker takes work", lambda: not any(worker["takes_work"] for worker in place.known_workers()))
    refused = place.complete(STORY, 2)
    assert refused.status in (502, 503, 529), f"while no server runs: {refused.status}"
    for server in place.servers:
        server.begin()
    place.wait("every worker takes work", lambda: all(worker["takes_work"] for worker in place.known_workers()), RETURN_SECONDS)
    place.wait("answers are well", lambda: place.complete(STORY, 2).status == 200)
    same(content(place.chat(QUESTION, max_tokens=16)), ANSWER, "content")
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
        same(asyncio.run(member.end()), 0, f"exit status of {member.name}")
