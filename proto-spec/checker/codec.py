"""Decodes and encodes messages by the tables of the specification. Values are plain JSON values.

Nothing here knows a message: a new one needs its table and no code.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Any, Callable

import xxhash
import zstandard

from . import tables
from .tables import Field, Message, Spec, Type

JSON = Any
Fields = dict[str, JSON]

MAGIC = 0x5355_5041
MAJOR = 1
HEADER = struct.Struct("<IBBHHHIQQ")
COMPRESSED, QUESTION, ANSWER = 1, 2, 4
KNOWN_FLAGS = COMPRESSED | QUESTION | ANSWER
MUST_UNDERSTAND = 0x00FF


class WireError(Exception):
    """Why bytes were refused; `code` as in `06-errors.md`, `field` the innermost field."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(f"{code} in field {field}")
        self.code = code
        self.field = field


class ValueMistake(Exception):
    """A value that no message can hold: a mistake in a vector, not in bytes from a peer."""


@dataclass
class Header:
    major: int = MAJOR
    minor: int = 0
    kind: int = 0
    flags: int = 0
    origin: int = 0
    number: int = 0
    bodyLength: int = 0

    def pack(self) -> bytes:
        return HEADER.pack(MAGIC, self.major, self.minor, self.kind, self.flags, 0, self.bodyLength, self.origin, self.number)

    @staticmethod
    def read(message: bytes, limits: dict[str, int]) -> Header:
        if len(message) < HEADER.size:
            raise WireError("truncated", "header")
        magic, major, minor, kind, flags, reserved, length, origin, number = HEADER.unpack_from(message)
        if magic != MAGIC:
            raise WireError("badMagic", "magic")
        if major != MAJOR:
            raise WireError("unsupportedMajor", "major")
        if flags & MUST_UNDERSTAND & ~KNOWN_FLAGS:
            raise WireError("unknownFlags", "flags")
        if reserved != 0:
            raise WireError("reservedNotZero", "reserved")
        if length > limits["messageBytes"]:
            raise WireError("bodyTooLarge", "bodyLength")
        if not flags & COMPRESSED and length != len(message) - HEADER.size:
            raise WireError("lengthMismatch", "bodyLength")
        return Header(major, minor, kind, flags, origin, number, length)


@dataclass(frozen=True)
class Skipped:
    """A tail field that the tables do not know, and where it stood."""

    place: str
    tag: int
    hex: str


@dataclass
class Reader:
    spec: Spec
    data: bytes
    offset: int = 0
    end: int = 0
    last_tag: int = 0
    skipped: list[Skipped] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.end = len(self.data)

    @property
    def remaining(self) -> int:
        return self.end - self.offset

    def fixed(self, name: str, count: int) -> bytes:
        if self.remaining < count:
            raise WireError("truncated", name)
        self.offset += count
        return self.data[self.offset - count : self.offset]

    def integer(self, name: str, size: int, signed: bool = False) -> int:
        return int.from_bytes(self.fixed(name, size), "little", signed=signed)

    def bounded(self, name: str, count: int, limit: str) -> bytes:
        if count > self.spec.limits[limit]:
            raise WireError("fieldTooLong", name)
        return self.fixed(name, count)

    def count(self, name: str, limit: str, element_bytes: int) -> int:
        count = self.integer(name, 4)
        if count > self.spec.limits[limit]:
            raise WireError("countOverLimit", name)
        if count > self.remaining // element_bytes:
            raise WireError("truncated", name)
        return count

    def sized(self, name: str, read: Callable[[], JSON]) -> JSON:
        """A length, then a region of that length that ends with a tail."""
        count = self.integer(name, 4)
        if count > self.remaining:
            raise WireError("truncated", name)
        outer = (self.end, self.last_tag)
        self.end, self.last_tag = self.offset + count, 0
        value = read()
        self.tail(name)
        self.end, self.last_tag = outer
        return value

    def tail(self, name: str) -> None:
        while self.remaining > 0:
            if self.remaining < 6:
                raise WireError("badTail", name)
            tag = self.integer(name, 2)
            if tag <= self.last_tag:
                raise WireError("badTail", name)
            self.last_tag = tag
            count = self.integer(name, 4)
            if count > self.remaining:
                raise WireError("badTail", name)
            self.skipped.append(Skipped(name, tag, self.fixed(name, count).hex()))

    def record(self, fields: tuple[Field, ...]) -> Fields:
        values: Fields = {}
        for part in fields:
            if part.when and not values.get(part.when.field, 0) & part.when.mask:
                continue
            if isinstance(part.type, tables.Checksum):
                self.checksum(part.name)
            elif isinstance(part.type, tables.Array):
                values[part.name] = self.array(part.name, part.type.of, values[part.type.count])
            else:
                values[part.name] = self.value(part.name, part.type)
        return values

    def checksum(self, name: str) -> None:
        expected = xxhash.xxh3_64_intdigest(self.data[: self.offset])
        if self.integer(name, 8) != expected:
            raise WireError("badChecksum", name)

    def array(self, name: str, of: Type, count: int) -> list[JSON]:
        if isinstance(of, tables.Integer):
            return list(struct.unpack(f"<{count}I", self.fixed(name, count * of.bytes)))
        return [self.value(name, of) for _ in range(count)]

    def value(self, name: str, type: Type) -> JSON:
        match type:
            case tables.Integer(size, signed):
                return self.integer(name, size, signed)
            case tables.Float32():
                (number,) = struct.unpack("<f", self.fixed(name, 4))
                if not math.isfinite(number):
                    raise WireError("invalidValue", name)
                return shortest(number)
            case tables.Bool():
                byte = self.integer(name, 1)
                if byte > 1:
                    raise WireError("invalidValue", name)
                return byte == 1
            case tables.Bits(known):
                bits = self.integer(name, 1)
                if bits & ~known:
                    raise WireError("reservedNotZero", name)
                return bits
            case tables.Enum(of):
                number = self.integer(name, 1)
                if number not in self.spec.enums[of]:
                    raise WireError("invalidValue", name)
                return self.spec.enums[of][number]
            case tables.Code():
                return self.integer(name, 2)
            case tables.Text(limit):
                taken = self.bounded(name, self.integer(name, 2), limit)
                try:
                    return taken.decode("utf-8")
                except UnicodeDecodeError:
                    raise WireError("invalidText", name) from None
            case tables.Bytes(limit):
                return self.bounded(name, self.integer(name, 4), limit).hex()
            case tables.Digest():
                return self.fixed(name, 32).hex()
            case tables.Integers(size, limit):
                count = self.count(name, limit, size)
                return list(struct.unpack(f"<{count}{'I' if size == 4 else 'Q'}", self.fixed(name, count * size)))
            case tables.Record(of):
                return self.record(self.spec.record(of))
            case tables.Optional(of):
                # The number inside an optional number is a field called `value`.
                inner = name if isinstance(of, tables.Record) else "value"
                return self.value(inner, of) if self.value(name, tables.Bool()) else None
            case tables.List(of, limit):
                return [self.value(name, of) for _ in range(self.count(name, limit, 1))]
            case tables.SizedList(tables.Record(of), limit):
                fields = self.spec.record(of)
                return [self.sized(name, lambda: self.record(fields)) for _ in range(self.count(name, limit, 4))]
            case tables.Variants(of, limit):
                return [self.variant(name, of) for _ in range(self.count(name, limit, 5))]
        raise AssertionError(f"{type} is not handled")

    def variant(self, name: str, of: str) -> Fields:
        tag = self.integer(name, 1)
        record = self.spec.variants[of].get(tag)
        if record is None:
            return {"type": tag, "bytes": self.sized(name, lambda: self.fixed(name, self.remaining).hex())}
        fields = self.spec.record(record)
        return {"type": record, "value": self.sized(name, lambda: self.record(fields))}


@dataclass
class Decoded:
    header: Header
    message: Message | None
    """None for a kind that the tables do not have."""
    value: Fields | None
    skipped: list[Skipped]


def decode(spec: Spec, data: bytes, expected: str | None = None) -> Decoded:
    """A whole message. With `expected`, any other kind is an error."""
    header = Header.read(data, spec.limits)
    message = spec.message_of_kind(header.kind)
    if expected is not None and (message is None or message.name != expected):
        raise WireError("unexpectedKind", "kind")
    if message is None:
        return Decoded(header, None, None, [])
    reader = Reader(spec, body_of(header, data))
    value = reader.record(message.fields)
    reader.tail("tail")
    return Decoded(header, message, value, reader.skipped)


def body_of(header: Header, data: bytes) -> bytes:
    """The uncompressed body; a frame that does not announce the length of the header is refused before it is unpacked."""
    body = data[HEADER.size :]
    if not header.flags & COMPRESSED:
        return body
    try:
        if zstandard.frame_content_size(body) != header.bodyLength:
            raise WireError("badCompression", "body")
        if header.bodyLength == 0:
            # `decompress` trusts an announced length of 0 and never looks at the rest of the frame.
            stream = zstandard.ZstdDecompressor().decompressobj()
            unpacked = stream.decompress(body)
            if not stream.eof or stream.unused_data:
                raise WireError("badCompression", "body")
        else:
            unpacked = zstandard.ZstdDecompressor().decompress(body, max_output_size=header.bodyLength, allow_extra_data=False)
    except zstandard.ZstdError:
        raise WireError("badCompression", "body") from None
    if len(unpacked) != header.bodyLength:
        raise WireError("badCompression", "body")
    return unpacked


def shortest(number: float) -> float:
    """The shortest decimal that rounds to this f32, as JSON shows it."""
    for digits in range(1, 10):
        candidate = float(f"{number:.{digits}g}")
        try:
            if struct.pack("<f", candidate) == struct.pack("<f", number):
                return candidate
        except OverflowError:
            continue  # rounded up past the largest f32
    raise AssertionError("nine digits tell any two f32 apart")


# Encoding


@dataclass
class Writer:
    spec: Spec
    data: bytearray = field(default_factory=bytearray)

    def integer(self, name: str, value: JSON, size: int, signed: bool = False) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueMistake(f"{name}: {value!r} is not an integer")
        try:
            self.data += value.to_bytes(size, "little", signed=signed)
        except OverflowError:
            raise ValueMistake(f"{name}: {value} does not fit into {size} bytes") from None

    def count(self, name: str, value: JSON, limit: str) -> None:
        if not isinstance(value, list):
            raise ValueMistake(f"{name}: {value!r} is not a list")
        if len(value) > self.spec.limits[limit]:
            raise ValueMistake(f"{name}: {len(value)} elements are over the limit {limit}")
        self.integer(name, len(value), 4)

    def sized(self, write: Callable[[Writer], None]) -> None:
        inner = Writer(self.spec)
        write(inner)
        self.integer("length", len(inner.data), 4)
        self.data += inner.data

    def record(self, name: str, fields: tuple[Field, ...], value: JSON) -> None:
        if not isinstance(value, dict):
            raise ValueMistake(f"{name}: {value!r} is not an object")
        present = [part for part in fields if not part.when or value.get(part.when.field, 0) & part.when.mask]
        named = [part.name for part in present if not isinstance(part.type, tables.Checksum)]
        if list(value) != named:
            raise ValueMistake(f"{name}: the fields are {named}, not {list(value)}")
        for part in present:
            if isinstance(part.type, tables.Checksum):
                self.integer(part.name, xxhash.xxh3_64_intdigest(bytes(self.data)), 8)
                continue
            place, held = f"{name}.{part.name}", value[part.name]
            if not isinstance(part.type, tables.Array):
                self.value(place, part.type, held)
                continue
            if not isinstance(held, list) or len(held) != value[part.type.count]:
                raise ValueMistake(f"{place}: not {value[part.type.count]} elements, as {part.type.count} says")
            for index, element in enumerate(held):
                self.value(f"{place}[{index}]", part.type.of, element)

    def value(self, name: str, type: Type, value: JSON) -> None:
        match type:
            case tables.Integer(size, signed):
                self.integer(name, value, size, signed)
            case tables.Float32():
                if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
                    raise ValueMistake(f"{name}: {value!r} is not a finite number")
                self.data += struct.pack("<f", value)
            case tables.Bool():
                if not isinstance(value, bool):
                    raise ValueMistake(f"{name}: {value!r} is not true or false")
                self.integer(name, int(value), 1)
            case tables.Bits(known):
                self.integer(name, value, 1)
                if value & ~known:
                    raise ValueMistake(f"{name}: bits outside {known:#04x}")
            case tables.Enum(of):
                numbers = [number for number, case in self.spec.enums[of].items() if case == value]
                if not numbers:
                    raise ValueMistake(f"{name}: `{value}` is not in {of}")
                self.integer(name, numbers[0], 1)
            case tables.Code():
                self.integer(name, value, 2)
            case tables.Text(limit):
                encoded = self.checked(name, value).encode("utf-8")
                self.bounded(name, encoded, limit, 2)
            case tables.Bytes(limit):
                self.bounded(name, bytes.fromhex(self.checked(name, value)), limit, 4)
            case tables.Digest():
                if len(digest := bytes.fromhex(self.checked(name, value))) != 32:
                    raise ValueMistake(f"{name}: a digest has 32 bytes")
                self.data += digest
            case tables.Integers(size, limit):
                self.count(name, value, limit)
                for element in value:
                    self.integer(name, element, size)
            case tables.Record(of):
                self.record(name, self.spec.record(of), value)
            case tables.Optional(of):
                self.integer(name, 0 if value is None else 1, 1)
                if value is not None:
                    self.value(name, of, value)
            case tables.List(of, limit):
                self.count(name, value, limit)
                for index, element in enumerate(value):
                    self.value(f"{name}[{index}]", of, element)
            case tables.SizedList(tables.Record(record), limit):
                self.count(name, value, limit)
                fields = self.spec.record(record)
                for index, element in enumerate(value):
                    self.sized(lambda inner: inner.record(f"{name}[{index}]", fields, element))
            case tables.Variants(of, limit):
                self.count(name, value, limit)
                for index, element in enumerate(value):
                    self.variant(f"{name}[{index}]", of, element)
            case _:
                raise AssertionError(f"{type} is not handled")

    def variant(self, name: str, of: str, element: JSON) -> None:
        match element:
            case {"type": int(tag), "bytes": str(held)} if tag not in self.spec.variants[of]:
                self.integer(name, tag, 1)
                self.sized(lambda inner: inner.data.extend(bytes.fromhex(held)))
            case {"type": str(record), "value": value} if record in self.spec.variants[of].values():
                self.integer(name, next(tag for tag, other in self.spec.variants[of].items() if other == record), 1)
                self.sized(lambda inner: inner.record(name, self.spec.record(record), value))
            case _:
                raise ValueMistake(f"{name}: {element!r} is not a variant of {of}")

    def bounded(self, name: str, value: bytes, limit: str, length_bytes: int) -> None:
        if len(value) > self.spec.limits[limit]:
            raise ValueMistake(f"{name}: {len(value)} bytes are over the limit {limit}")
        self.integer(name, len(value), length_bytes)
        self.data += value

    @staticmethod
    def checked(name: str, value: JSON) -> str:
        if not isinstance(value, str):
            raise ValueMistake(f"{name}: {value!r} is not text")
        return value


def encode_body(spec: Spec, message: Message, value: JSON) -> bytes:
    writer = Writer(spec)
    writer.record(message.name, message.fields, value)
    return bytes(writer.data)


def encode(spec: Spec, name: str, value: JSON, **header: int) -> bytes:
    """A whole message; compressed if its flags say so."""
    if name not in spec.messages:
        raise ValueMistake(f"there is no message `{name}`")
    message = spec.messages[name]
    body = encode_body(spec, message, value)
    head = Header(**{**header, "kind": message.kind, "bodyLength": len(body)})
    if head.flags & COMPRESSED:
        body = zstandard.ZstdCompressor(level=1).compress(body)
    return head.pack() + body
