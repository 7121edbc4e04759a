#!/usr/bin/env python3
"""Turns the vectors of proto-spec and the tables of Fixtures/http into inputs to start from: seeds.py FOLDER makes FOLDER/<target>/<name>."""

import json
import struct
import sys
from pathlib import Path

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
    print(f"{made} seeds from proto-spec/vectors, {templates(folder)} of templates, {requests(folder)} of HTTP")


if __name__ == "__main__":
    main()
