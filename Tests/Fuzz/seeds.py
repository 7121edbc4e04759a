#!/usr/bin/env python3
"""Turns the vectors of proto-spec, the tables of Fixtures/http and the tiny model into inputs to start from: seeds.py FOLDER makes FOLDER/<target>/<name>."""

import json
import struct
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # beside the sources of a target
from outside_seeds import client_fields, engine_servers, model_files, operators, records  # noqa: E402

HEADER_BYTES, COMPRESSED = 32, 1
GREETING = bytes.fromhex("0053500000100000")
ROOT = Path(__file__).resolve().parents[2]


def inputs(name: str, section: str | None, message: bytes, value: object):
    """The inputs that a vector gives, as (target, bytes)."""
    yield "message", message
    yield "header", message[:HEADER_BYTES]
    # A piece size, then the stream: the greeting, and the message twice.
    framed = struct.pack(">Q", len(message)) + message
    if len(framed) < 500:
        yield "framing", b"\x06" + GREETING + framed + framed
    if value is not None:
        yield "json", json.dumps(value, ensure_ascii=len(name) % 2 == 0).encode()
    if len(message) < HEADER_BYTES:
        return
    kind, flags = struct.unpack_from("<HH", message, 6)
    body = message[HEADER_BYTES:]
    if flags & COMPRESSED:
        return
    if section == "TokenBatch":
        yield "tokens", body
    if section == "WorkerEvents":
        yield "events", body
    if section in ("Hello", "Challenge", "Proof", "Welcome", "Refuse"):
        for options in range(8):
            yield "handshake", bytes([options]) + struct.pack("<HH", kind, len(body)) + body


# Small templates, and what a client says behind a zero byte.
TEMPLATES = [
    "{% for m in messages %}<{{ m.role }}>{{ m['content'] | trim }}{% if not loop.last %}\n{% endif %}{% endfor %}\0Hello",
    "{%- set ns = namespace(a='') -%}{% for m in messages[::-1] %}{% set ns.a = ns.a ~ m.content %}{% endfor %}{{ ns.a | tojson }}\0a",
    "{% macro f(x, y=1) %}{{ x }}{{ caller() if caller else y }}{% endmacro %}{% call f(2) %}b{% endcall %}{{ f(messages, y='é') }}\0c",
    "{{ bos_token }}{{ tools | tojson(indent=2) }}{{ '%s' % messages }}{{ '{}'.format(messages[0].content[1:]) }}\0d e",
    "{% for k, v in messages[0].items() %}{{ k ~ v.split('a', 1) | join('<>') | replace('b', 'c') | upper }}{% endfor %}\0ab",
    "{% generation %}{% filter indent(2) %}{% raw %}{{ }}{% endraw %}{# c #}{% endfilter %}{% endgeneration %}{{ raise_exception('no') }}\0",
]


def templates(folder: Path) -> int:
    (folder / "template").mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(TEMPLATES):
        (folder / "template" / f"small-{number}").write_text(text, encoding="utf-8")
    return len(TEMPLATES)


# Bodies of requests: each field that has a meaning stands in one of them.
BODIES = [
    {"model": "m", "messages": [{"role": "system", "content": "a"}, {"role": "user", "content": [{"type": "text", "text": "b"}], "name": "n"}],
     "temperature": 0.5, "top_p": 0.9, "stop": ["a", "b"], "stream": True, "stream_options": {"include_usage": True}, "logit_bias": {"5": 1},
     "n": 2, "seed": 7, "max_completion_tokens": 5, "logprobs": True, "top_logprobs": 3, "user": "u", "metadata": {"a": "b"}},
    {"model": "m", "messages": [
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "content": "x", "tool_call_id": "c"}], "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
     "tool_choice": "auto", "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}, "max_tokens": 1},
    {"model": "m", "prompt": ["a"], "echo": True, "logprobs": 1, "best_of": 1, "ignore_eos": True, "min_tokens": 1, "repetition_penalty": 1.1},
    {"model": "m", "prompt": [1, 2, 3], "nvext": {"extra_fields": ["timing"], "agent_hints": {"priority": 1}, "session_control": {"session_id": "s"}}},
]


def bodies(folder: Path) -> int:
    (folder / "openai-request").mkdir(parents=True, exist_ok=True)
    for number, body in enumerate(BODIES):
        (folder / "openai-request" / f"body-{number}").write_text(json.dumps(body, separators=(",", ":")))
    return len(BODIES)


# Schemas; byte 1 stands for the rest behind a zero byte, as often as there is room, and byte 2 in that for its number.
SCHEMAS = [
    '{"required":[\1],"anyOf":[\1]}\0"n\2"',
    '{"required":[\1],"anyOf":[{},{},{},{},{},{},{},{}]}\0"n\2"',
    '{"prefixItems":[\1],"anyOf":[\1]}\0{}',
    '{"type":[\1],"anyOf":[\1]}\0"string"',
    '{"properties":{\1},"allOf":[{"additionalProperties":{}},{"additionalProperties":{}}]}\0"m\2":{}',
    '{"properties":{"c0":{"pattern":"(x)"},\1}}\0"c\2":{"items":{"$ref":"#/properties/c0"}}',
    '{"const":[[\1],[\1]],"uniqueItems":true}\0\2',
    '{"enum":[\1],"anyOf":[{"minimum":1e-3},{"type":"string"},{"$ref":"#/$defs/a"}],"$defs":{"a":{"const":2}}}\0\2',
    '{"type":"string","pattern":"^[a-z]{3}\\\\d{2,}x?$","minLength":9,"allOf":[\1]}\0{"maxLength":9\2}',
    '{"type":"array","uniqueItems":true,"minItems":5,"items":{"type":"integer","minimum":1,"maximum":9,"multipleOf":0.5}}\0x',
    '{"type":["object","null"],"properties":{"a":{"$ref":"#"},"b":{"format":"uuid"}},"required":["b"],"minProperties":3,"not":{"const":1}}\0x',
    '{"oneOf":[{"if":{"minimum":5},"then":{"maximum":7},"else":false},{"type":"boolean"}],"propertyNames":{"maxLength":3}}\0x',
]


def schemas(folder: Path) -> int:
    (folder / "schema").mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(SCHEMAS):
        (folder / "schema" / f"small-{number}").write_text(text, encoding="utf-8")
    return len(SCHEMAS)


def part(value: object) -> bytes:
    """A text, each of whose characters is a byte; or texts and pairs of a text and how often it stands there."""
    if isinstance(value, str):
        return value.encode("latin-1")
    return b"".join(part(one) if isinstance(one, str) else part(one[0]) * one[1] for one in value)


def requests(folder: Path) -> int:
    """What clients send by the tables; the first byte chooses the size of the pieces."""
    (folder / "request").mkdir(parents=True, exist_ok=True)
    made = 0
    for table in ("conformance", "smuggling"):
        for number, case in enumerate(json.loads((ROOT / "Tests/Fixtures/http" / f"{table}.json").read_text())):
            data = bytes([number % 23]) + part(case["send"]) + part(case.get("then", ""))
            if len(data) <= 1024:
                (folder / "request" / f"{table}-{number}").write_bytes(data)
                made += 1
    return made


def engine_events(folder: Path) -> int:
    """Batches of cache events as engines pack them, and what a ZeroMQ publisher says with one in it."""
    targets = {name: folder / name for name in ("msgpack", "kv-events", "zmtp")}
    for path in targets.values():
        path.mkdir(parents=True, exist_ok=True)
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
    vectors = json.loads((ROOT / "Tests/Fixtures/kv-events/vectors.json").read_text())
    for number, vector in enumerate(vectors):
        batch = bytes.fromhex(vector["hex"])
        (targets["msgpack"] / f"batch-{number}").write_bytes(batch[:512])
        # Lengths count in eights; the rest of the last eight is passed over.
        padded = batch + bytes(-len(batch) % 8)
        (targets["kv-events"] / f"batch-{number}").write_bytes(bytes([len(padded) // 8]) + padded)
        ready = b"\x05READY\x0bSocket-Type\0\0\0" + (b"\x06ROUTER" if number % 2 else b"\x03PUB")
        frames = [b"" if number % 2 else b"kv", bytes(8), batch[:200]]
        message = b"".join(bytes([index < 2, len(frame)]) + frame for index, frame in enumerate(frames))
        stream = greeting + bytes([4, len(ready)]) + ready + message + b"\x04\x07\x04PING\0\x0a" + b"\x04\x05\x04PONG"
        (targets["zmtp"] / f"peer-{number}").write_bytes(bytes([2 * number + 1 - number % 2]) + stream)
    return 3 * len(vectors)


class Weights:
    """A GGUF file with the metadata of another one, cut down to a model of some hundred bytes: metadata and names stay, numbers are small."""

    SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    TEXT, ARRAY = 8, 9
    F32, F16, Q8 = 0, 1, 8
    TOKENS = 16
    SHAPE = {"embedding_length": 8, "block_count": 1, "feed_forward_length": 32, "attention.head_count": 2, "attention.head_count_kv": 1,
             "attention.key_length": 4, "attention.value_length": 4, "rope.dimension_count": 4, "context_length": 64, "vocab_size": TOKENS}

    def __init__(self, data: bytes):
        self.data, self.at = data, 24
        _, count = struct.unpack_from("<QQ", data, 8)
        self.entries = [self.entry() for _ in range(count)]

    def take(self, length: int) -> bytes:
        self.at += length
        return self.data[self.at - length:self.at]

    def text(self) -> bytes:
        return self.take(struct.unpack("<Q", self.take(8))[0])

    def value(self, kind: int) -> bytes:
        if kind == self.TEXT:
            text = self.text()
            # Long ones, as the chat template is, say nothing that a short one does not.
            return struct.pack("<Q", len(text[:40])) + text[:40]
        if kind != self.ARRAY:
            return self.take(self.SIZES[kind])
        inner, count = struct.unpack("<IQ", self.take(12))
        elements = [self.value(inner) for _ in range(count)][:self.TOKENS]
        return struct.pack("<IQ", inner, len(elements)) + b"".join(elements)

    def entry(self) -> bytes:
        key = self.text()
        kind = struct.unpack("<I", self.take(4))[0]
        value, name = self.value(kind), key.decode()
        if name.removeprefix("llama.") in self.SHAPE:
            value = struct.pack("<I", self.SHAPE[name.removeprefix("llama.")])
        if name.endswith("token_id"):
            value = struct.pack("<I", self.TOKENS - 1)
        return struct.pack("<Q", len(key)) + key + struct.pack("<I", kind) + value

    def file(self, version: int, own_output: bool) -> bytes:
        tensors = [("token_embd.weight", (8, self.TOKENS), self.F32), ("output_norm.weight", (8,), self.F32)]
        tensors += [("output.weight", (8, self.TOKENS), self.F16)] if own_output else []
        tensors += [("blk.0." + name + ".weight", shape, kind) for name, shape, kind in (
            ("attn_norm", (8,), self.F32), ("attn_q", (8, 8), self.F16), ("attn_k", (8, 4), self.F32), ("attn_v", (8, 4), self.F16),
            ("attn_output", (8, 8), self.F32), ("ffn_norm", (8,), self.F32), ("ffn_gate", (8, 32), self.F16), ("ffn_up", (8, 32), self.F32),
            ("ffn_down", (32, 8), self.Q8))]
        head, body = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(self.entries)) + b"".join(self.entries), b""
        for name, shape, kind in tensors:
            head += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
            head += struct.pack("<IQ", kind, len(body))
            count = shape[0] * (shape[1] if len(shape) > 1 else 1)
            numbers = [(index * 37 % 19 - 9) / 8 for index in range(count)]
            if kind == self.Q8:
                for first in range(0, count, 32):
                    body += struct.pack("<e", 1 / 8) + bytes((int(number * 8)) & 255 for number in numbers[first:first + 32])
            else:
                body += struct.pack(f"<{count}{'f' if kind == self.F32 else 'e'}", *numbers)
            body += bytes(-len(body) % 32)
        return head + bytes(-len(head) % 32) + body


def weights(folder: Path) -> int:
    (folder / "gguf").mkdir(parents=True, exist_ok=True)
    made = Weights((ROOT / "deploy/models/tiny/tiny-f16.gguf").read_bytes())
    for version in (2, 3):
        for own_output in (False, True):
            (folder / "gguf" / f"small-{version}-{int(own_output)}").write_bytes(made.file(version, own_output))
    return 4


def engine_frames(folder: Path) -> int:
    """What an engine's process and its worker say: a length, a kind and a body each; the first byte chooses the size of the pieces."""
    (folder / "engine").mkdir(parents=True, exist_ok=True)

    def frame(kind: int, body: bytes) -> bytes:
        return struct.pack("<IB", 1 + len(body), kind) + body

    greeting = frame(1, bytes.fromhex("4175456e") + struct.pack("<IHH", 0x656E6967, 1, 1) + b"b")
    load = struct.pack("<QIIIII", 1, 2, 3, 4, 5, 6)
    run = struct.pack("<QIBBiiii", 9, 0, 0, 4, 0, 1, 0, 0)
    started = struct.pack("<BQI", 1, 9, 3)
    end = struct.pack("<QBH", 9, 6, 2) + b"no" + struct.pack("<IIIII", 3, 0, 1, 0, 0)
    change = struct.pack("<BQIBii", 2, 5, 0, 1, 0, 1)
    step = b"".join(
        struct.pack("<I", 1) + part for part in (started, run, struct.pack("<I", 7), struct.pack("<If", 7, -0.5), end, change, struct.pack("<Q", 6), load)
    ) + struct.pack("<I", 3)
    frames = [
        greeting, frame(3, struct.pack("<BQBB", 2, 9, 0, 1)), frame(3, struct.pack("<BQI", 7, 5, 0)), frame(3, struct.pack("<BI", 9, 0)),
        frame(5, step), frame(6, struct.pack("<Q", 3)), frame(7, struct.pack("<H", 2) + b"no"),
    ]
    for number, data in enumerate(frames + [b"".join(frames)]):
        (folder / "engine" / f"frames-{number}").write_bytes(bytes([number]) + data)
    return len(frames) + 1


def main() -> None:
    folder, made = Path(sys.argv[1]), 0
    for path in sorted((ROOT / "proto-spec" / "vectors").glob("*.json")):
        for entry in json.loads(path.read_text(encoding="utf-8")):
            if "hex" not in entry or "section" not in entry:
                continue  # block hashes are no messages
            seeds = inputs(entry["name"], entry["section"], bytes.fromhex(entry["hex"]), entry.get("decoded"))
            for number, (target, data) in enumerate(seeds):
                (folder / target).mkdir(parents=True, exist_ok=True)
                name = "".join(c if c.isalnum() else "-" for c in entry["name"])
                (folder / target / f"{path.stem}-{name}-{number}").write_bytes(data)
                made += 1
    print(
        f"{made} seeds from proto-spec/vectors, {templates(folder)} of templates, {requests(folder)} of HTTP, {bodies(folder)} of bodies, "
        f"{schemas(folder)} of schemas, {engine_events(folder)} of engines' events, {weights(folder)} of weights, {engine_frames(folder)} of engines' frames, "
        f"{engine_servers(folder)} of engines' servers, {client_fields(folder)} of clients' fields, {operators(folder)} of operators, "
        f"{records(folder)} of records, {model_files(folder)} of models' files"
    )


if __name__ == "__main__":
    main()
