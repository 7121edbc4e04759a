"""A recording of processes by Linux perf: where they are, so many times a second of the time for which they run."""

import asyncio
import os
import signal
import subprocess

from samples import parsed

# An odd number, so that it does not keep step with what the processes do by the clock.
HERTZ = 997
# Stacks are followed by the tables that exceptions would use, on a copy of so much of each. Frame pointers, which Swift keeps without being
# told, would do for its own code, but libc has none: a third of all stacks would end there. With half as much, the deepest of the router's do.
STACK_BYTES = 32 << 10
# Of memory for what perf has not yet written, for each processor.
BUFFER_PAGES = 512
# How long perf may take to begin, to write what it has, and to read it.
BEGIN_SECONDS, END_SECONDS, READ_SECONDS = 20, 60, 240


class NotRecorded(Exception):
    pass


class Recording:
    def __init__(self, pids, file):
        self.pids, self.file, self.perf = pids, file, None
        # The ends of perf's pipe for orders, without which it stops.
        self.pipes = []

    async def begin(self):
        """Returns when each sample counts."""
        orders_in, orders = os.pipe()
        answers, answers_out = os.pipe()
        self.pipes = [orders, answers]
        try:
            self.perf = await asyncio.create_subprocess_exec(
                "perf", "record", "--event", "cpu-clock", "--freq", str(HERTZ), "--call-graph", f"dwarf,{STACK_BYTES}",
                "--mmap-pages", str(BUFFER_PAGES), "--pid", ",".join(map(str, self.pids)), "--output", self.file,
                "--delay", "-1", "--control", f"fd:{orders_in},{answers_out}",
                pass_fds=(orders_in, answers_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
        finally:
            os.close(orders_in)
            os.close(answers_out)
        try:
            os.write(orders, b"enable\n")
            answer = await asyncio.wait_for(asyncio.to_thread(os.read, answers, 16), BEGIN_SECONDS)
        except BrokenPipeError:
            answer = b""
        except asyncio.TimeoutError:
            self.perf.send_signal(signal.SIGINT)
            answer = b""
        # An empty one is that of a perf that ends.
        if not answer.startswith(b"ack"):
            raise NotRecorded(f"perf record does not begin:\n{await self.last_words()}")

    async def last_words(self):
        try:
            _, words = await asyncio.wait_for(self.perf.communicate(), END_SECONDS)
        except asyncio.TimeoutError:
            raise NotRecorded(f"perf record does not end within {END_SECONDS} s") from None
        return words.decode(errors="replace").strip()

    async def end(self):
        """What it has written is whole then."""
        if self.perf.returncode is None:
            self.perf.send_signal(signal.SIGINT)
        words = await self.last_words()
        if self.perf.returncode not in (0, -signal.SIGINT):
            raise NotRecorded(f"perf record ended with status {self.perf.returncode}:\n{words}")
        if "lost" in words.lower():
            raise NotRecorded(f"perf record did not keep up:\n{words}")

    async def leave(self):
        """However far it got."""
        if self.perf is not None and self.perf.returncode is None:
            self.perf.kill()
            await self.perf.wait()
        for pipe in self.pipes:
            os.close(pipe)
        self.pipes = []

    async def samples(self):
        reader = await asyncio.create_subprocess_exec(
            "perf", "script", "--input", self.file, "--no-inline", "--fields", "comm,ip,sym,dso",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            text, words = await asyncio.wait_for(reader.communicate(), READ_SECONDS)
        except asyncio.TimeoutError:
            raise NotRecorded(f"perf script does not end within {READ_SECONDS} s") from None
        finally:
            if reader.returncode is None:
                reader.kill()
                await reader.wait()
        if reader.returncode != 0:
            raise NotRecorded(f"perf script ended with status {reader.returncode}:\n{words.decode(errors='replace').strip()}")
        return parsed(text.decode(errors="replace").splitlines())
