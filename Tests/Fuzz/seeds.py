#!/usr/bin/env python3
"""Turns the vectors of proto-spec into inputs to start from: seeds.py FOLDER makes FOLDER/<target>/<name>."""

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
    print(f"{made} seeds from proto-spec/vectors")


if __name__ == "__main__":
    main()
