"""Clients that cannot be installed here, as bytes: their requests from fixtures, sent by hand, and the answers read by a strict reader; and curl."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import shapes
from checks import URLS, check, run, same
from wire import exchange

FOLDER = Path(__file__).parent / "fixtures"
MAIN = urlsplit(URLS["main"])


class Fixture:
    """One request of a file, and what must come back."""

    def __init__(self, file, text):
        title, _, rest = text.partition("\n")
        lines = rest.split("\n")
        self.name = f"{file.stem}: {title}"
        words = lines.pop(0).removeprefix("> ").split()
        self.status, self.kind, self.words = int(words[0]), words[1], words[2:]
        head, _, body = "\n".join(lines).partition("\n\n")
        self.body = body.removesuffix("\n").encode()
        self.head = head.replace("{{host}}", MAIN.netloc).replace("\n", "\r\n").encode() + b"\r\n\r\n"
        lengths = [line.split(":")[1].strip() for line in lines if line.lower().startswith("content-length:")]
        assert lengths == ([str(len(self.body))] if self.body else []), f"{self.name}: content-length {lengths}, and {len(self.body)} bytes"

    def option(self, name, default=None):
        return next((word.partition("=")[2] or True for word in self.words if word.partition("=")[0] == name), default)


def fixtures():
    for file in sorted(FOLDER.glob("*.http")):
        for part in file.read_text().split("\n### ")[1:]:
            yield Fixture(file, part)


def events(answer):
    """The data of a stream's events, by the strictest reading: `data: ` and one line of UTF-8, an empty line behind it; comments between."""
    same(answer.headers["content-type"].split(";")[0], "text/event-stream")
    same(answer.headers.get("cache-control"), "no-cache")
    text = answer.body.decode("utf-8", "strict")
    assert text.endswith("\n\n") and "\r" not in text, "the end, or line ends, of the stream"
    data = []
    for event in text[:-2].split("\n\n"):
        if event.startswith(": "):
            assert "\n" not in event, event
            continue
        name, found, event = event.partition("\ndata: ") if event.startswith("event: ") else ("", True, event.removeprefix("data: "))
        assert found and "\n" not in event and event, f"no event: {event!r:.100}"
        data.append((name.removeprefix("event: "), event))
    return data


def chunks_of(answer, shape):
    data = events(answer)
    assert all(not name for name, _ in data), "names of events, in an API that has none"
    same(data[-1][1], "[DONE]", "the last event")
    chunks = [json.loads(event) for _, event in data[:-1]]
    for index, chunk in enumerate(chunks):
        shapes.hold(chunk, shape, f"chunk {index}")
    same(len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}), 1, "different ids, times or models")
    return chunks


def hold_stream(fixture, answer, shape):
    """What chunks of both APIs must come to."""
    chunks, choices = chunks_of(answer, shape), int(fixture.option("choices", 1))
    wants_usage, is_continuous = fixture.option("usage", False), fixture.option("continuous", False)
    if wants_usage:
        last = chunks.pop()
        same(last["choices"], [], "choices of the chunk that tells usage")
        same(last["usage"]["total_tokens"], last["usage"]["prompt_tokens"] + last["usage"]["completion_tokens"], "total_tokens")
        if tokens := fixture.option("tokens"):
            same(last["usage"]["completion_tokens"], int(tokens), "completion_tokens")
    finishes, seen, counted = {}, {}, 0
    for chunk in chunks:
        same(len(chunk["choices"]), 1, "choices of a chunk")
        if is_continuous:
            assert chunk["usage"]["completion_tokens"] >= counted, "usage that shrinks"
            counted = chunk["usage"]["completion_tokens"]
        elif wants_usage:
            assert chunk["usage"] is None, "usage before the end"
        else:
            assert "usage" not in chunk, "usage that nobody asked for"
        choice = chunk["choices"][0]
        assert choice["index"] not in finishes, "a chunk behind its choice's finish"
        seen.setdefault(choice["index"], []).append(choice)
        if choice["finish_reason"]:
            finishes[choice["index"]] = choice["finish_reason"]
    same(sorted(finishes), list(range(choices)), "choices that finished")
    return seen, finishes


def hold_chat_stream(fixture, answer):
    seen, finishes = hold_stream(fixture, answer, shapes.CHAT_CHUNK)
    for parts in seen.values():
        same(["role" in part["delta"] for part in parts], [True] + [False] * (len(parts) - 1), "where roles are told")
    if wanted := fixture.option("calls"):
        calls = {}
        for delta in (call for part in seen[0] for call in part["delta"].get("tool_calls", [])):
            if delta["index"] not in calls:
                same(sorted(delta), ["function", "id", "index", "type"], "members of a call's first delta")
                calls[delta["index"]] = [delta["function"]["name"], ""]
            calls[delta["index"]][1] += delta["function"].get("arguments", "")
        same({name for name, _ in calls.values()}, {wanted})
        for _, arguments in calls.values():
            json.loads(arguments)
        assert finishes[0] in ("tool_calls", "stop"), finishes


def hold_responses_stream(_fixture, answer):
    data = [(name, json.loads(event)) for name, event in events(answer)]
    for number, (name, event) in enumerate(data):
        same((event["type"], event["sequence_number"]), (name, number), "type and number of an event")
    same([name for name, _ in data][:2], ["response.created", "response.in_progress"])
    assert data[-1][0] in ("response.completed", "response.incomplete"), data[-1][0]


def hold_error(fixture, body):
    shapes.hold(body, shapes.ERROR)
    same([body["error"]["code"], body["error"]["param"]][: len(fixture.words)], fixture.words, "code and param")


def hold_body(fixture, body):
    kinds = {"models": shapes.MODELS, "model": shapes.MODEL, "chat": shapes.CHAT, "text": shapes.TEXT, "embeddings": shapes.EMBEDDINGS}
    if fixture.kind == "error":
        return hold_error(fixture, body)
    shapes.hold(body, kinds[fixture.kind])
    if fixture.kind in ("chat", "text"):
        same([choice["index"] for choice in body["choices"]], list(range(int(fixture.option("choices", 1)))), "choices")
    if wanted := fixture.option("calls"):
        calls = body["choices"][0]["message"]["tool_calls"]
        same({call["function"]["name"] for call in calls}, {wanted})
        for call in calls:
            json.loads(call["function"]["arguments"])


def hold(fixture):
    answer = exchange(MAIN.port, fixture.head + fixture.body)
    same(answer.status, fixture.status, f"status, with {answer.body[:300]!r}")
    assert answer.headers["x-request-id"] if fixture.kind not in ("models", "model") else True, "no x-request-id"
    if fixture.kind.endswith("-stream"):
        assert "content-length" not in answer.headers
        how = {"chat-stream": hold_chat_stream, "responses-stream": hold_responses_stream}
        how.get(fixture.kind, lambda fixture, answer: hold_stream(fixture, answer, shapes.TEXT_CHUNK))(fixture, answer)
    else:
        same(answer.headers["content-type"], "application/json")
        hold_body(fixture, json.loads(answer.body))


for one in fixtures():
    check(one.name)(lambda one=one: hold(one))


# MARK: curl

CHAT = {"model": "apus-mock", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}


def curl(*options, body=None, content_type="application/json"):
    """The heads of all answers, interim ones among them, and the body of the last."""
    with tempfile.TemporaryDirectory() as folder:
        head = os.path.join(folder, "head")
        command = ["curl", "-sS", "--max-time", "20", "-D", head, "-H", f"content-type: {content_type}", *options]
        if body is not None:
            command += ["--data-binary", "@-"]
        result = subprocess.run(command, input=body, capture_output=True, timeout=30)
        same(result.returncode, 0, f"curl: {result.stderr.decode()!r}")
        return Path(head).read_text().strip().split("\n\n"), result.stdout


@check("curl -N: a stream comes in events, and ends")
def curl_stream():
    (head,), body = curl("-N", URLS["main"] + "/v1/chat/completions", body=json.dumps({**CHAT, "stream": True}).encode())
    assert head.startswith("HTTP/1.1 200"), head
    lines = [line for line in body.decode().split("\n") if line]
    assert all(line.startswith("data: ") for line in lines) and lines[-1] == "data: [DONE]"


@check("curl: a large body, which waits for 100-continue")
def curl_large():
    messages = [{"role": "user", "content": "a" * (1200 << 10)}]
    heads, body = curl(URLS["main"] + "/v1/chat/completions", body=json.dumps({**CHAT, "messages": messages}).encode())
    assert heads[0].startswith("HTTP/1.1 100 ") and heads[-1].startswith("HTTP/1.1 400 ") and len(heads) == 2, heads
    same(json.loads(body)["error"]["code"], "context_length_exceeded")


@check("curl: HTTP/1.0, a body in chunks, HEAD, and OPTIONS")
def curl_others():
    chat = URLS["main"] + "/v1/chat/completions"
    (head,), body = curl("--http1.0", chat, body=json.dumps(CHAT).encode())
    assert " 200 " in head.split("\n")[0] and json.loads(body)["choices"], head
    (head,), body = curl("--http1.0", chat, body=json.dumps({**CHAT, "stream": True}).encode())
    assert body.endswith(b"data: [DONE]\n\n") and "chunked" not in head.lower(), head
    heads, body = curl("-H", "transfer-encoding: chunked", chat, body=json.dumps(CHAT).encode())
    assert json.loads(body)["choices"], heads
    (head,), _ = curl("-I", URLS["main"] + "/v1/models")
    assert head.startswith("HTTP/1.1 200 "), head
    (head,), _ = curl("-X", "OPTIONS", chat)
    assert "allow:" in head.lower() and "POST" in head, head


@check("curl: what -d sends unless told otherwise is refused, and the right type is named")
def curl_form():
    (head,), body = curl(URLS["main"] + "/v1/chat/completions", body=json.dumps(CHAT).encode(), content_type="application/x-www-form-urlencoded")
    assert " 415 " in head.split("\n")[0] and "application/json" in json.loads(body)["error"]["message"], (head, body)


if __name__ == "__main__":
    run("wire")
