"""The vectors: each is decoded, compared, encoded again and compared with its bytes."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Iterator

from . import codec, tables
from .codec import Header, ValueMistake, WireError
from .tables import Spec, Type

BLOCK_HASHES = "block-hash.json"


class Mismatch(Exception):
    """A vector and the tables disagree."""


@dataclass(frozen=True)
class Vector:
    file: str
    name: str
    section: str | None
    """The message that it is read as; None where the kind is one that no table has."""
    data: bytes
    header: dict[str, int] | None
    decoded: Any
    error: dict[str, str] | None
    skipped: list[dict[str, Any]]
    """Tail fields of later minors, in the order in which a reader passes over them."""
    canonical: bytes | None
    """What a sender of this minor writes for the same value, where that differs from the bytes."""

    @property
    def place(self) -> str:
        return f"{self.file}: {self.name}"


def load(folder: Path) -> list[Vector]:
    found: list[Vector] = []
    for path in sorted(folder.glob("*.json")):
        if path.name == BLOCK_HASHES:
            continue
        for entry in json.loads(path.read_text(encoding="utf-8")):
            vector = Vector(
                file=path.name,
                name=entry["name"],
                section=entry["section"],
                data=bytes.fromhex(entry["hex"]),
                header=entry.get("header"),
                decoded=entry.get("decoded"),
                error=entry.get("error"),
                skipped=entry.get("skipped", []),
                canonical=bytes.fromhex(entry["canonical"]) if "canonical" in entry else None,
            )
            if (vector.error is None) == (vector.header is None):
                raise Mismatch(f"{vector.place}: a vector has either `header` and `decoded`, or `error`")
            if any(other.name == vector.name for other in found):
                raise Mismatch(f"{vector.place}: this name stands twice")
            found.append(vector)
    return found


def same(left: Any, right: Any) -> bool:
    """Equal, of equal types (1 is not true), and objects with their fields in one order."""
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right))
    return type(left) is type(right) and left == right


def difference(left: Any, right: Any, place: str = "") -> str:
    """Where two values first part, for a person."""
    if isinstance(left, dict) and isinstance(right, dict) and list(left) == list(right):
        return next(difference(left[key], right[key], f"{place}.{key}") for key in left if not same(left[key], right[key]))
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return next(
            difference(a, b, f"{place}[{index}]") for index, (a, b) in enumerate(zip(left, right)) if not same(a, b)
        )
    return f"{place or 'value'} is {left!r}, expected {right!r}"


def check(spec: Spec, vector: Vector) -> None:
    """Raises `Mismatch` if the vector does not hold."""
    if vector.error is not None:
        return check_error(spec, vector)
    try:
        decoded = codec.decode(spec, vector.data, vector.section)
    except WireError as error:
        raise Mismatch(f"refused: {error}") from None
    if not same(asdict(decoded.header), vector.header):
        raise Mismatch("header" + difference(asdict(decoded.header), vector.header))
    if vector.section is None and decoded.message is not None:
        raise Mismatch(f"its kind is known: {decoded.message.name}")
    if not same(decoded.value, vector.decoded):
        raise Mismatch(difference(decoded.value, vector.decoded))
    skipped = [asdict(entry) for entry in decoded.skipped]
    if not same(skipped, vector.skipped):
        raise Mismatch(f"skipped tail fields are {skipped}, expected {vector.skipped}")
    if decoded.message is not None:
        check_encoding(spec, vector, decoded.header)


def check_error(spec: Spec, vector: Vector) -> None:
    try:
        codec.decode(spec, vector.data, vector.section)
    except WireError as error:
        if {"code": error.code, "field": error.field} != vector.error:
            raise Mismatch(f"refused with {error}, expected {vector.error}") from None
    else:
        raise Mismatch(f"accepted, expected {vector.error}")


def check_encoding(spec: Spec, vector: Vector, header: Header) -> None:
    expected = vector.canonical or vector.data
    target = Header.read(expected, spec.limits)
    fields = {"minor": target.minor, "flags": target.flags, "origin": target.origin, "number": target.number}
    assert vector.section is not None
    try:
        encoded = codec.encode(spec, vector.section, vector.decoded, **fields)
    except ValueMistake as error:
        raise Mismatch(f"cannot be encoded: {error}") from None
    # What zstd makes of a body depends on its version: compressed bodies are compared after unpacking.
    if encoded[: codec.HEADER.size] != expected[: codec.HEADER.size] or codec.body_of(target, encoded) != codec.body_of(target, expected):
        raise Mismatch(f"encodes to {encoded.hex()}")
    if vector.canonical and not (vector.skipped or header.minor or header.flags & ~codec.KNOWN_FLAGS):
        raise Mismatch("`canonical` stands only where a later minor added something")


# Coverage


class Coverage:
    """What of each table the vectors have shown: both states of options, empty and full lists, every variant."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.seen: set[tuple[str, str]] = set()
        self.wanted: set[tuple[str, str]] = set()
        for name, fields in [*spec.records.items(), *((message.name, message.fields) for message in spec.messages.values())]:
            for part in fields:
                self.want(f"{name}.{part.name}", part.type)
                if part.when:
                    self.wanted |= {(f"{name}.{part.name}", "on the wire"), (f"{name}.{part.name}", "left out")}

    def want(self, place: str, type: Type) -> None:
        match type:
            case tables.Optional():
                self.wanted |= {(place, "present"), (place, "absent")}
            case tables.List() | tables.SizedList() | tables.Integers() | tables.Array():
                self.wanted |= {(place, "empty"), (place, "not empty")}
            case tables.Variants(of, _):
                self.wanted |= {(place, "empty")} | {(place, record) for record in self.spec.variants[of].values()}

    def add(self, owner: str, fields: tuple[tables.Field, ...], value: dict[str, Any]) -> None:
        for part in fields:
            place = f"{owner}.{part.name}"
            if part.when:
                self.seen.add((place, "on the wire" if part.name in value else "left out"))
            if part.name in value:
                self.add_value(place, part.type, value[part.name])

    def add_value(self, place: str, type: Type, value: Any) -> None:
        match type:
            case tables.Record(of):
                self.add(of, self.spec.record(of), value)
            case tables.Optional(of):
                self.seen.add((place, "absent" if value is None else "present"))
                if value is not None:
                    self.add_value(place, of, value)
            case tables.List(of, _) | tables.SizedList(of, _) | tables.Array(of, _):
                self.seen.add((place, "not empty" if value else "empty"))
                for element in value:
                    self.add_value(place, of, element)
            case tables.Integers():
                self.seen.add((place, "not empty" if value else "empty"))
            case tables.Variants():
                if not value:
                    self.seen.add((place, "empty"))
                for element in value:
                    if "value" in element:
                        self.seen.add((place, element["type"]))
                        self.add(element["type"], self.spec.record(element["type"]), element["value"])

    def missing(self) -> list[str]:
        return [f"no vector shows {place} {state}" for place, state in sorted(self.wanted - self.seen)]


def missing(spec: Spec, vectors: list[Vector], listed: dict[str, tuple[str, ...]]) -> list[str]:
    """What the vectors and the README leave out."""
    faults: list[str] = []
    tabled = {
        message.name: (f"`{message.kind:#06x}`", message.sent_by, message.link, message.since) for message in spec.messages.values()
    }
    for name in sorted(listed.keys() | tabled.keys()):
        if listed.get(name) != tabled.get(name):
            faults.append(f"{name}: README.md has {listed.get(name)}, 04-messages.md has {tabled.get(name)}")
    coverage = Coverage(spec)
    names = {vector.name for vector in vectors}
    for message in spec.messages.values():
        good = [vector for vector in vectors if vector.section == message.name and vector.error is None]
        if len(good) < 1:
            faults.append(f"{message.name}: no vector")
        for vector in good:
            coverage.add(message.name, message.fields, vector.decoded)
        absent = [name for name in message.vectors if name not in names]
        faults += [f"{message.name}: its section names the vector {name}, which is not there" for name in absent]
    return faults + coverage.missing()


# Runs


def run(spec: Spec, vectors: list[Vector]) -> tuple[Counter[str], list[str]]:
    """How many vectors passed, by section, and what failed."""
    passed: Counter[str] = Counter()
    faults: list[str] = []
    for vector in vectors:
        try:
            check(spec, vector)
            passed[vector.section or "(unknown kind)"] += 1
        except Mismatch as mismatch:
            faults.append(f"{vector.place}: {mismatch}")
    return passed, faults


def self_test(spec: Spec, vectors: list[Vector], seed: int = 1, positions: int = 24) -> list[str]:
    """Damages each vector in several ways and lists every damage that its check let pass."""
    unseen: list[str] = []
    for index, vector in enumerate(vectors):
        for damage, damaged in damages(vector, random.Random(f"{seed} {index}"), positions):
            try:
                check(spec, damaged)
                unseen.append(f"{vector.place}: {damage} went unseen")
            except Mismatch:
                pass
    return unseen


def damages(vector: Vector, chance: random.Random, positions: int) -> Iterator[tuple[str, Vector]]:
    if vector.error is None:
        # A whole byte is inverted, because some bits of a zstd frame have no meaning.
        # Of a message of unknown kind only the header says anything.
        size = len(vector.data) if vector.section else codec.HEADER.size
        for position in chance.sample(range(size), min(positions, size)):
            data = bytearray(vector.data)
            data[position] ^= 0xFF
            yield f"an inverted byte {position}", replaced(vector, data=bytes(data))
        for key in vector.header or {}:
            yield f"another header.{key}", replaced(vector, header={**(vector.header or {}), key: -1})
        if vector.decoded:
            for key in vector.decoded:
                yield f"another {key}", replaced(vector, decoded={**copy.deepcopy(vector.decoded), key: "another"})
    else:
        # Bytes before or after the fault may be what they like, so here the expectation is damaged.
        for key in ("code", "field"):
            yield f"another {key}", replaced(vector, error={**vector.error, key: "another"})


def replaced(vector: Vector, **changes: Any) -> Vector:
    return Vector(**{**vars(vector), **changes})
