"""The block and sequence hashes of `05-block-hash.md`, straight from its text, and their vectors."""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from pathlib import Path
from typing import Any, Sequence

import xxhash

SEED = 1337
MASK = (1 << 64) - 1


def derive_salt(secret: bytes, group: str) -> bytes:
    return hmac.new(secret, group.encode("utf-8"), hashlib.sha256).digest()[:16]


def seed_of(lora: str = "", salt: bytes = b"") -> int:
    seed = SEED
    if lora:
        seed += xxhash.xxh3_64_intdigest(lora.encode("utf-8"), seed=0)
    if salt:
        seed += xxhash.xxh3_64_intdigest(salt, seed=1)
    return seed & MASK


def block_hashes(
    tokens: Sequence[int],
    block_size: int,
    lora: str = "",
    salt: bytes = b"",
    multimodal: Sequence[Sequence[int]] = (),
    overlap: int = 0,
) -> list[int]:
    """One hash a full block; `overlap` is the number of tokens of the next block that a block also covers (eagle: 1)."""
    if block_size == 0:
        return []
    seed = seed_of(lora, salt)
    hashes: list[int] = []
    for start in range(0, len(tokens) - block_size - overlap + 1, block_size):
        data = struct.pack(f"<{block_size + overlap}I", *tokens[start : start + block_size + overlap])
        extra = sorted(multimodal[len(hashes)]) if len(hashes) < len(multimodal) else []
        data += struct.pack(f"<{len(extra)}Q", *extra)
        hashes.append(xxhash.xxh3_64_intdigest(data, seed=seed))
    return hashes


def sequence_hashes(blocks: Sequence[int]) -> list[int]:
    """The chain: its seed is the plain one, because the first block's hash already carries adapter and salt."""
    chain: list[int] = []
    for block in blocks:
        chain.append(block if not chain else xxhash.xxh3_64_intdigest(struct.pack("<QQ", chain[-1], block), seed=SEED))
    return chain


def check(path: Path) -> tuple[int, list[str]]:
    """How many vectors of block hashing passed, and what failed."""
    passed, faults = 0, []
    for entry in json.loads(path.read_text(encoding="utf-8")):
        actual = results(entry)
        wrong = {key: value for key, value in actual.items() if entry[key] != value}
        if wrong:
            faults.append(f"{path.name}: {entry['name']}: computed {wrong}")
        else:
            passed += 1
    return passed, faults


def results(entry: dict[str, Any]) -> dict[str, Any]:
    """What the fields of a vector should be, by its type."""
    match entry["type"]:
        case "bytes":
            return {"hash": xxhash.xxh3_64_intdigest(bytes.fromhex(entry["bytes"]), seed=entry["seed"])}
        case "salt":
            return {"salt": derive_salt(bytes.fromhex(entry["secret"]), entry["group"]).hex()}
        case "seed":
            return {"seed": seed_of(entry["lora"], bytes.fromhex(entry["salt"]))}
        case "blocks":
            blocks = block_hashes(
                entry["tokens"],
                entry["blockSize"],
                entry["lora"],
                bytes.fromhex(entry["salt"]),
                entry["multimodal"],
                entry["overlap"],
            )
            return {"blocks": blocks, "sequence": sequence_hashes(blocks)}
    raise ValueError(f"{entry['name']}: unknown type {entry['type']}")
