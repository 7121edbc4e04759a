"""What is asked of vLLM."""

import time

import rawhttp
import zmtp
from prompts import CHAT, QUESTION, chat_bodies, chat_text
from recording import Recorder
from servers import ClosedVLLM, VLLM

METRICS = (
    r"^vllm:(num_requests_(running|waiting)|kv_cache_usage_perc|cache_config_info|num_preemptions_total|lora_requests_info|"
    r"prefix_cache_(queries|hits)_total|prompt_tokens_total|generation_tokens_total|request_success_total|engine_sleep_state)\{"
)
# That events may need to come, and that an engine may need to notice that a client has left.
EVENT_SECONDS, LEAVE_SECONDS = 5, 20


class Events:
    """The frames of a server's cache events, as they come."""

    def __init__(self, port):
        import zmq

        self.zmq, self.frames = zmq, []
        self.socket = zmq.Context.instance().socket(zmq.SUB)
        self.socket.setsockopt(zmq.SUBSCRIBE, b"")
        self.socket.connect(f"tcp://127.0.0.1:{port}")
        # Whoever subscribes hears only what is sent after the publisher knows.
        time.sleep(1)

    def wait(self):
        """What came since the last time, until nothing more does."""
        frames = []
        while self.socket.poll(EVENT_SECONDS * 1000 if not frames else 1000):
            frames.append(self.socket.recv_multipart())
        return frames

    def close(self):
        self.socket.close(0)


def replay(port, start):
    """The answers to a request for all events from a number on."""
    import zmq

    socket, answers = zmq.Context.instance().socket(zmq.DEALER), []
    socket.connect(f"tcp://127.0.0.1:{port}")
    socket.send_multipart([b"", start.to_bytes(8, "big")])
    while socket.poll(EVENT_SECONDS * 1000 if not answers else 1000):
        answers.append(socket.recv_multipart())
    socket.close(0)
    return answers


def readable(frames):
    """Each message as the hexadecimal digits of its frames, and beside it what its payload says."""
    import msgspec

    messages = []
    for parts in frames:
        message = {"frames": [part.hex() for part in parts]}
        if parts[-1]:
            message["payload"] = msgspec.msgpack.decode(parts[-1])
        messages.append(message)
    return messages


def tokens(port, text):
    body = {"model": "tiny", "prompt": text, "add_special_tokens": False}
    return rawhttp.post(port, "/tokenize", body).json()["tokens"]


def prompt(port, question=QUESTION, times=1):
    return tokens(port, chat_text(question, times))


def completion(ids, count=16, **more):
    return {"model": "tiny", "prompt": ids, "max_tokens": count, "temperature": 0, "return_token_ids": True, **more}


def streamed(ids, count=16, **more):
    return completion(ids, count, stream=True, stream_options={"include_usage": True}, **more)


def generate(ids, count=16, sampling=(), **more):
    sampling = {"max_tokens": count, "temperature": 0.0, **dict(sampling)}
    return {"token_ids": ids, "sampling_params": sampling, "model": "tiny", **more}


def information(record):
    record.get("health", "/health")
    record.get("version", "/version")
    record.get("models", "/v1/models")
    record.get("ping", "/ping")
    record.metrics("metrics-idle", METRICS)


def texts(record):
    for name, chat in chat_bodies():
        record.post(f"tokenize-chat-{name}", "/tokenize", {"model": "tiny", **chat, "add_generation_prompt": True})
        record.post(f"render-chat-{name}", "/v1/chat/completions/render", {"model": "tiny", **chat})
    record.post("tokenize-text", "/tokenize", {"model": "tiny", "prompt": chat_text(), "return_token_strs": True})
    record.post("detokenize", "/detokenize", {"model": "tiny", "tokens": prompt(record.port)})
    record.post("render-completion", "/v1/completions/render", {"model": "tiny", "prompt": QUESTION})


def completions(record, ids):
    post = lambda name, body, **more: record.post(name, "/v1/completions", body, **more)  # noqa: E731
    long = prompt(record.port, times=5)
    post("completion", completion(ids))
    post("completion-cold", completion(long))
    post("completion-cached", completion(long))
    post("completion-stream", streamed(ids))
    post("completion-stream-cached", streamed(long))
    post("completion-stream-usage-each", completion(ids, stream=True, stream_options={"include_usage": True, "continuous_usage_stats": True}))
    post("completion-length", streamed(ids, 3))
    post("completion-logprobs", completion(ids, 4, logprobs=2))
    post("completion-stream-logprobs", streamed(ids, 4, logprobs=2))
    post("completion-stream-logprobs-ids", streamed(ids, 4, logprobs=2, return_tokens_as_token_ids=True))
    post("completion-stream-prompt-logprobs", streamed(ids, 2, prompt_logprobs=1))
    post("completion-stream-stop", streamed(ids, stop=[" Japan"]))
    post("completion-stream-stop-included", streamed(ids, stop=[" Japan"], include_stop_str_in_output=True))
    post("completion-stream-stop-token", streamed(ids, stop_token_ids=[1032]))
    post("completion-stream-ignore-eos", streamed(ids, 14, ignore_eos=True))
    post("completion-stream-min-tokens", streamed(ids, 14, min_tokens=12))
    post("completion-stream-seed", streamed(ids, 8, temperature=1.0, seed=7))
    post("completion-stream-seed-again", streamed(ids, 8, temperature=1.0, seed=7))
    post("completion-stream-n", streamed(ids, 6, n=2, temperature=1.0, seed=7))
    post("completion-n", completion(ids, 6, n=2, temperature=1.0, seed=7))
    penalties = {"presence_penalty": 0.5, "frequency_penalty": 0.5, "repetition_penalty": 1.2, "top_k": 20, "top_p": 0.9, "min_p": 0.05}
    post("completion-stream-penalties", streamed(ids, 8, logit_bias={"940": -100, "325": 5}, **penalties))
    post("completion-stream-cache-salt", streamed(long, 4, cache_salt="tenant-a"))
    post("completion-stream-cache-salt-again", streamed(long, 4, cache_salt="tenant-a"))
    post("completion-stream-priority", streamed(ids, 4, priority=3))
    post("completion-stream-request-id", streamed(ids, 4, request_id="apus-1"), headers=["X-Request-Id: apus-2"])
    post("completion-rank-header", completion(ids, 4), headers=["X-data-parallel-rank: 0"])
    post("completion-text", completion("Once upon a time", 8))
    post("completion-batch", completion([ids, ids[:4]], 4))
    post("completion-transfer", completion(ids, 1, kv_transfer_params={"do_remote_decode": True, "do_remote_prefill": False}))


def forms(record, ids):
    schema = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 8}}, "required": ["city"], "additionalProperties": False}
    given = {"json": {"json": schema}, "regex": {"regex": "[A-Z][a-z]{2,5}"}, "choice": {"choice": ["Tokyo", "Oslo"]},
             "grammar": {"grammar": 'root ::= "yes" | "no"'}}  # fmt: skip
    for name, form in given.items():
        record.post(f"form-{name}", "/v1/completions", streamed(ids, 24, structured_outputs=form))
    response = {"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}
    record.post("form-response-format", "/v1/completions", streamed(ids, 24, response_format=response))
    record.post("form-broken", "/v1/completions", completion(ids, 8, structured_outputs={"regex": "(("}))


def chats(record):
    body = {"model": "tiny", "messages": CHAT, "max_tokens": 16, "temperature": 0, "return_token_ids": True}
    record.post("chat", "/v1/chat/completions", body)
    record.post("chat-stream", "/v1/chat/completions", {**body, "stream": True, "stream_options": {"include_usage": True}})


def generations(record, ids):
    post = lambda name, body: record.post(name, "/inference/v1/generate", body)  # noqa: E731
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    post("generate", generate(ids, request_id="apus-3"))
    post("generate-logprobs", generate(ids, 3, {"logprobs": 1}))
    post("generate-stream", generate(ids, **usage))
    post("generate-stream-logprobs", generate(ids, 3, {"logprobs": 2}, **usage))
    post("generate-stream-stop-token", generate(ids, 16, {"stop_token_ids": [1032]}, **usage))
    post("generate-stream-n", generate(ids, 4, {"n": 2, "temperature": 1.0, "seed": 7}, **usage))
    post("generate-stream-text", generate(ids, 4, output_mode="text", **usage))
    post("generate-error-empty", generate([], 4))
    post("generate-error-too-long", generate(ids * 70, 4))
    post("generate-error-vocabulary", generate([5_000_000], 4))
    post("generate-error-parameter", generate(ids, 4, {"temperature": -1.0}))


def errors(record, ids):
    post = lambda name, body, **more: record.post(f"error-{name}", "/v1/completions", body, **more)  # noqa: E731
    post("model", completion(ids, 4) | {"model": "nobody"})
    post("too-long", completion(ids * 70, 4))
    post("too-many-tokens", completion(ids, 2000))
    post("temperature", completion(ids, 4, temperature=-1))
    post("top-p", completion(ids, 4, top_p=2))
    post("type", completion(ids, 4) | {"max_tokens": "many"})
    post("json", b'{"model": "tiny", "prompt": [')
    post("empty", completion([], 4))
    post("vocabulary", completion([5_000_000], 4))
    post("negative-token", completion([-1], 4))
    post("logprobs", completion(ids, 4, logprobs=100))
    post("stop-token", completion(ids, 4, stop_token_ids=["x"]))
    post("stream-too-long", streamed(ids * 70, 4))
    post("unknown-field", completion(ids, 2, no_such_parameter=1))
    post("rank", completion(ids, 2), headers=["X-data-parallel-rank: 7"])
    record.post("error-embeddings", "/v1/embeddings", {"model": "tiny", "input": ids})
    record.get("error-path", "/nothing")
    record.get("error-method", "/v1/completions")


def running(port):
    lines = rawhttp.get(port, "/metrics").body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:num_requests_running{"))


def wait_until_idle(port):
    limit = time.monotonic() + LEAVE_SECONDS
    while running(port) and time.monotonic() < limit:
        time.sleep(0.1)
    return running(port) == 0


def aborts(record, ids):
    """A client that leaves, and an order to abort. Both streams would last for hundreds of tokens."""
    long = {"ignore_eos": True, "stream": True, "stream_options": {"include_usage": True}}
    record.post("abort-by-leaving", "/v1/completions", completion(ids, 900, **long), at_third=lambda: rawhttp.LEAVE)
    assert wait_until_idle(record.port), "the engine goes on for a client that has left"
    record.metrics("abort-by-leaving-metrics", METRICS)
    # The server knows the request by its own name for it, the one in its answers, and answers the same to any other.
    order = lambda name, request: record.post(name, "/inference/v1/abort_requests", {"request_ids": [request]})  # noqa: E731
    body = generate(ids, 900, {"ignore_eos": True}, request_id="apus-4", stream=True, stream_options={"include_usage": True})
    record.post("abort-ordered-stream", "/inference/v1/generate", body, at_third=lambda: order("abort-order", "generate-tokens-apus-4"))
    order("abort-order-unknown", "nobody")
    body = completion(ids, 200, **long)
    rawhttp.post(record.port, "/v1/completions", body, at_third=lambda: record.metrics("metrics-running", METRICS))


def capture(folder, engines, port, work):
    record = Recorder(folder, port)
    server = VLLM(engines, port, work / "log").start()
    try:
        ids = prompt(port)
        information(record)
        texts(record)
        events, wires = Events(port + 1), zmtp.Subscriber(port + 1)
        completions(record, ids)
        forms(record, ids)
        chats(record)
        generations(record, ids)
        record.note("events", readable(events.wait()))
        record.note("events-bytes", wires.exchange())
        record.note("events-replay", readable(replay(port + 2, 0)))
        record.note("events-replay-bytes", zmtp.replay(port + 2, 0))
        record.note("events-replay-from-2", readable(replay(port + 2, 2)))
        record.note("events-replay-beyond", readable(replay(port + 2, 1000)))
        errors(record, ids)
        aborts(record, ids)
        events.wait()
        record.post("reset", "/reset_prefix_cache", {})
        # Nothing is published until the engine works again.
        rawhttp.post(port, "/v1/completions", completion(prompt(port, times=3), 2))
        record.note("events-after-reset", readable(events.wait()))
        record.metrics("metrics-worked", METRICS)
        server.stop()
        server.start()
        # A subscriber that connects again by itself misses what is published meanwhile; numbers begin anew.
        rawhttp.post(port, "/v1/completions", completion(prompt(port, times=3), 2))
        events.wait()
        rawhttp.post(port, "/v1/completions", completion(prompt(port, times=6), 2))
        record.note("events-after-restart", readable(events.wait()))
        record.note("events-after-restart-replay", readable(replay(port + 2, 0)))
        events.close()
    finally:
        server.kill()


def capture_small(folder, engines, port, work):
    """With 40 blocks, so that some are evicted; scheduled by priority; hashes that others can compute; its endpoint of tokens closed."""
    record = Recorder(folder, port)
    options = [
        "--num-gpu-blocks-override", "40", "--max-num-seqs", "4", "--scheduling-policy", "priority", "--prefix-caching-hash-algo", "sha256_cbor",
    ]  # fmt: skip
    server = ClosedVLLM(engines, port, work / "log", *options).start()
    try:
        ids = prompt(port)
        events = Events(port + 1)
        record.get("models", "/v1/models")
        record.metrics("metrics-idle", METRICS)
        record.post("completion-stream-priority", "/v1/completions", streamed(ids, 4, priority=3))
        record.post("generate-closed", "/inference/v1/generate", {})
        record.post("abort-closed", "/inference/v1/abort_requests", {"request_ids": ["nobody"]})
        cities = ["France", "Norway", "Spain", "Italy", "Kenya", "Peru", "Egypt", "Chile", "India", "Cuba"]
        for city in cities:
            rawhttp.post(port, "/v1/completions", completion(prompt(port, f"What is the capital of {city}?", times=12), 2))
        record.note("events-evicted", readable(events.wait()))
        record.metrics("metrics-worked", METRICS)
        events.close()
    finally:
        server.kill()
