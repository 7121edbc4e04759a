"""Samples, folded into a tree: what calls what, and how often it was seen at work."""

import re

from names import C_SUFFIX, Frame, Kind

# The outermost functions of the threads of a program. A stack that does not end there has not been followed to its end.
OUTERMOST = {"_start", "clone3", "clone", "__clone3", "__clone"}
# What every stack has before it comes to a program's own code.
BEFORE_MAIN = OUTERMOST | {"__libc_start_main", "__libc_start_main_impl", "__libc_start_call_main", "start_thread"}
MAIN = re.compile(r"\w+_main$")
# The way into the kernel: the same below every system call, of which the C library's function says enough.
WAY_IN = re.compile(r"entry_SYSCALL|do_syscall_64$|__x64_sys_|(?:do_)?el0t?_|invoke_syscall|__arm64_sys_")

CUT_SHORT = Frame("caller unknown", Kind.GROUP)


class Node:
    """A frame above a certain path of callers."""

    def __init__(self, frame):
        self.frame = frame
        # Samples with this path in them, and those of them in which nothing stood above it.
        self.total = self.own = 0
        self.children = {}

    def count(self, path, samples):
        self.total += samples
        node = self
        for frame in path:
            node = node.children.setdefault(frame, Node(frame))
            node.total += samples
        node.own += samples

    def walk(self, above=()):
        """Each node with the frames under it, the outermost first."""
        yield self, above
        for child in self.children.values():
            yield from child.walk((*above, self.frame))


def path(sample, names):
    """The frames of a sample, the outermost first: its thread, then what was active.

    A function and what only forwards to it are one frame. What worked itself always has one.
    """
    symbols = [C_SUFFIX.sub("", call.symbol) for call in sample.calls]
    is_whole, last = symbols[-1] in OUTERMOST, len(symbols)
    while is_whole and last > 0 and (symbols[last - 1] in BEFORE_MAIN or MAIN.match(symbols[last - 1])):
        last -= 1
    frames = [Frame(f"thread {sample.thread}", Kind.GROUP)] + ([] if is_whole else [CUT_SHORT])
    for call in reversed(sample.calls[:last]):
        frame = names.frame(call)
        is_way_in = frame.kind is Kind.KERNEL and WAY_IN.match(frame.name)
        if frame != frames[-1] and not (is_way_in and call is not sample.calls[0]):
            frames.append(frame)
    return frames


def folded(name, samples, names):
    """The tree of a process: its threads stand on it."""
    root = Node(Frame(name, Kind.GROUP))
    for sample, count in samples.items():
        root.count(path(sample, names), count)
    return root
