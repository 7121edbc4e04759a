"""One exchange for each kind of link: questions and batches that any peer of that kind answers (`03-exchanges.md`)."""

from __future__ import annotations

import hashlib
import os
import struct
from typing import Any, Callable, TypeAlias

import xxhash

from . import blockhash, codec
from .codec import WireError
from .link import Fault, Link, demand

Exchange: TypeAlias = Callable[[Link], str]

NOT_FOUND = 5


def control(link: Link) -> str:
    lists = [(list(range(16)), 4, "", b""), (list(range(1, 33)), 16, "my-lora", bytes(range(16))), ([1, 2, 3], 4, "", b"")]
    question = [
        {"tokens": tokens, "blockSize": size, "loRA": lora, "salt": salt.hex(), "multimodal": []} for tokens, size, lora, salt in lists
    ]
    _, answer = link.ask("ParityProbe", {"lists": question}, "ParityAnswer")
    blocks = [blockhash.block_hashes(tokens, size, lora, salt) for tokens, size, lora, salt in lists]
    expected = [{"blockHashes": hashes, "sequenceHashes": blockhash.sequence_hashes(hashes)} for hashes in blocks]
    demand(answer["lists"] == expected, f"hashes differ: {answer['lists']}, expected {expected}")
    return f"{len(lists)} lists hashed alike"


def route(link: Link) -> str:
    options: dict[str, Any] = {
        "priority": 0.0,
        "priorityClass": 0,
        "expectedOutputTokens": None,
        "pins": [],
        "preferred": None,
        "allowedWorkers": [],
        "excludedWorkers": [],
        "unreachableWorkers": [],
        "overlapWeight": None,
        "temperature": None,
        "assumeReuse": "unset",
        "trackPrefill": "unset",
        "policy": "",
    }
    entry = {
        "counter": 1,
        "attempt": 1,
        "task": "generate",
        "wish": "any",
        "queryOnly": False,
        "choices": 1,
        "model": "tiny",
        "pool": None,
        "blockSize": 64,
        "tokenCount": 130,
        "maxTokens": 16,
        "sequenceHashes": blockhash.sequence_hashes(blockhash.block_hashes(range(130), 64)),
        "needs": 0,
        "loRA": "",
        "tenant": "",
        "tenantWeight": 1.0,
        "options": options,
        "session": None,
        "overbooked": [],
        "remainingMilliseconds": 2000,
        "queueMilliseconds": 0,
        "blockHashNanoseconds": 0,
        "sequenceHashNanoseconds": 0,
        "traceParent": "",
    }
    link.send("RouteBatch", {"endedLeases": [], "entries": [entry, {**entry, "counter": 2, "queryOnly": True}]})
    plans: dict[int, dict[str, Any]] = {}
    while len(plans) < 2:
        _, batch, header = link.expect("PlanBatch")
        demand(header.origin == link.generation, "the origin of PlanBatch is not the frontend's nonce")
        for plan in batch["entries"]:
            counter = plan["counter"]
            demand(counter in (1, 2) and counter not in plans, f"a plan for request {counter}, twice or not asked for")
            demand(plan["outcome"] == "failed" or bool(plan["legs"]), "a plan without legs")
            demand((plan["outcome"] == "failed") == (plan["failure"] is not None), "outcome and failure of a plan contradict each other")
            plans[counter] = plan
    demand(plans[2]["outcome"] != "placed", "a query was booked")
    leases = [
        {**{key: leg[key] for key in ("lease", "workerID", "generation", "rank")}, "reason": "neverDispatched"}
        for leg in plans[1]["legs"]
        if leg["lease"]
    ]
    link.send("LeasesEnded", {"leases": leases})
    return f"planned: {plans[1]['outcome']}, {plans[2]['outcome']}"


def data(link: Link) -> str:
    most = 8
    sampling: dict[str, Any] = {
        "temperature": 0.0,
        "topP": 1.0,
        "topK": 0,
        "minP": 0.0,
        "presencePenalty": 0.0,
        "frequencyPenalty": 0.0,
        "repetitionPenalty": 1.0,
        "seed": 1,
        "maxTokens": most,
        "minTokens": 0,
        "maxThinkingTokens": None,
        "ignoreEndOfText": False,
        "stopTokens": [],
        "stopSequences": [],
        "topLogprobs": None,
        "promptLogprobs": None,
        "logitBias": [],
    }
    entry = {
        "counter": 1,
        "attempt": 1,
        "task": "generate",
        "choices": 1,
        "leg": "aggregated",
        "rank": 0,
        "lease": 0,
        "routerID": 0,
        "refuseOverbooked": False,
        "waitingTokens": 0,
        "streamNumber": 0,
        "remainingMilliseconds": 10_000,
        "firstTokenMilliseconds": 2000,
        "silenceMilliseconds": 2000,
        "pool": "00" * 32,
        "loRA": "",
        "salt": "",
        "priority": 0.0,
        "promptTokens": [1, 2, 3],
        "multimodal": [],
        "sampling": sampling,
        "constraint": None,
        "continuation": [],
        "room": None,
        "handOver": "",
        "session": None,
        "expectedOutputTokens": None,
        "traceParent": "",
    }
    link.send("GenerateBatch", {"entries": [entry]})
    tokens: list[int] = []
    states: list[str] = []
    finish = None
    while "EndedStatus" not in states:
        name, batch, header = link.expect("StatusBatch", "TokenBatch")
        demand(header.origin == link.generation, f"the origin of {name} is not the frontend's nonce")
        for frame in batch.get("frames", []):
            demand((frame["counter"], frame["attempt"], frame["choice"]) == (1, 1, 0), f"a frame of another request: {frame}")
            demand(states != [], "tokens came before AcceptedStatus")
            demand(finish is None, "tokens came after the last one")
            demand(frame["firstPosition"] == len(tokens), f"a frame at position {frame['firstPosition']}, expected {len(tokens)}")
            tokens += frame["tokens"]
            finish = frame.get("finish")
        for status in batch.get("entries", []):
            demand("value" in status, f"a status of an unknown kind: {status}")
            demand(status["type"] != "RefusedStatus", f"refused: {status['value'].get('failure')}")
            demand(bool(states) or status["type"] == "AcceptedStatus", f"{status['type']} came before AcceptedStatus")
            states.append(status["type"])
            if status["type"] == "EndedStatus":
                demand(finish is not None, "EndedStatus came before the last token")
                demand(status["value"]["outputTokens"] == len(tokens), "EndedStatus counts other tokens than came")
    demand(0 < len(tokens) <= most, f"{len(tokens)} tokens came, at most {most} were wanted")
    return f"{len(tokens)} tokens, finish {finish}"


def kv(link: Link) -> str:
    chunks = [bytes(range(256)) * 2, os.urandom(512)]
    shape = {
        "layers": 1,
        "heads": 1,
        "headDimension": 16,
        "blockTokens": 16,
        "blockBytes": 512,
        "elementType": "float16",
        "layout": "layer,kv,token,head,dim",
    }
    offer = {
        "room": {"origin": link.generation, "counter": 1, "attempt": 1},
        "roomNumber": 1,
        "purpose": "handOver",
        "model": "00" * 32,
        "engineBuild": "check.py",
        "shape": shape,
        "tokens": 32,
        "blocks": len(chunks),
        "totalBytes": sum(map(len, chunks)),
        "codec": "none",
    }
    _, ready = link.ask("RoomOpen", offer, "RoomReady")
    demand(ready["roomNumber"] == 1, "RoomReady names another room")
    credits, checksums = ready["credits"], b""
    for number, chunk in enumerate(chunks):
        checksum = xxhash.xxh3_64_intdigest(chunk)
        checksums += struct.pack("<Q", checksum)
        demand(credits >= len(chunk), f"{credits} bytes of credit are left, and all chunks before {number} are acknowledged")
        value = {
            "roomNumber": 1,
            "chunk": number,
            "firstBlock": number,
            "blockCount": 1,
            "firstLayer": 0,
            "layerCount": 1,
            "codec": "none",
            "plainBytes": len(chunk),
            "checksum": checksum,
            "data": chunk.hex(),
        }
        link.send("KVChunk", value)
        credits -= len(chunk)
        acknowledged = number
        while acknowledged <= number:
            _, ack, _ = link.expect("KVAck")
            demand(ack["roomNumber"] == 1 and acknowledged <= ack["nextChunk"] <= number + 1, f"an ack of what was not sent: {ack}")
            acknowledged, credits = ack["nextChunk"], credits + ack["credits"]
    end = {
        "roomNumber": 1,
        "chunks": len(chunks),
        "totalBytes": offer["totalBytes"],
        "checksum": xxhash.xxh3_64_intdigest(checksums),
        "cachedTokens": 0,
        "firstTokens": [{"choice": 0, "token": 5, "finish": None, "logprob": None}],
        "handOver": "",
        "prefillMicroseconds": 1000,
    }
    _, done = link.ask("RoomEnd", end, "RoomDone")
    demand(done["roomNumber"] == 1 and done["storedBlocks"] <= len(chunks), f"RoomDone contradicts what was sent: {done}")
    return f"{len(chunks)} chunks, {done['storedBlocks']} blocks stored"


def recovery(link: Link) -> str:
    # The file that `wiretool respond` serves; a worker of a real model has others, and says so.
    known = bytes((31 * index + 7) & 0xFF for index in range(150_000))
    digest, got = hashlib.sha256(known).hexdigest(), b""
    file = ""
    while len(got) < len(known):
        wanted = {"digest": digest, "name": "tokenizer.json", "offset": len(got)}
        name, answer = link.ask("FileQuestion", wanted, "FileAnswer", "Failure")
        if name == "Failure":
            demand(answer["code"] == NOT_FOUND and not got, f"FileQuestion failed with {answer}")
            file = "file not found"
            break
        demand(answer["digest"] == digest and answer["offset"] == len(got), "FileAnswer is of another part")
        demand(answer["totalBytes"] == len(known) and answer["data"] != "", "FileAnswer is of another file")
        got += bytes.fromhex(answer["data"])
        file = f"a file of {len(got)} bytes"
    demand(file == "file not found" or got == known, "the file is not what its digest says")
    pages, cursor = 0, {"section": 0, "fromHash": 0}
    question = {"stream": "workerEvents", "publisher": link.welcome["identity"]["id"], "generation": 0}
    while cursor is not None and pages < 16:
        _, page = link.ask("SnapshotQuestion", {**question, "cursor": cursor}, "SnapshotPage")
        following = page["next"]
        demand(page["fromHash"] <= page["throughHash"], "the range of a page descends")
        demand(
            following is None or (following["section"], following["fromHash"]) > (cursor["section"], cursor["fromHash"]),
            "the cursor of a snapshot does not ascend",
        )
        cursor, pages = following, pages + 1
    return f"{file}, {pages} page(s) of a snapshot"


def peer(link: Link) -> str:
    identity = link.welcome["identity"]
    question = {
        "stream": "routerState",
        "publisher": identity["id"],
        "generation": identity["generation"],
        "firstSequence": 1,
        "lastSequence": 8,
    }
    _, answer = link.ask("ReplayQuestion", question, "ReplayAnswer")
    if answer["outcome"] != "events":
        demand(answer["batch"] == "", f"a batch with outcome {answer['outcome']}")
        return f"replay: {answer['outcome']}"
    message = link.settings.spec.messages["RouterState"]
    reader = codec.Reader(link.settings.spec, bytes.fromhex(answer["batch"]))
    try:
        changes = reader.record(message.fields)["changes"]
        reader.tail("tail")
    except WireError as error:
        raise Fault(f"the batch of ReplayAnswer does not decode: {error}") from None
    count = answer["lastSequence"] - answer["firstSequence"] + 1
    demand(answer["firstSequence"] == 1 and len(changes) == count, f"{len(changes)} changes in a range of {count}")
    return f"replay: {count} changes"


EXCHANGES: list[tuple[str, str, Exchange]] = [
    ("control", "worker", control),
    ("route", "frontend", route),
    ("data", "frontend", data),
    ("kv", "worker", kv),
    ("recovery", "router", recovery),
    ("peer", "router", peer),
]
