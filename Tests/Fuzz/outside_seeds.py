"""Inputs to start from for what servers, clients, operators and recorders say; `seeds.py` writes them."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def written(folder: Path, target: str, inputs: list[bytes]) -> int:
    (folder / target).mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs):
        (folder / target / f"seed-{number}").write_bytes(data)
    return len(inputs)


def text(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


# Dialects of engines' servers as the target numbers them.
DIALECTS = {"vllm": 0, "vllm-small": 0, "sglang": 1, "llama-server": 2, "transformers": 3}


def engine_servers(folder: Path) -> int:
    """What servers said, as it was recorded: events of answers by dialect, and what they say of themselves in groups of three."""
    answers, selves = [], []
    captures = sorted((ROOT / "Tests/Fixtures/engines").glob("*/*.http"))
    for path in captures:
        body = path.read_bytes().partition(b"=== answer ===\n")[2]
        events = [line.removeprefix(b"data: ") for line in body.splitlines() if line.startswith((b"data: {", b"{"))]
        if events and len(b"\n".join(events)) < 4000:
            for asked in (0, 4 | 2 << 6):
                answers.append(bytes([DIALECTS[path.parent.name] | asked]) + b"\n".join(events))
        metrics = [line for line in body.splitlines() if line.startswith((b"vllm:", b"llamacpp:"))]
        selves += [events[0]] if events and len(events[0]) < 3000 else []
        selves += [b"\n".join(metrics[:20])] if metrics else []
    models = text({"data": [{"id": "m", "root": "/m", "max_model_len": 4096}, {"id": "a", "parent": "m"}]})
    info = text({"version": "0.5.9", "page_size": 16, "max_total_num_tokens": 4096, "dp_size": 2, "disaggregation_mode": "prefill",
                 "disaggregation_bootstrap_port": 8998, "internal_states": [{"effective_max_running_requests_per_dp": 4}],
                 "kv_events": {"endpoint_port_base": 5557, "block_size": 16, "dp_size": 2}})
    loads = text({"loads": [{"dp_rank": 1, "num_running_reqs": 2, "num_waiting_reqs": 1, "num_used_tokens": 64, "max_total_num_tokens": 4096}]})
    props = text({"default_generation_settings": {"n_ctx": 4096}, "total_slots": 2, "build_info": "b1", "model_path": "/m"})
    cache = b'vllm:cache_config_info{block_size="16",num_gpu_blocks="64",engine="0"} 1.0\nvllm:num_requests_running{engine="0"} 2.0'
    whole = [b"\0".join(three) for three in ((models, text({"version": "0.9"}), cache), (info, loads, models), (info, text({"model_path": "/m"}), models),
                                            (models, props, b"llamacpp:requests_processing 1\n"))]
    meeting = text({"bootstrap_host": "h", "bootstrap_port": 8998, "bootstrap_room": 5, "dp_size": 2})
    return written(folder, "engine-answer", answers) + written(folder, "engine-server", whole + selves + [meeting])


def client_fields(folder: Path) -> int:
    fields = [
        b"Authorization: Bearer sk-1\r\nx-api-key: sk-1\r\n", b"x-worker-instance-id: 00000000000000a7\r\nx-dp-rank: 3\r\nx-prefill-dp-rank: 4294967295\r\n",
        b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nx-request-id: r-1\r\n", b"Cookie: a=b; apus=QUJD\r\nCookie: apus=\r\n"]
    order = text({"limit_seconds": 5, "rate": 0.5, "text": "t", "on": True, "role": "prefill"})
    inputs = [b"POST /v1/x?a=%20b&c=+ HTTP/1.1\r\nHost: h\r\n" + part + b"Content-Length: 0\r\n\r\n" for part in fields]
    inputs.append(b"POST /drain HTTP/1.1\r\nHost: h\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n" % len(order) + order)
    return written(folder, "client-fields", inputs)


def operators(folder: Path) -> int:
    """Files and words of operators: tenants, what mocks are told, texts of options, command lines."""
    digest = "sha256:" + "ab" * 32
    made = written(folder, "tenants", [text({"tenants": [
        {"name": "a", "keys": [digest], "models": ["m"], "maxPriority": 5, "maxStrictPriority": 1, "mayPinWorkers": True, "mayOverrideRouter": False,
         "tokensPerMinute": 1000, "burstTokens": 100, "maxRunning": 4, "weight": 2, "cacheGroup": "g"}, {"name": "b", "keys": []}]})])
    profile = {"comment": "c", "prefill": [{"tokens": 128, "milliseconds": 18.5}, {"tokens": 8192, "milliseconds": 169.1}],
               "decode": {"activeTokens": [0, 262144], "contextLengths": [1024, 32768], "milliseconds": [[5.7, 6.0], [26.3, 28.0]]}}
    answers = b'{"says": "Hello", "thinks": "so", "when": ["a", "b"]}\n\n{"says": "Bye", "when": "c"}\n'
    made += written(folder, "mock-files", [text(profile), answers, text([{"says": "x"}])])
    texts = ["250ms", "64KiB", "lognormal:512,0.8", "http://[::1]:8000/prefix", "tcp://[::1]:5557", "http://127.0.0.1:8000/v1", "http://localhost:4318",
             "00000000000000a7-00000000000000ff"]
    texts += ["292d", "8388607TiB", "normal:512,128", "http://h", "tcp://h:1", "http://[::1]:1/", "http://[::1]:1/a/", '{"partialSuccess":{"rejectedSpans":"3"}}',
              "0s", "0", "uniform:100-900", "http://h:80/", "tcp://h:65535", "http://1.2.3.4:1", "http://1.2.3.4:1", "00000000000000a7", "1us", "1", "512"]
    made += written(folder, "operator-text", [bytes([number % 8]) + word.encode() for number, word in enumerate(texts)])
    lines = [["--queue-entries", "7", "--queue-time=250ms", "--router", "tcp://h:1", "--trace"], ["--overlap-weight=0.5", "--folder", "d", "--no-trace"],
             ["--help"], ["--version"], ["--print-config"], ["--check-config"], ["--config", "f", "--", "x"]]
    words = [bytes([len(line)]) + "\0".join(line + ["FUZZ_QUEUE_ENTRIES=9", "FUZZ_ROUTER=tcp://a:1,tcp://b:2"]).encode() for line in lines]
    return made + written(folder, "options", words)


def records(folder: Path) -> int:
    """A recording of one request, a decision, an answer that a load generator reads, and changes of a hand-over."""
    leg = {"attempt": 1, "leg": "decode", "worker": 0, "rank": 0, "at_us": 6, "believed_blocks": 1, "cached_tokens": 0, "output_tokens": 2,
           "waited_us": 1, "prefill_us": 2, "decode_us": 3, "end": "finished"}
    lines = [
        {"format": "apus-record", "version": 1, "routers": 1}, {"type": "model", "model": 0, "name": "m", "block_tokens": 16, "context_tokens": 4096},
        {"type": "worker", "worker": 0, "at_us": 0, "model": 0, "role": "aggregated", "ranks": [
            {"rank": 0, "blocks": 64, "host_blocks": 0, "disk_blocks": 0, "max_sequences": 4, "max_batched_tokens": 256}]},
        {"type": "request", "at_us": 5, "model": 0, "router": 0, "prompt_tokens": 32, "output_tokens": 2, "choices": 1, "cached_tokens": 0, "attempts": 1,
         "session": 0, "tenant": 0, "queued_us": 1, "policy": "cost", "status": 200, "first_token_us": 9, "total_us": 12, "end": "finished",
         "legs": [leg], "hashes": "00000000000000a7" * 2},
        {"type": "left", "worker": 0, "at_us": 50}, {"type": "end", "at_us": 60, "cause": "asked", "requests": 1, "missed": {}}]
    whole = [text(line) + b"\n" for line in lines]
    made = written(folder, "record", [b"\6" + b"".join(whole[:count]) for count in range(1, len(whole) + 1)])
    answer = (b'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: {"choices":[{"delta":{"content":"b"}}]}\n\n'
              b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1}}}\n\ndata: [DONE]\n\n')
    whole = b'{"choices":[{"text":"a"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}'
    made += written(folder, "load-answer", [b"\x10" + answer, b"\x21" + whole, b"\x33" + text({"error": {"code": "rate_limit", "message": "m"}}),
                                           b"\x14" + b'data: {"error":{"type":"server_error"}}\n\n'])
    return made + written(folder, "hand-over", [b"\1\2\3", b"\2\1\5\x1a\1\x1c\0", b"\1\1\2\xff\4", b"\0\3\7\x0c\xff\x0d\xff\x0e\xff\x0f\xff"])


def model_files(folder: Path) -> int:
    bytes_model = {"kind": "bytes", "specials": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "endOfText": ["<|im_end|>"], "template": "chatml"}
    config = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "chat_template": [
        {"name": "default", "template": "{% for m in messages %}{{ bos_token }}{{ m.content }}{% endfor %}"}, {"name": "tool_use", "template": "t"}]}
    contents = [text(bytes_model), text({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}), text(config), text({"eos_token": "</s>"}),
                b"{{ messages[0].content }}", text({"chat_template": "{{ messages }}"}), text({"eos_token_id": [1, 2]})]
    # The target numbers them in its own order: each is tried under each number.
    single = [bytes([number]) + content for number in range(1, 9) for content in contents]
    several = [b"\0".join([bytes([first + 1]) + contents[2], bytes([first + 2]) + contents[6]]) for first in range(1, 7)]
    return written(folder, "model-files", single + several)
