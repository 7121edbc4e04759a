"""HTTP to a cluster: one connection, requests one after another on it, answers read as they come."""

import asyncio
import json

from processes import Failed

# Longer than any answer of these clusters takes, waits for a worker that is started again among it.
PATIENCE = 90
# Of a head, and of what is read at once.
MOST_HEAD = 64 << 10
PIECE = 64 << 10


class Cut(Failed):
    """The connection ended, or could not be made, before the answer was whole."""


class Hung(Failed):
    """Nothing came for as long as anybody would wait."""


class Talk:
    def __init__(self, port):
        self.port, self.reader, self.writer, self.is_open = port, None, None, False

    async def open(self):
        try:
            self.reader, self.writer = await within(asyncio.open_connection("127.0.0.1", self.port, limit=MOST_HEAD))
        except OSError as error:
            raise Cut(f"not connected: {error}") from None
        self.is_open = True
        return self

    def is_over(self):
        """Whether nothing can be asked on it any more, as far as can be told without asking."""
        return not self.is_open or self.reader.at_eof() or self.reader.exception() is not None

    def leave(self):
        """At once, as a client that is ended does."""
        if self.writer is not None:
            self.writer.transport.abort()
        self.is_open = False

    async def send(self, data):
        try:
            self.writer.write(data)
            await within(self.writer.drain())
        except OSError as error:
            raise Cut(f"not sent: {error}") from None

    async def ask(self, path, body=None, key=None, headers=(), method=None):
        """Sends one request, and reads the head of its answer: status and headers."""
        if not self.is_open:
            await self.open()
        await self.send(request(path, body, key, headers, method))
        return await self.head()

    async def head(self):
        try:
            text = await within(self.reader.readuntil(b"\r\n\r\n"))
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Cut(f"no head: {error}") from None
        lines = text.decode("latin-1").split("\r\n")
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name:
                self.headers[name.lower()] = value.strip()
        self.status = int(lines[0].split(" ")[1])
        return self.status

    async def pieces(self):
        """The body, as its chunks come."""
        try:
            if self.headers.get("transfer-encoding") == "chunked":
                while size := int(await within(self.reader.readline()) or b"x", 16):
                    yield (await within(self.reader.readexactly(size + 2)))[:-2]
                await within(self.reader.readline())
            else:
                left = int(self.headers.get("content-length", 0))
                while left > 0:
                    piece = await within(self.reader.read(min(left, PIECE)))
                    if not piece:
                        raise Cut(f"{left} bytes of the body are missing")
                    left -= len(piece)
                    yield piece
        except (asyncio.IncompleteReadError, ValueError, OSError) as error:
            self.leave()
            raise Cut(f"the body ends early: {error}") from None
        if self.headers.get("connection") == "close":
            self.leave()

    async def body(self):
        return b"".join([piece async for piece in self.pieces()])

    async def events(self):
        """The data of each event of a stream, with its name where it has one."""
        rest = b""
        async for piece in self.pieces():
            *whole, rest = (rest + piece).split(b"\n\n")
            for event in whole:
                name, data = None, []
                for line in event.split(b"\n"):
                    if line.startswith(b"event: "):
                        name = line[7:].decode()
                    elif line.startswith(b"data: "):
                        data.append(line[6:])
                if data:
                    yield name, b"\n".join(data)
        if rest.strip():
            raise Cut("half an event is at the end of a stream")


async def within(work, seconds=PATIENCE):
    try:
        return await asyncio.wait_for(work, seconds)
    except asyncio.TimeoutError:
        raise Hung(f"nothing for {seconds} s") from None


def request(path, body=None, key=None, headers=(), method=None):
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1", "host: localhost"]
    if body is not None:
        lines += ["content-type: application/json", f"content-length: {len(data)}"]
    if key is not None:
        lines.append(f"authorization: Bearer {key}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


async def once(port, path, body=None, key=None, headers=(), method=None):
    """One exchange on a connection of its own: status and body."""
    talk = Talk(port)
    try:
        status = await talk.ask(path, body, key, (*headers, ("connection", "close")), method)
        return status, await talk.body()
    finally:
        talk.leave()


async def state(member):
    """What a process says of itself."""
    status, body = await once(member.admin, "/debug/state")
    if status != 200:
        raise Cut(f"{member.name} says {status} of its state")
    return json.loads(body)["state"]


async def metric(member, sample):
    """The value of a metric's sample, named with its labels; 0 if there is none yet."""
    _, text = await once(member.admin, "/metrics")
    values = [line.split()[-1] for line in text.decode().splitlines() if line.startswith(sample + " ")]
    return float(values[0]) if values else 0.0


def ask(port, path, body=None, key=None, headers=()):
    """`once` for scripts that run no loop: status and text; 0, and why, where nobody answers."""
    try:
        status, answer = asyncio.run(once(port, path, body, key, headers))
        return status, answer.decode()
    except (Cut, Hung) as problem:
        return 0, str(problem)
