#!/usr/bin/env python3
"""Writes vectors.json beside this file: batches of cache events as engines pack them, and what they say.

Needs the package msgspec, with which vLLM and SGLang pack theirs. `make.py --check` fails if the file is not what would be written.
"""

import json
import sys
from pathlib import Path
from typing import Any, Optional

import msgspec

LONG = bytes(range(32))


def structs(events_are_arrays: bool, batch_is_array: bool = True):
    """The engines' types: events are maps as of 2026 and arrays before; one revision wrote a batch as a map."""

    class Event(msgspec.Struct, array_like=events_are_arrays, omit_defaults=True, tag=True):
        pass

    class BlockStored(Event):
        block_hashes: list
        parent_block_hash: Any
        token_ids: list
        block_size: int
        lora_id: Optional[int]
        medium: Optional[str] = None
        lora_name: Optional[str] = None
        extra_keys: Optional[list] = None
        group_idx: Optional[int] = None
        kv_cache_spec_kind: Optional[str] = None
        kv_cache_spec_sliding_window: Optional[int] = None
        locality: Optional[str] = None
        ownership: Optional[str] = None
        session_id: Optional[str] = None

    class BlockRemoved(Event):
        block_hashes: list
        medium: Optional[str] = None
        group_idx: Optional[int] = None
        locality: Optional[str] = None
        ownership: Optional[str] = None

    class AllBlocksCleared(Event):
        pass

    class Batch(msgspec.Struct, array_like=batch_is_array, omit_defaults=True):
        ts: float
        events: list
        data_parallel_rank: Optional[int] = None

    return Batch, BlockStored, BlockRemoved, AllBlocksCleared


def name(value) -> str:
    """A hash as text: numbers of 64 bits without a sign, bytes as hexadecimal digits behind 0x."""
    return "0x" + value.hex() if isinstance(value, bytes) else str(value % 2**64)


def stored(hashes, parent, tokens, size, **more):
    return {"type": "stored", "hashes": hashes, "parent": parent, "tokens": tokens, "size": size, **more}


def removed(hashes, **more):
    return {"type": "removed", "hashes": hashes, **more}


CLEARED = {"type": "cleared"}

CASES = {
    "chain": [stored([2**63 + 5, 7], None, [100, 101, 102, 103], 2, medium="GPU"), stored([9], 7, [1, 2], 2, medium="GPU"),
              removed([7], medium="GPU"), CLEARED],
    "signed": [stored([-1, -(2**63)], -5, [0, 4294967295], 1), removed([-1])],
    "bytes": [stored([LONG], None, [1, 2, 3], 3, medium="CPU"), stored([b"\x01"], LONG, [4, 5, 6], 3), removed([LONG, b"\x01"])],
    "keys": [stored([1, 2, 3], None, [1, 2, 3], 1, adapter="tuned", number=3, keys=[["tuned", "salt"], ["tuned", ["picture", 4]], None])],
    "groups": [stored([1], None, [1], 1, group=0, attention="full_attention"),
               stored([1], None, [1], 1, group=1, attention="sliding_window", window=128), removed([1], group=1)],
    "tiers": [stored([1], None, [1], 1, medium="CPU_PINNED"), stored([1], None, [], 1, medium="DISK", locality="REMOTE"),
              removed([1], medium="EXTERNAL", locality="REMOTE")],
    "empty": [],
}


def build(case, kinds):
    """The events of a case as the engine's own types, and as its packer writes them."""
    _, BlockStored, BlockRemoved, AllBlocksCleared = kinds
    for event in case:
        place = {"medium": event.get("medium"), "group_idx": event.get("group"), "locality": event.get("locality")}
        if event["type"] == "stored":
            yield BlockStored(
                event["hashes"], event["parent"], event["tokens"], event["size"], event.get("number"), lora_name=event.get("adapter"),
                extra_keys=event.get("keys"), kv_cache_spec_kind=event.get("attention"),
                kv_cache_spec_sliding_window=event.get("window"), **place)
        elif event["type"] == "removed":
            yield BlockRemoved(event["hashes"], **place)
        else:
            yield AllBlocksCleared()


def said(event):
    """What must be read, with hashes as texts."""
    copy = dict(event)
    if "hashes" in copy:
        copy["hashes"] = [name(one) for one in copy["hashes"]]
    if copy.get("parent") is not None:
        copy["parent"] = name(copy["parent"])
    return copy


def vectors():
    styles = {"maps": (False, True), "arrays": (True, True), "batch as a map": (False, False)}
    for style, (arrays, batch_is_array) in styles.items():
        kinds = structs(arrays, batch_is_array)
        for title, case in CASES.items():
            rank = None if title == "empty" else 1
            packed = msgspec.msgpack.encode(kinds[0](1700000000.5, list(build(case, kinds)), rank))
            events = [said(event) for event in case]
            yield {"name": f"{title}, {style}", "hex": packed.hex(), "time": 1700000000.5, "rank": rank, "events": events}
    # What later versions may bring: keys, elements and events that nobody knows, and numbers in wider forms than needed.
    later = [1.0, [{"type": "BlockStored", "block_hashes": [1], "parent_block_hash": None, "token_ids": [5], "block_size": 1, "lora_id": None,
                    "lookahead_token_ids": [[1, 2], {"a": msgspec.msgpack.Ext(5, b"x")}], "session_id": "s"},
                   {"type": "BlockMigrated", "block_hashes": "elsewhere", "to": 3}, ["BlockMoved", 1, 2]], None, {"more": [True, -1.5]}]
    yield {"name": "of later versions", "hex": msgspec.msgpack.encode(later).hex(), "time": 1.0, "rank": None,
           "events": [said(stored([1], None, [5], 1)), {"type": "unknown"}, {"type": "unknown"}]}
    swapped = {"events": [{"block_size": 1, "token_ids": [5], "block_hashes": [1], "type": "BlockStored", "parent_block_hash": 8}], "ts": 2}
    yield {"name": "in another order", "hex": msgspec.msgpack.encode(swapped).hex(), "time": 2.0, "rank": None,
           "events": [said(stored([1], 8, [5], 1))]}
    # What a running vLLM 0.32 published for a prompt of 45 tokens in blocks of 32.
    tokens = [1161, 284, 198, 317, 287, 266, 438, 333, 1032, 30, 1162, 198, 1161, 281, 198]
    live = [1795214575.0860195, [{"type": "BlockStored", "block_hashes": [10087815555674992388], "parent_block_hash": None,
                                  "token_ids": tokens * 2 + tokens[:2], "block_size": 32, "lora_id": None, "medium": "GPU", "lora_name": None,
                                  "extra_keys": [None], "group_idx": 0}]]
    yield {"name": "published by an engine", "hex": msgspec.msgpack.encode(live).hex(), "time": live[0], "rank": None,
           "events": [said(stored([10087815555674992388], None, tokens * 2 + tokens[:2], 32, medium="GPU", keys=[None], group=0))]}


def main() -> None:
    path = Path(__file__).with_name("vectors.json")
    text = "[\n" + ",\n".join(json.dumps(one) for one in vectors()) + "\n]\n"
    if "--check" in sys.argv[1:]:
        if path.read_text() != text:
            sys.exit("kv-events: vectors.json is not what make.py writes")
        return
    path.write_text(text)


if __name__ == "__main__":
    main()
