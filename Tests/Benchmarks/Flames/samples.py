"""Samples of a process as `perf script` tells them: a thread, and the functions that were active in it."""

from collections import Counter
from typing import NamedTuple


class Call(NamedTuple):
    """An active function: its symbol as it stands in the object file that holds it."""

    symbol: str
    object: str


class Sample(NamedTuple):
    thread: str
    # The innermost first, as perf tells them.
    calls: tuple[Call, ...]


def call(line):
    """Of a line `ADDRESS SYMBOL (OBJECT)`; a C++ symbol has spaces and parentheses of its own."""
    address, _, rest = line.strip().partition(" ")
    symbol, _, file = rest.rpartition(" (")
    file = file.removesuffix(")")
    # Code that the kernel keeps to itself is still the kernel's: the upper half of the addresses is.
    if file == "[unknown]" and len(address) == 16 and address.startswith("ffff"):
        file = "[kernel]"
    return Call(symbol, file)


def parsed(lines):
    """How often each sample came. A sample is a line with the thread's name and a line for each call; an empty line ends it."""
    samples, thread, calls = Counter(), None, []
    for line in [*lines, ""]:
        if not line.strip():
            if thread is not None and calls:
                samples[Sample(thread, tuple(calls))] += 1
            thread, calls = None, []
        elif line[0] in " \t":
            calls.append(call(line))
        else:
            thread = line.strip()
    return samples
