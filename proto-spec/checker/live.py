"""Dials a running peer with an ordinary nng PAIR0 socket and speaks every kind of link with it.

Everything is built and read by the tables; what stands here is the order of messages (`02-negotiation.md`, `03-exchanges.md`).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable
from urllib.parse import urlsplit

import pynng
import xxhash

from . import blockhash, codec
from .codec import ANSWER, QUESTION, Decoded, Header, WireError
from .tables import Spec

WAIT = 2.0
HEARTBEAT = 0.25
KNOWN_FEATURES = 1
LATER_FEATURE = 1 << 62
UNKNOWN_KIND = 0x7F01
UNSUPPORTED_KIND = 1
NOT_FOUND = 5
REFUSED_MALFORMED, REFUSED_CLUSTER = 8, 2


class Fault(Exception):
    """What the peer did against the specification."""


def demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Fault(otherwise)


@dataclass(frozen=True)
class TLS:
    authority: Path
    certificate: Path | None = None
    key: Path | None = None
    server_name: str | None = None

    def config(self, address: str) -> pynng.TLSConfig:
        own = {}
        if self.certificate and self.key:
            own = {"own_cert_string": self.certificate.read_text(), "own_key_string": self.key.read_text()}
        return pynng.TLSConfig(
            pynng.TLSConfig.MODE_CLIENT,
            server_name=self.server_name or urlsplit(address).hostname,
            ca_string=self.authority.read_text(),
            auth_mode=pynng.TLSConfig.AUTH_MODE_REQUIRED,
            **own,
        )


@dataclass
class Settings:
    spec: Spec
    address: str
    cluster: str
    secret: bytes | None
    tls: TLS | None


@dataclass
class Link:
    """One link, as its dialer. Every wait ends after two seconds."""

    settings: Settings
    kind: str
    role: str
    generation: int = field(default_factory=lambda: int.from_bytes(os.urandom(8), "little") | 1)
    welcome: dict[str, Any] = field(default_factory=dict)
    questions: int = 0
    beats: int = 0
    opened: bool = False

    def __enter__(self) -> Link:
        limit = self.settings.spec.limits["messageBytes"]
        self.socket = pynng.Pair0(send_timeout=int(WAIT * 1000), recv_max_size=limit)
        # A link that was lost must stay lost: what follows would reach a peer without a Hello.
        self.socket.reconnect_time_min = 3_600_000
        self.socket.reconnect_time_max = 3_600_000
        if self.settings.tls:
            self.socket.tls_config = self.settings.tls.config(self.settings.address)
        # A blocking dial has no time limit of its own; closing the socket ends it.
        overdue = threading.Timer(WAIT, self.socket.close)
        overdue.start()
        try:
            self.socket.dial(self.settings.address, block=True)
        except (pynng.Closed, pynng.Canceled):
            raise Fault("no connection in 2 s") from None
        finally:
            overdue.cancel()
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    # Messages

    def send(self, name: str, value: dict[str, Any], **header: int) -> bytes:
        data = codec.encode(self.settings.spec, name, value, **{"origin": self.generation, **header})
        self.socket.send(data)
        return data

    def receive(self) -> Decoded:
        """The next message that is no heartbeat; our own go out meanwhile."""
        deadline = time.monotonic() + WAIT
        while True:
            left = deadline - time.monotonic()
            demand(left > 0, "nothing came in 2 s")
            self.socket.recv_timeout = max(1, int(min(HEARTBEAT, left) * 1000))
            try:
                data = self.socket.recv()
            except pynng.Timeout:
                if self.opened:
                    self.beats += 1
                    self.send("Heartbeat", {"number": self.beats, "pausedMilliseconds": 0})
                continue
            try:
                decoded = codec.decode(self.settings.spec, data)
            except WireError as error:
                raise Fault(f"sent bytes that do not decode: {error}") from None
            if decoded.message is not None and decoded.message.name == "Heartbeat":
                continue
            return decoded

    def expect(self, *names: str) -> tuple[str, dict[str, Any], Header]:
        decoded = self.receive()
        name = decoded.message.name if decoded.message else f"kind {decoded.header.kind:#06x}"
        demand(name in names, f"{name} came instead of {' or '.join(names)}: {decoded.value}")
        assert decoded.value is not None
        return name, decoded.value, decoded.header

    def ask(self, name: str, value: dict[str, Any], *answers: str) -> tuple[str, dict[str, Any]]:
        self.questions += 1
        self.send(name, value, flags=QUESTION, number=self.questions)
        return self.answer(*answers)

    def answer(self, *answers: str) -> tuple[str, dict[str, Any]]:
        name, value, header = self.expect(*answers)
        demand(header.flags & ANSWER != 0, f"{name} has no flag `answer`")
        demand((header.origin, header.number) == (self.generation, self.questions), f"{name} has not the number of its question")
        return name, value

    # Handshake and end

    def hello(self, nonce: bytes, cluster: str | None = None) -> dict[str, Any]:
        limits = self.settings.spec.limits
        return {
            "link": self.kind,
            "oldestMinor": 0,
            "newestMinor": 0,
            "features": KNOWN_FEATURES | LATER_FEATURE,
            "cluster": {
                "clusterID": self.settings.cluster if cluster is None else cluster,
                "hashAlgorithm": 1,
                "hashSeed": blockhash.SEED,
                "messageBytes": limits["messageBytes"],
            },
            "identity": {"role": self.role, "id": self.generation, "generation": self.generation, "name": f"check.py {self.kind}"},
            "credits": limits["kvChunkBytes"] if self.kind == "kv" else 0,
            "nonce": nonce.hex(),
        }

    def open(self) -> None:
        secret = self.settings.secret
        nonce = os.urandom(32) if secret else b""
        sent = self.send("Hello", self.hello(nonce))
        name, value, _ = self.expect("Challenge", "Welcome") if secret else self.expect("Welcome")
        if secret:
            demand(name == "Challenge", "a Welcome came without a Challenge, and we have a secret")
            self.prove(secret, nonce, value, sent[codec.HEADER.size :])
            _, value, _ = self.expect("Welcome")
        demand(value["minor"] == 0, f"minor {value['minor']} was not offered")
        demand(value["features"] & ~KNOWN_FEATURES == 0, f"features {value['features']:#x} are not the common ones")
        demand(value["notUnderstood"] & LATER_FEATURE != 0, "a feature of a later minor is not listed in notUnderstood")
        demand(value["deadAfterMilliseconds"] > value["heartbeatMilliseconds"] > 0, "times of heartbeats make no sense")
        self.welcome, self.opened = value, True

    def prove(self, secret: bytes, nonce: bytes, challenge: dict[str, Any], body: bytes) -> None:
        theirs = bytes.fromhex(challenge["nonce"])
        demand(len(theirs) == 32, "the nonce of the Challenge has not 32 bytes")
        transcript = nonce + theirs + hashlib.sha256(body).digest()
        expected = hmac.digest(secret, b"apus listener\0" + transcript, "sha256").hex()
        if not hmac.compare_digest(expected, challenge["proof"]):
            self.send("Goodbye", {"reason": "protocolError", "detail": "the proof of the Challenge does not hold"})
            raise Fault("the proof of the Challenge does not hold")
        self.send("Proof", {"proof": hmac.digest(secret, b"apus dialer\0" + transcript, "sha256").hex()})

    def meet_the_future(self) -> None:
        """Kinds that nobody knows: skipped, and as a question answered as such."""
        self.socket.send(Header(kind=UNKNOWN_KIND, origin=self.generation, bodyLength=3).pack() + b"new")
        self.questions += 1
        self.socket.send(Header(kind=UNKNOWN_KIND, flags=QUESTION, origin=self.generation, number=self.questions).pack())
        _, failure = self.answer("Failure")
        demand(failure["code"] == UNSUPPORTED_KIND, f"an unknown question failed with {failure}, not unsupportedKind")

    def leave(self) -> None:
        self.send("Goodbye", {"reason": "done", "detail": ""})
        self.expect("GoodbyeAck")


# One exchange a kind of link


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
    options = {
        "priority": 0.0,
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
            demand(plan["counter"] in (1, 2) and plan["counter"] not in plans, f"a plan for request {plan['counter']}, twice or not asked for")
            demand(plan["outcome"] == "failed" or bool(plan["legs"]), "a plan without legs")
            demand((plan["outcome"] == "failed") == (plan["failure"] is not None), "outcome and failure of a plan contradict each other")
            plans[plan["counter"]] = plan
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
    sampling = {
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
    wanted = {"digest": "00" * 32, "name": "tokenizer.json", "offset": 0}
    name, answer = link.ask("FileQuestion", wanted, "FileAnswer", "Failure")
    if name == "Failure":
        demand(answer["code"] == NOT_FOUND, f"FileQuestion failed with {answer}")
        file = "file not found"
    else:
        demand(answer["digest"] == wanted["digest"] and answer["offset"] == 0, "FileAnswer is of another part")
        demand(len(answer["data"]) // 2 <= answer["totalBytes"], "FileAnswer holds more than the file")
        file = f"{len(answer['data']) // 2} of {answer['totalBytes']} bytes of a file"
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


def refusals(settings: Settings) -> str:
    """What is no Hello of this cluster is refused, with a reason."""
    with Link(settings, "control", "worker") as link:
        link.send("Hello", link.hello(os.urandom(32), cluster=settings.cluster[:50] + "-other"))
        _, refuse, _ = link.expect("Refuse")
        demand(refuse["code"] == REFUSED_CLUSTER and not refuse["retryable"], f"another cluster was refused with {refuse}")
    with Link(settings, "control", "worker") as link:
        link.send("GoodbyeAck", {})
        _, refuse, _ = link.expect("Refuse")
        demand(refuse["code"] == REFUSED_MALFORMED, f"a first message that is no Hello was refused with {refuse}")
    return "another cluster, no Hello"


EXCHANGES: list[tuple[str, str, Callable[[Link], str]]] = [
    ("control", "worker", control),
    ("route", "frontend", route),
    ("data", "frontend", data),
    ("kv", "worker", kv),
    ("recovery", "router", recovery),
    ("peer", "router", peer),
]


def speak(settings: Settings, kind: str, role: str, exchange: Callable[[Link], str]) -> str:
    with Link(settings, kind, role) as link:
        link.open()
        said = exchange(link)
        link.meet_the_future()
        link.leave()
        return said


def run(spec: Spec, address: str, cluster: str, secret: bytes | None, tls: TLS | None) -> int:
    settings = Settings(spec, address, cluster, secret, tls)
    lines: list[tuple[str, Callable[[], str]]] = [
        (kind, lambda kind=kind, role=role, exchange=exchange: speak(settings, kind, role, exchange)) for kind, role, exchange in EXCHANGES
    ]
    passed = 0
    for name, act in [*lines, ("refusals", lambda: refusals(settings))]:
        try:
            print(f"{name:10} passed  {act()}", flush=True)
            passed += 1
        except Fault as fault:
            print(f"{name:10} FAILED  {fault}", flush=True)
        except pynng.NNGException as error:
            print(f"{name:10} FAILED  {type(error).__name__}: {error}", flush=True)
    failed = len(EXCHANGES) + 1 - passed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
