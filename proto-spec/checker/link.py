"""One link to a running peer, as its dialer, over an ordinary nng PAIR0 socket (`02-negotiation.md`)."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pynng

from . import blockhash, codec
from .codec import ANSWER, QUESTION, Decoded, Header, WireError
from .tables import Spec

WAIT = 2.0
HEARTBEAT = 0.25
KNOWN_FEATURES = 1
LATER_FEATURE = 1 << 62
UNKNOWN_KIND = 0x7F01
UNSUPPORTED_KIND = 1


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
