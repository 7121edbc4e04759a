"""The log lines that the three programs can write, read out of their sources: message, level, who writes it, and its fields."""

import pathlib
import re
from dataclasses import dataclass, field

# The folders whose lines an operator sees, and which program writes them.
WRITERS = {
    "Sources/services/FrontendService": "frontend",
    "Sources/services/Dashboard": "frontend",
    "Sources/services/RouterService": "router",
    "Sources/services/WorkerService": "worker",
    "Sources/services/EngineAdapters": "worker",
    "Sources/services/ProcessKit": "all",
    "Sources/base/Telemetry": "all",
}
LEVELS = ("trace", "debug", "info", "warning", "error")
# What a field's value adds to its key in a JSON line.
SUFFIXES = {"duration": "_ms", "size": "_bytes"}

TEXT = r'"(?:[^"\\]|\\.)*"'
# A call of a logger: its first argument is a literal, a choice of two, or what is composed of literals.
CALL = re.compile(rf"\.({'|'.join(LEVELS)})\(\s*(?:(composed):\s*)?(?:\w+ \? ({TEXT})\s*:\s*)?({TEXT})")
# The same with a level that is chosen there and then.
CHOSEN = re.compile(rf"\.log\(\s*([^,()]*\.[^,()]*),\s*({TEXT})")
FIELD = re.compile(r'"([a-z_]+)":\s*\.?(\w+)')


@dataclass
class LogLine:
    message: str
    writer: str
    levels: set = field(default_factory=set)
    fields: set = field(default_factory=set)
    places: set = field(default_factory=set)


def arguments(source, start):
    """The text from `start` to the parenthesis that closes the call, literals with their interpolations skipped over."""
    depth, index = 1, start
    while depth and index < len(source):
        if source[index] == '"':
            index = end_of_literal(source, index)
            continue
        depth += {"(": 1, ")": -1}.get(source[index], 0)
        index += 1
    return source[start:index - 1]


def end_of_literal(source, start):
    index = start + 1
    while index < len(source) and source[index] != '"':
        if source.startswith("\\(", index):
            inner = arguments(source, index + 2)
            index += 2 + len(inner)
        elif source[index] == "\\":
            index += 1
        index += 1
    return index + 1


def keys(text):
    return {name + SUFFIXES.get(kind, "") for name, kind in FIELD.findall(text)}


def statement(source, start):
    """The text from `start` to the end of the line on which all that it opens is closed."""
    depth, index = 0, start
    while index < len(source):
        if source[index] == '"':
            index = end_of_literal(source, index)
            continue
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(source[index], 0)
        if source[index] == "\n" and depth <= 0:
            break
        index += 1
    return source[start:index]


def named_fields(source, name):
    """Fields that a variable or a function of the same file holds: whatever its text says, and that of a function that it calls."""
    found = set()
    for match in re.finditer(rf"let {name}\b[^=\n]*= |func {name}\(|\b{name}\.append\(", source):
        text = statement(source, match.start())
        found |= keys(text)
        for called in set(re.findall(r"Self\.(\w+)\(", text)) - {name}:
            found |= named_fields(source, called)
    return found


def read(root):
    lines = {}
    for folder, writer in WRITERS.items():
        for path in sorted(pathlib.Path(root, folder).rglob("*.swift")):
            source = path.read_text(encoding="utf-8")
            for levels, messages, start, matched in calls(source):
                rest = arguments(source, start)
                found = keys(rest[matched:])
                variable = re.match(r"\s*,\s*(?:Self\.)?([a-z]\w*)", rest[matched:])
                if variable:
                    found |= named_fields(source, variable.group(1))
                for message in messages:
                    line = lines.setdefault((message, writer), LogLine(message, writer))
                    line.levels |= levels
                    line.fields |= found
                    line.places.add(str(path.relative_to(root)))
    dropped = pathlib.Path(root, "Sources/base/Telemetry/Logging/Logger.swift").read_text(encoding="utf-8")
    # The logger's own line has no logger to be written with.
    for message in re.findall(r'let lost: StaticString = "([^"]+)"', dropped):
        lines[(message, "all")] = LogLine(message, "all", {"warning"}, {"count"}, {"Sources/base/Telemetry/Logging/Logger.swift"})
    return [lines[key] for key in sorted(lines)]


def calls(source):
    """Each call: levels, messages, where its arguments begin, and how much of them is level and message."""
    for match in CALL.finditer(source):
        start = source.index("(", match.start()) + 1
        texts = [text for text in (match.group(3), match.group(4)) if text]
        # A logger's message is a fixed text; what has values in it belongs to a call of another kind.
        if not match.group(2) and any("\\(" in text for text in texts):
            continue
        # Only the literal beginning of a composed message is the same in every line.
        messages = [plain(text).split("\\(")[0].strip() if match.group(2) else plain(text) for text in texts]
        end = end_of_literal(source, match.start(4))
        yield {match.group(1)}, messages, start, end - start
    for match in CHOSEN.finditer(source):
        start = source.index("(", match.start()) + 1
        yield set(re.findall(rf"\.({'|'.join(LEVELS)})\b", match.group(1))), [plain(match.group(2))], start, match.end() - start


def plain(literal):
    return literal[1:-1]
