"""Requests byte for byte, and what a careful client reads of the answers."""

import asyncio
import socket

# What stands before a case and behind it.
GOOD = b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Pieces of one byte up to here, the rest at once: what is longer is one thing repeated.
MOST_SINGLE_PIECES = 1000
# Nothing takes this long but an answer that does not come.
PATIENCE = 10
# So long a connection that should stay is watched for its end, and for an answer too many.
QUIET = 0.05


def fixture_bytes(value):
    """A text, each of whose characters is a byte; or texts and pairs of a text and how often it stands there."""
    if isinstance(value, str):
        return value.encode("latin-1")
    return b"".join(fixture_bytes(part) if isinstance(part, str) else fixture_bytes(part[0]) * part[1] for part in value or [])


class Answers:
    """What a careful client reads from all that it got."""

    def __init__(self, data, heads=()):
        self.statuses, self.fields, self.bodies = [], [], []
        self.interims, self.rest = data.count(CONTINUE), data.replace(CONTINUE, b"")
        while self.next(len(self.statuses) in heads):
            pass

    def next(self, is_head):
        head, found, after = self.rest.partition(b"\r\n\r\n")
        if not found:
            return False
        lines = head.split(b"\r\n")
        status = int(lines[0].split(b" ")[1])
        fields = {name.strip().lower().decode(): value.strip().decode("latin-1") for name, _, value in (line.partition(b":") for line in lines[1:])}
        body = b""
        if is_head or status in (204, 304):
            pass
        elif fields.get("transfer-encoding") == "chunked":
            while True:
                line, found, rest = after.partition(b"\r\n")
                if not found or len(rest) < int(line, 16) + 2:
                    return False
                size = int(line, 16)
                body, after = body + rest[:size], rest[size + 2 :]
                if size == 0:
                    break
        elif "content-length" in fields:
            size = int(fields["content-length"])
            if len(after) < size:
                return False
            body, after = after[:size], after[size:]
        else:
            body, after = after, b""
        self.statuses.append(status)
        self.fields.append(fields)
        self.bodies.append(body)
        self.rest = after
        return True


class Talk:
    """One connection: what was got on it, and whether it has ended."""

    def __init__(self, port):
        self.port, self.data, self.ended, self.arrived = port, b"", False, asyncio.Event()

    async def __aenter__(self):
        self.loop, self.sock = asyncio.get_running_loop(), socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await self.loop.sock_connect(self.sock, ("127.0.0.1", self.port))
        self.reader = asyncio.create_task(self.read())
        return self

    async def __aexit__(self, *_):
        # The loop watches the descriptor until the reader has ended, and another connection may get the same.
        self.reader.cancel()
        await asyncio.wait([self.reader])
        self.sock.close()

    async def read(self):
        try:
            while data := await self.loop.sock_recv(self.sock, 65536):
                self.data += data
                self.arrived.set()
        except OSError:
            pass
        self.ended = True
        self.arrived.set()

    async def send(self, data, is_cut=False):
        singles = min(len(data), MOST_SINGLE_PIECES) if is_cut else 0
        try:
            for place in range(singles):
                await self.loop.sock_sendall(self.sock, data[place : place + 1])
                await asyncio.sleep(0)
            await self.loop.sock_sendall(self.sock, data[singles:])
        except OSError:
            pass  # refused while it was still being sent; the answer is judged

    async def until(self, condition):
        """Waits until what was got fulfils the condition, or the connection has ended."""
        async def wait():
            while not self.ended and not condition(self.data):
                self.arrived.clear()
                await self.arrived.wait()

        try:
            await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            pass


async def gathered(work, width=8):
    """The results of coroutines, so many at a time."""
    gate = asyncio.Semaphore(width)

    async def one(item):
        async with gate:
            return await item

    return await asyncio.gather(*(one(item) for item in work))
