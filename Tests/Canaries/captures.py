"""What a cluster lets out beside its answers: spans, metrics, states, feeds, and what the kernel shows of its processes."""

import asyncio
from pathlib import Path

import pynng
import zstandard
from talk import Cut, Hung, once

ZSTD = b"\x28\xb5\x2f\xfd"
# A feed's message is far smaller.
MOST_UNPACKED = 16 << 20


class Captures:
    """Bytes by where they came from."""

    def __init__(self):
        self.data = {}

    def add(self, source, data):
        self.data.setdefault(source, bytearray()).extend(data + b"\n")

    async def processes(self, members, when):
        """Metrics and state of each, and what anybody on the machine may see of it."""
        for member in members:
            if not member.runs:
                continue
            for path in ("/metrics", "/debug/state", "/readyz"):
                try:
                    self.add(f"{path} of {member.program}", (await once(member.admin, path))[1])
                except (Cut, Hung) as problem:
                    raise Cut(f"{path} of {member.name}, {when}: {problem}") from None
            for file in ("cmdline", "environ", "comm"):
                self.add(f"/proc of {member.program}", Path(f"/proc/{member.pid}/{file}").read_bytes())

    def files(self, folder):
        """Logs, crash reports on standard error among them, and what tools wrote."""
        for path in sorted(folder.iterdir()):
            if path.suffix in (".log", ".jsonl", ".out"):
                self.add(("log of " if path.suffix == ".log" else "") + path.stem.rstrip("-0123456789"), path.read_bytes())


class Collector:
    """A collector of OTLP over HTTP, which keeps what it is sent and takes all of it."""

    def __init__(self, captures):
        self.captures, self.posts = captures, 0

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                self.captures.add("traces", head + await reader.readexactly(int(lengths[0])))
                self.posts += 1
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
                await writer.drain()
        except (asyncio.IncompleteReadError, IndexError, OSError):
            writer.close()


class Feeds:
    """Subscribes to everything that processes publish, as anybody who reaches the address can."""

    def __init__(self, captures):
        self.captures, self.sockets, self.messages = captures, [], 0

    def follow(self, name, address):
        socket = pynng.Sub0(recv_timeout=20)
        socket.subscribe(b"")
        socket.dial(address, block=True)
        self.sockets.append((name, socket))

    def drain(self):
        for name, socket in self.sockets:
            while True:
                try:
                    message = socket.recv()
                except pynng.Timeout:
                    break
                self.messages += 1
                self.captures.add(f"feed of {name}", message + unpacked(message))

    def close(self):
        for _, socket in self.sockets:
            socket.close()


def unpacked(message):
    """What is packed in it, wherever it begins."""
    out, at = b"", message.find(ZSTD)
    while at >= 0:
        try:
            out += zstandard.ZstdDecompressor().decompressobj().decompress(message[at:])[:MOST_UNPACKED]
        except zstandard.ZstdError:
            pass
        at = message.find(ZSTD, at + 4)
    return out


