"""Reads the layout tables of `04-messages.md`, the codes of `06-errors.md` and the limits of `07-limits.md`.

A table is told apart by its columns: `field | type | meaning` is a record or the body of a message, `value | name` is an
enum or a set of codes, `tag | record` is a set of variants. The name of a table is the heading above it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar


class SpecError(Exception):
    """The text of the specification contradicts itself or breaks its own grammar."""


# The type grammar. One class a production.


@dataclass(frozen=True)
class Integer:
    bytes: int
    signed: bool = False


@dataclass(frozen=True)
class Float32:
    pass


@dataclass(frozen=True)
class Bool:
    pass


@dataclass(frozen=True)
class Bits:
    known: int


@dataclass(frozen=True)
class Enum:
    name: str


@dataclass(frozen=True)
class Code:
    name: str


@dataclass(frozen=True)
class Text:
    limit: str


@dataclass(frozen=True)
class Bytes:
    limit: str


@dataclass(frozen=True)
class Digest:
    pass


@dataclass(frozen=True)
class Checksum:
    """Of all of the body before it; no part of the decoded form."""


@dataclass(frozen=True)
class Integers:
    element: int
    limit: str


@dataclass(frozen=True)
class Record:
    name: str


@dataclass(frozen=True)
class Optional:
    of: Type


@dataclass(frozen=True)
class List:
    of: Type
    limit: str


@dataclass(frozen=True)
class SizedList:
    of: Record
    limit: str


@dataclass(frozen=True)
class Variants:
    name: str
    limit: str


@dataclass(frozen=True)
class Array:
    """As many elements as an earlier field says."""

    of: Type
    count: str


Type: TypeAlias = (
    Integer
    | Float32
    | Bool
    | Bits
    | Enum
    | Code
    | Text
    | Bytes
    | Digest
    | Checksum
    | Integers
    | Record
    | Optional
    | List
    | SizedList
    | Variants
    | Array
)


@dataclass(frozen=True)
class Condition:
    """A field that is on the wire only if an earlier field of the same record has one of these bits."""

    field: str
    mask: int


@dataclass(frozen=True)
class Field:
    name: str
    type: Type
    when: Condition | None = None


@dataclass(frozen=True)
class Message:
    name: str
    kind: int
    link: str
    sent_by: str
    since: str
    fields: tuple[Field, ...]
    vectors: tuple[str, ...]

    @property
    def case(self) -> str:
        """The name in lowerCamel: `KVChunk` becomes `kvChunk`."""
        lead = re.match(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]+$|[A-Z]", self.name)
        end = lead.end() if lead else 0
        return self.name[:end].lower() + self.name[end:]


@dataclass
class Spec:
    messages: dict[str, Message] = field(default_factory=dict)
    records: dict[str, tuple[Field, ...]] = field(default_factory=dict)
    enums: dict[str, dict[int, str]] = field(default_factory=dict)
    variants: dict[str, dict[int, str]] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)

    def message_of_kind(self, kind: int) -> Message | None:
        return next((message for message in self.messages.values() if message.kind == kind), None)

    def record(self, name: str) -> tuple[Field, ...]:
        return self.records[name]


# Markdown


@dataclass(frozen=True)
class Table:
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    line: int


@dataclass
class Section:
    """A heading, and what stands between it and the next one."""

    file: str
    title: str
    level: int
    line: int
    text: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    def error(self, what: str, line: int | None = None) -> SpecError:
        return SpecError(f"{self.file}:{line or self.line}: {self.title}: {what}")


def sections(path: Path) -> list[Section]:
    """The sections of a markdown file, in order. Fenced text is skipped."""
    found = [Section(path.name, "", 0, 1)]
    fenced = False
    rows: list[tuple[str, ...]] = []
    start = 0
    for number, line in enumerate([*path.read_text(encoding="utf-8").splitlines(), ""], start=1):
        if line.startswith("```"):
            fenced = not fenced
        if not fenced and line.startswith("|"):
            start = start or number
            rows.append(tuple(cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]))
            continue
        if rows:
            found[-1].tables.append(table(found[-1], rows, start))
            rows, start = [], 0
        heading = None if fenced else re.match(r"(#+) +(.*?) *$", line)
        if heading:
            found.append(Section(path.name, heading[2].replace("`", ""), len(heading[1]), number))
        elif line.strip():
            found[-1].text.append(line.strip())
    return found


def table(section: Section, rows: list[tuple[str, ...]], line: int) -> Table:
    if len(rows) < 2 or not all(re.fullmatch(r":?-+:?", cell) for cell in rows[1]):
        raise section.error("a table needs a line of dashes under its head", line)
    for offset, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise section.error(f"{len(row)} cells under a head of {len(rows[0])}", line + offset)
    return Table(tuple(cell.lower() for cell in rows[0]), tuple(rows[2:]), line)


# From tables to types

NUMBER: dict[str, Type] = {
    "u8": Integer(1),
    "u16": Integer(2),
    "u32": Integer(4),
    "u64": Integer(8),
    "i32": Integer(4, signed=True),
    "f32": Float32(),
}
NAME = r"[A-Z][A-Za-z0-9]*"
LIMIT = r" ?\(([a-z][A-Za-z0-9]*)\)"


def parse_type(text: str) -> Type:
    """One cell of a `type` column, without its condition."""
    if text in NUMBER:
        return NUMBER[text]
    if text == "bool":
        return Bool()
    if text == "digest":
        return Digest()
    if text == "checksum":
        return Checksum()
    if found := re.fullmatch(r"bits8\((0x[0-9a-fA-F]{2})\)", text):
        return Bits(int(found[1], 16))
    if found := re.fullmatch(rf"enum ({NAME})", text):
        return Enum(found[1])
    if found := re.fullmatch(rf"code ({NAME})", text):
        return Code(found[1])
    if found := re.fullmatch(rf"text{LIMIT}", text):
        return Text(found[1])
    if found := re.fullmatch(rf"bytes{LIMIT}", text):
        return Bytes(found[1])
    if found := re.fullmatch(rf"u(32|64)s{LIMIT}", text):
        return Integers(int(found[1]) // 8, found[2])
    if found := re.fullmatch(r"optional (.+)", text):
        return Optional(parse_type(found[1]))
    if found := re.fullmatch(rf"sized list ({NAME}){LIMIT}", text):
        return SizedList(Record(found[1]), found[2])
    if found := re.fullmatch(rf"variants ({NAME}){LIMIT}", text):
        return Variants(found[1], found[2])
    if found := re.fullmatch(rf"list (.+?){LIMIT}", text):
        return List(parse_type(found[1]), found[2])
    if found := re.fullmatch(rf"(u32|{NAME}) array ([a-z][A-Za-z0-9]*)", text):
        return Array(parse_type(found[1]), found[2])
    if re.fullmatch(NAME, text):
        return Record(text)
    raise ValueError(f"`{text}` is not a type of the grammar")


def parse_fields(section: Section, source: Table) -> tuple[Field, ...]:
    fields: list[Field] = []
    for offset, (name, type_cell, *_) in enumerate(source.rows):
        line = source.line + 2 + offset
        name = name.strip("`")
        if not re.fullmatch(r"[a-z][A-Za-z0-9]*", name):
            raise section.error(f"`{name}` is not the name of a field", line)
        if any(other.name == name for other in fields):
            raise section.error(f"field `{name}` stands twice", line)
        text = re.sub(r"\s+", " ", type_cell.replace("`", ""))
        condition = None
        if found := re.fullmatch(r"(.+?) when (\w+) & (0x[0-9a-fA-F]+|\d+)", text):
            text, condition = found[1], Condition(found[2], int(found[3], 0))
            if not any(other.name == condition.field for other in fields):
                raise section.error(f"`{name}` depends on `{condition.field}`, which does not stand before it", line)
        try:
            type = parse_type(text)
        except ValueError as error:
            raise section.error(str(error), line) from None
        if isinstance(type, Array) and not any(other.name == type.count and other.type == Integer(1) for other in fields):
            raise section.error(f"`{name}` is counted by `{type.count}`, which is no u8 before it", line)
        fields.append(Field(name, type, condition))
    return tuple(fields)


def parse_numbered(section: Section, source: Table) -> dict[int, str]:
    """`value | name` and `tag | record`: the first column is a number, the second a name."""
    rows: dict[int, str] = {}
    for offset, (number, name, *_) in enumerate(source.rows):
        try:
            value = int(number.strip("`"), 0)
        except ValueError:
            raise section.error(f"`{number}` is not a number", source.line + 2 + offset) from None
        name = name.strip("`")
        if value in rows or name in rows.values():
            raise section.error(f"`{number}` or `{name}` stands twice", source.line + 2 + offset)
        rows[value] = name
    return rows


KIND_LINE = re.compile(r"Kind `(0x[0-9a-f]{4})` · link: (.+?) · sent by: (.+?) · since (\d+\.\d+)$")


def parse_message(section: Section) -> Message:
    line = next(line for line in section.text if line.startswith("Kind "))
    found = KIND_LINE.match(line.rstrip("."))
    if not found:
        raise section.error(f"the line of the kind breaks its form: {line}")
    layouts = [table for table in section.tables if table.columns[:2] == ("field", "type")]
    if len(layouts) > 1:
        raise section.error("a message has one layout table")
    named = next((line for line in section.text if line.startswith("Vectors:")), "")
    return Message(
        name=section.title,
        kind=int(found[1], 16),
        link=found[2],
        sent_by=found[3],
        since=found[4],
        fields=parse_fields(section, layouts[0]) if layouts else (),
        vectors=tuple(re.findall(r"`([^`]+)`", named)),
    )


def code_name(title: str) -> str:
    """`Failure codes` is the table of `FailureCode`."""
    return "".join(word[:1].upper() + word[1:] for word in title.split()).removesuffix("s")


def load(folder: Path) -> Spec:
    """The whole specification in `folder`, checked for names that do not resolve."""
    spec = Spec()
    for section in sections(folder / "07-limits.md"):
        for source in section.tables:
            if source.columns[:2] != ("name", "value") or "past it" not in source.columns:
                continue
            for offset, (name, value, *_) in enumerate(source.rows):
                if not re.fullmatch(r"\d+", value):
                    raise section.error(f"`{value}` is not a plain number", source.line + 2 + offset)
                spec.limits[name.strip("`")] = int(value)
    for section in sections(folder / "06-errors.md"):
        for source in section.tables:
            if source.columns[:2] == ("value", "name"):
                spec.enums[code_name(section.title)] = parse_numbered(section, source)
    for section in sections(folder / "04-messages.md"):
        if any(line.startswith("Kind ") for line in section.text):
            message = parse_message(section)
            if message.name in spec.messages or spec.message_of_kind(message.kind):
                raise section.error("this name or kind stands twice")
            spec.messages[message.name] = message
            continue
        for source in section.tables:
            match source.columns[:2]:
                case ("field", "type"):
                    define(spec.records, section, parse_fields(section, source))
                case ("value", "name"):
                    define(spec.enums, section, parse_numbered(section, source))
                case ("tag", "record"):
                    define(spec.variants, section, parse_numbered(section, source))
    resolve(spec)
    return spec


T = TypeVar("T")


def define(into: dict[str, T], section: Section, value: T) -> None:
    if section.title in into:
        raise section.error("this name stands twice")
    into[section.title] = value


def resolve(spec: Spec) -> None:
    """Every name that a type uses must have a table."""

    def check(owner: str, type: Type) -> None:
        match type:
            case Enum(name) | Code(name) if name not in spec.enums:
                raise SpecError(f"{owner}: there is no table of the values of `{name}`")
            case Record(name) if name not in spec.records:
                raise SpecError(f"{owner}: there is no record `{name}`")
            case Variants(name, _) if name not in spec.variants:
                raise SpecError(f"{owner}: there is no table of the variants of `{name}`")
            case Optional(of) | List(of, _) | SizedList(of, _) | Array(of, _):
                check(owner, of)
        limit = getattr(type, "limit", None)
        if limit is not None and limit not in spec.limits:
            raise SpecError(f"{owner}: there is no limit `{limit}`")

    for name, fields in [*spec.records.items(), *((message.name, message.fields) for message in spec.messages.values())]:
        for part in fields:
            check(f"{name}.{part.name}", part.type)
    for name, records in spec.variants.items():
        for record in records.values():
            check(name, Record(record))


def readme_rows(folder: Path) -> dict[str, tuple[str, ...]]:
    """The table of messages in the README: name to kind, sender, link and version."""
    rows: dict[str, tuple[str, ...]] = {}
    for section in sections(folder / "README.md"):
        for source in section.tables:
            if source.columns[:5] == ("message", "kind", "sent by", "link or feed", "since"):
                for name, *rest in source.rows:
                    rows[re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", name)] = tuple(rest[:4])
    return rows
