"""What a reader calls a function, and whose code it is."""

import re
import subprocess
from enum import Enum
from pathlib import Path
from typing import NamedTuple


class Kind(Enum):
    """Whose code a frame is; the value is what the legend calls it."""

    OURS = "Apus"
    SWIFT = "Swift runtime and standard library"
    LIBRARY = "libc and other C libraries"
    KERNEL = "kernel"
    # No code, but a grouping of what stands on it.
    GROUP = "threads, and what is too small"


class Frame(NamedTuple):
    name: str
    kind: Kind


SWIFT_MODULES = {"Swift", "_Concurrency", "_StringProcessing", "Synchronization", "SwiftOnoneSupport"}
# How a name of a module of Swift's own begins after `$s`: `s` and `S…` are the standard library's abbreviations.
SWIFT_MANGLED = re.compile(r"\$s(?:s|S|" + "|".join(f"{len(name)}{name}" for name in sorted(SWIFT_MODULES)) + ")")
# What is written in C in our modules, what the compiler makes of our closures, also without a symbol, and a program's beginning. What else a
# program has beside Swift's own symbols is the runtime's, but for the hash functions, which are a header, and the ways into libraries.
OURS_IN_C = re.compile(r"apus_|objectdestroy|\[unknown\]$|\w+_main$")
LIBRARY_IN_PROGRAM = re.compile(r"XXH|.*@plt$")

EXTENSION = re.compile(r"\(extension in (\w+)\)")
# The part of an async function behind an `await` is a symbol of its own.
ASYNC_PART = re.compile(r"T[YQ]\d*_$")
# What the compiler makes of a function is that function to a reader, and so is what only calls it.
MADE_OF = re.compile(r"^(?:specialized|merged|@objc|partial apply for|dispatch thunk of|vtable thunk of) ")
WITNESS = re.compile(r"^protocol witness for (static )?[^.]+\.(.*) in conformance (.*)$")
INNER = re.compile(r"^(?:implicit )?\$?(closure|defer) #(\d+)(?: \(\))? in ")
GENERIC = re.compile(r"<[A-Z]\d*(?:, [A-Z]\d*)*>")
TEMPLATE = re.compile(r"<[^<>]*>")
# Of the C compiler's parts of a function, and of libc's versions of one.
C_SUFFIX = re.compile(r"(?:@@?[A-Z].*|\.(?:isra|part|constprop|cold)(?:\.\d+)*)+$")


def without_arguments(name):
    """Of a template in C++, whose arguments may have arguments."""
    shorter = TEMPLATE.sub("", name)
    return name if shorter == name else without_arguments(shorter)


def readable(simple):
    """`swift demangle --simplified` without the compiler's own words: the function first, then which closure of it."""
    while match := MADE_OF.match(simple):
        simple = simple[match.end() :]
    if match := WITNESS.match(simple):
        simple = f"{match[1] or ''}{match[3]}.{match[2]}"
    inner = ""
    while match := INNER.match(simple):
        inner = f" {match[1]} {match[2]}{inner}"
        simple = simple[match.end() :]
    return GENERIC.sub("", simple) + inner


def demangled(symbols, *options):
    """Of each of Swift's symbols what the toolchain says of it."""
    if not symbols:
        return {}
    done = subprocess.run(
        ["swift", "demangle", "--compact", *options], input="\n".join(symbols), capture_output=True, text=True, check=True, timeout=120)
    lines = done.stdout.splitlines()
    if len(lines) != len(symbols):
        raise ValueError(f"swift demangle has {len(lines)} names for {len(symbols)} symbols")
    return dict(zip(symbols, lines))


class Names:
    """The frames of calls; the symbols that will be asked for are demangled at once."""

    def __init__(self, calls):
        mangled = sorted({call.symbol for call in calls if call.symbol.startswith("$s")})
        self.whole = demangled(mangled)
        self.simple = {symbol: readable(name) for symbol, name in demangled(mangled, "--simplified").items()}
        self.async_functions = {name for symbol, name in self.simple.items() if ASYNC_PART.search(symbol)}
        self.frames = {}

    def frame(self, call):
        if call not in self.frames:
            self.frames[call] = Frame(self.name(call), self.kind(call))
        return self.frames[call]

    def name(self, call):
        symbol = call.symbol
        if name := self.simple.get(symbol):
            return f"{name} async" if name in self.async_functions else name
        if symbol == "[unknown]":
            return f"{Path(call.object).name} (no symbol)"
        return without_arguments(C_SUFFIX.sub("", symbol))

    def kind(self, call):
        file = Path(call.object).name
        if file.startswith("[") and file not in ("[vdso]", "[unknown]"):
            return Kind.KERNEL
        if file.startswith("libswift"):
            return Kind.SWIFT
        if ".so" in file or file.startswith("["):
            return Kind.LIBRARY
        symbol = call.symbol
        if LIBRARY_IN_PROGRAM.match(symbol):
            return Kind.LIBRARY
        # A method that a module adds to somebody else's type is that module's.
        if added := EXTENSION.search(self.whole.get(symbol, "")):
            return Kind.SWIFT if added[1] in SWIFT_MODULES else Kind.OURS
        is_ours = not SWIFT_MANGLED.match(symbol) if symbol in self.whole else OURS_IN_C.match(symbol)
        return Kind.OURS if is_ours else Kind.SWIFT
