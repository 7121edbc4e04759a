"""Processes of a cluster on loopback, each of which can be ended, started again and looked into; all are ended when the block ends."""

import asyncio
import contextlib
import os
import signal
import socket
import time

# From starting a process until it serves, on a machine that is busy with other things.
READY_SECONDS = 30
# From SIGTERM until it has ended, where something runs; the drain limit is below it. Then it is killed, which is told.
DRAIN_SECONDS = 20
END_SECONDS = 25
# Of its log, for the message when something went wrong.
LAST_LINES = 6


class Failed(Exception):
    """The run cannot go on; the text says why."""


def free_ports(count):
    """Ports that nobody listens on now. All are held until the last is found, so that none is found twice."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


class Member:
    """A process by its name. Its addresses stay the same over its lives; its log goes on."""

    def __init__(self, cluster, name, program, options, env=None):
        self.cluster, self.name, self.program, self.lives, self.process = cluster, name, program, 0, None
        self.admin = free_ports(1)[0]
        self.log = cluster.folder / f"{name}.log"
        self.command = [*cluster.wrap, str(cluster.binaries / program), "--name", name, "--log-format", "json",
                        "--admin-listen", f"127.0.0.1:{self.admin}", "--drain-limit", f"{DRAIN_SECONDS}s", *options]  # fmt: skip
        # Options come from the command alone; what else the environment says is none of theirs.
        self.env = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", **(env or {})}

    @property
    def runs(self):
        return self.process is not None and self.process.returncode is None

    @property
    def pid(self):
        return self.process.pid

    async def start(self):
        """Begins a life of it, and waits until it serves."""
        before = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, start_new_session=True)
        self.lives, self.began = self.lives + 1, time.monotonic()
        while not self.said(b'"msg":"serving"', before):
            if not self.runs or time.monotonic() > self.began + READY_SECONDS:
                raise Failed(f"{self.name} does not serve:\n{self.last_words()}")
            await asyncio.sleep(0.02)

    def said(self, text, since=0):
        with open(self.log, "rb") as log:
            log.seek(since)
            return text in log.read()

    def last_words(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LAST_LINES:])

    def tell(self, number):
        """Past Python's own way, which may look for the process's end before its watcher does, and then its exit code is lost."""
        if self.runs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def end(self, number=signal.SIGTERM):
        """Its exit code, or None where it had to be killed though it was only asked."""
        self.tell(number)
        try:
            return await asyncio.wait_for(self.process.wait(), END_SECONDS)
        except asyncio.TimeoutError:
            self.tell(signal.SIGKILL)
            await self.process.wait()
            return None


class Cluster:
    """`wrap` is a command that stands before each program, such as one that takes its rights away."""

    def __init__(self, binaries, folder, wrap=()):
        self.binaries, self.folder, self.wrap, self.members = binaries, folder, list(wrap), []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        for member in self.members:
            if member.runs:
                member.tell(signal.SIGCONT)
                member.tell(signal.SIGKILL)
        for member in self.members:
            if member.process is not None:
                await member.process.wait()

    def __getitem__(self, name):
        return next(member for member in self.members if member.name == name)

    def of(self, program):
        return [member for member in self.members if member.program == program]

    async def add(self, name, program, *options, env=None):
        if not (self.binaries / program).exists():
            raise Failed(f"{self.binaries / program} is not built: swift build -c release --static-swift-stdlib --product {program}")
        member = Member(self, name, program, options, env)
        self.members.append(member)
        await member.start()
        return member

    async def router(self, name, port, *options, **more):
        member = await self.add(name, "router", "--listen", f"tcp://127.0.0.1:{port}", "--publish", "tcp://127.0.0.1:0", *options, **more)
        member.links = port
        return member

    async def worker(self, name, routers, *options, **more):
        return await self.add(name, "workerd", "--routers", routers, *options, **more)

    async def frontend(self, name, routers, *options, **more):
        port = free_ports(1)[0]
        member = await self.add(name, "frontend", "--routers", routers, "--listen", f"127.0.0.1:{port}", "--publish", "tcp://127.0.0.1:0",
                                *options, **more)  # fmt: skip
        member.http = port
        return member
