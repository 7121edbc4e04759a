"""What is asked of llama-server."""

import time

import rawhttp
from prompts import CHAT, chat_bodies, chat_text
from recording import Recorder
from servers import LlamaServer

METRICS = r"^llamacpp:"
END = 1162
# That the engine may need to notice that a client has left, and that a model may take to load.
LEAVE_SECONDS, LOAD_SECONDS = 20, 60


def tokens(port, text):
    body = {"content": text, "parse_special": True, "add_special": False}
    return rawhttp.post(port, "/tokenize", body).json()["tokens"]


def completion(ids, count=16, **more):
    return {"prompt": ids, "n_predict": count, "temperature": 0, "return_tokens": True, "cache_prompt": True, **more}


def streamed(ids, count=16, **more):
    return completion(ids, count, stream=True, **more)


def loading(record, server):
    """What it says while it loads, which takes it a moment: asked without a pause until it says something."""
    server.begin()
    limit = time.monotonic() + LOAD_SECONDS
    for name, path in (("loading-health", "/health"), ("loading-props", "/props")):
        while time.monotonic() < limit:
            try:
                if record.get(name, path).status == 503:
                    break
                (record.folder / f"{name}.http").unlink()
                break
            except OSError:
                continue
    server.ready()


def information(record):
    record.get("health", "/health")
    record.get("props", "/props")
    record.get("slots", "/slots")
    record.get("models", "/v1/models")
    record.metrics("metrics-idle", METRICS)


def texts(record, ids):
    for name, chat in chat_bodies():
        template = record.post(f"apply-template-{name}", "/apply-template", chat).json()["prompt"]
        record.post(f"tokenize-{name}", "/tokenize", {"content": template, "parse_special": True, "add_special": False})
    record.post("tokenize-pieces", "/tokenize", {"content": "東京 🗼", "with_pieces": True})
    record.post("detokenize", "/detokenize", {"tokens": ids})


def completions(record, ids, long):
    post = lambda name, body: record.post(name, "/completion", body)  # noqa: E731
    post("completion", completion(ids))
    post("completion-cold", completion(long))
    post("completion-cached", completion(long))
    post("completion-stream", streamed(ids))
    post("completion-stream-length", streamed(ids, 3))
    post("completion-stream-slot", streamed(ids, 4, id_slot=1))
    post("completion-stream-stop", streamed(ids, stop=[" Japan"]))
    post("completion-stream-logprobs", streamed(ids, 4, n_probs=2))
    post("completion-stream-seed", streamed(ids, 8, temperature=1.0, seed=7))
    post("completion-stream-seed-again", streamed(ids, 8, temperature=1.0, seed=7))
    post("completion-stream-ignore-eos", streamed(ids, 14, ignore_eos=True))
    post("completion-stream-progress", streamed(long, 2, return_progress=True, cache_prompt=False))
    post("completion-stream-penalties", streamed(ids, 8, presence_penalty=0.5, frequency_penalty=0.5, repeat_penalty=1.2, top_k=20, top_p=0.9,
                                                 min_p=0.05, logit_bias=[[940, False], [325, 5]]))  # fmt: skip
    schema = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 8}}, "required": ["city"]}
    post("completion-stream-schema", streamed(ids, 24, json_schema=schema))
    post("completion-stream-grammar", streamed(ids, 8, grammar='root ::= "yes" | "no"'))
    fields = ["content", "tokens", "stop_type", "timings/cache_n", "timings/prompt_n"]
    post("completion-stream-fields", streamed(ids, 4, response_fields=fields))
    post("completion-none", completion(ids, 0))
    post("completion-text", completion(chat_text()))
    # Answers to several prompts come as an array.
    post("completion-batch", completion([ids, ids], 3))


def openai(record, ids):
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    text = {"model": "tiny", "max_tokens": 16, "temperature": 0}
    record.post("openai-completion", "/v1/completions", {**text, "prompt": ids})
    record.post("openai-completion-stream", "/v1/completions", {**text, "prompt": ids, **usage})
    record.post("openai-completion-stream-logprobs", "/v1/completions", {**text, "prompt": ids, "max_tokens": 3, "logprobs": 2, **usage})
    record.post("openai-completion-text-stream", "/v1/completions", {**text, "prompt": chat_text(), **usage})
    record.post("openai-completion-n", "/v1/completions", {**text, "prompt": ids, "n": 2, "max_tokens": 3, **usage})
    record.post("openai-chat", "/v1/chat/completions", {**text, "messages": CHAT})
    record.post("openai-chat-stream", "/v1/chat/completions", {**text, "messages": CHAT, **usage})


def errors(record, ids):
    post = lambda name, body, path="/completion": record.post(f"error-{name}", path, body)  # noqa: E731
    post("stream-too-long", streamed(ids * 70, 4))
    post("type", completion(ids, 4) | {"n_predict": "many"})
    post("json", b'{"prompt": [')
    post("prompt", {"n_predict": 4})
    post("empty", completion([], 4))
    post("vocabulary", completion([5_000_000], 4))
    post("grammar", completion(ids, 4, grammar="root ::= ("))
    post("repeat-last-n", completion(ids, 4, repeat_last_n=-1))
    post("top-k", completion(ids, 4, top_k=-1))
    post("slot", completion(ids, 4, id_slot=99))
    post("model", {"model": "nobody", "prompt": ids, "max_tokens": 2}, "/v1/completions")
    post("embeddings", {"model": "tiny", "input": "x"}, "/v1/embeddings")
    record.get("error-path", "/nothing")


def slots_busy(port):
    return sum(slot["is_processing"] for slot in rawhttp.get(port, "/slots").json())


def aborts(record, ids):
    body = streamed(ids, 900, ignore_eos=True)
    record.post("abort-by-leaving", "/completion", body, at_third=lambda: rawhttp.LEAVE)
    limit = time.monotonic() + LEAVE_SECONDS
    while slots_busy(record.port) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not slots_busy(record.port), "the engine goes on for a client that has left"

    def look():
        record.get("slots-busy", "/slots")
        record.metrics("metrics-running", METRICS)

    rawhttp.post(record.port, "/completion", body, at_third=look)


def capture(folder, engines, port, work):
    record = Recorder(folder, port)
    server = LlamaServer(engines, port, work / "log")
    try:
        loading(record, server)
        ids, long = tokens(port, chat_text()), tokens(port, chat_text(times=5))
        information(record)
        texts(record, ids)
        completions(record, ids, long)
        openai(record, ids)
        errors(record, ids)
        aborts(record, ids)
        record.metrics("metrics-worked", METRICS)
    finally:
        server.kill()
