"""A cluster of real processes whose HTTP edge is attacked, and what it says of itself."""

import asyncio
import json
import os
import signal
from pathlib import Path

ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

# Lowered, so that a run is short; what is judged is that they hold, not how long they are.
HEADER_DEADLINE = 10
BODY_DEADLINE = 12
WRITE_STALL = 6
BODY_LIMIT = 512 << 10
# Of the same pace at every load: what changes is then the edge's doing.
WORKER_OPTIONS = ["--mock-decode-step", "10ms", "--mock-prefill-token", "10us", "--max-sequences", "1024"]
# How late a deadline may be noticed: the server's timers and this script share two cores.
DEADLINE_SLACK = 3

FRONTEND_OPTIONS = [
    "--header-limit", f"{HEADER_DEADLINE}s", "--body-limit", f"{BODY_DEADLINE}s", "--write-stall-limit", f"{WRITE_STALL}s",
    "--max-body-bytes", str(BODY_LIMIT),
]  # fmt: skip


def end_once(task):
    """Ended from outside, a run still ends what it started; that is not interrupted again."""
    loop = asyncio.get_running_loop()

    def leave():
        for end in ENDS:
            loop.add_signal_handler(end, lambda: None)
        task.cancel()

    for end in ENDS:
        loop.add_signal_handler(end, leave)


class Failed(Exception):
    pass


class Member:
    """A process of the cluster, with what it has logged."""

    def __init__(self, name, process):
        self.name, self.process, self.lines, self.addresses = name, process, [], {}
        self.serving = asyncio.Event()
        self.reader = asyncio.create_task(self.read())

    async def read(self):
        async for line in self.process.stderr:
            self.lines = self.lines[-200:] + [line.decode(errors="replace").rstrip()]
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if record.get("level") == "info":
                self.addresses.update({k: v for k, v in record.items() if k in ("http", "admin", "links")})
            if record.get("msg") == "serving":
                self.serving.set()

    def resident(self):
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def port(self, what):
        return int(self.addresses[what].rsplit(":", 1)[1])


class Cluster:
    def __init__(self, binaries):
        self.binaries, self.members, self.router_options = binaries, [], []

    async def start(self, name, program, *options):
        path = self.binaries / program
        if not path.exists():
            raise Failed(f"{path} is not built: swift build -c release --product {program}")
        process = await asyncio.create_subprocess_exec(
            path, "--name", name, "--log-format", "json", *options, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL)
        member = Member(name, process)
        self.members.append(member)
        await self.within(20, member.serving.wait(), f"{name} does not serve:\n" + "\n".join(member.lines[-8:]))
        return member

    @staticmethod
    async def within(seconds, work, complaint):
        try:
            return await asyncio.wait_for(work, seconds)
        except asyncio.TimeoutError:
            raise Failed(complaint) from None

    async def up(self, options, workers=2, worker_options=WORKER_OPTIONS):
        loopback = ["--listen", "tcp://127.0.0.1:0", "--publish", "tcp://127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        self.router = await self.start("router", "router", *loopback, *self.router_options)
        routers = f"tcp://127.0.0.1:{self.router.port('links')}"
        self.workers = [
            await self.start(f"worker-{i}", "workerd", "--routers", routers, "--admin-listen", "127.0.0.1:0", *worker_options)
            for i in range(workers)
        ]
        self.frontend = await self.start(
            "frontend", "frontend", "--routers", routers, "--listen", "127.0.0.1:0", "--publish", "tcp://127.0.0.1:0",
            "--admin-listen", "127.0.0.1:0", *options)  # fmt: skip
        self.http, self.admin = self.frontend.port("http"), self.frontend.port("admin")
        for _ in range(200):
            status, body = await get(self.http, "/v1/models")
            models = json.loads(body)["data"] if status == 200 else []
            if models and (await get(self.admin, "/readyz"))[0] == 200:
                self.model = models[0]["id"]
                return
            await asyncio.sleep(0.1)
        raise Failed("the frontend is not ready after 20 s")

    async def down(self):
        for member in self.members:
            if member.process.returncode is None:
                member.process.send_signal(signal.SIGKILL)
        for member in self.members:
            await member.process.wait()
            member.reader.cancel()


# MARK: Single exchanges


async def get(port, path):
    """One exchange on a connection of its own: status and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        body = unchunked(body)
    return int(head.split(b" ", 2)[1]), body


def unchunked(data):
    out = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            break
        out, data = out + data[:length], data[length + 2 :]
    return out


def completion(model, tokens, stream, prompt="Hello"):
    return json.dumps({
        "model": model, "max_tokens": tokens, "stream": stream, "ignore_eos": True,
        "messages": [{"role": "user", "content": prompt}],
    }).encode()  # fmt: skip


def post(body, path="/v1/chat/completions"):
    head = f"POST {path} HTTP/1.1\r\nhost: edge\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def state(port):
    """What a process says of itself."""
    return json.loads((await get(port, "/debug/state"))[1])["state"]


async def metric(port, sample):
    """The value of a metric's sample, named with its labels; 0 if there is none yet."""
    _, text = await get(port, "/metrics")
    values = [line.split()[-1] for line in text.decode().splitlines() if line.startswith(sample + " ")]
    return float(values[0]) if values else 0.0
