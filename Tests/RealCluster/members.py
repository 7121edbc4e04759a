"""Clusters of frontends, routers and workers on loopback, on ports that the system chooses."""

import asyncio
import hashlib
import json
import os
import socket
import time
from pathlib import Path

from processes import Failed, Process, Processes
from talk import Cut, Hung, once

# From starting a process until it serves, and from then until its models answer, on a machine that is busy with other things.
READY_SECONDS = 30
# What runs may take so long when a process is told to end; below the time after which it is killed.
DRAIN_SECONDS = 20
# Options come from the command alone; of what else the environment says a program needs no more, and wrappers of it the folder of the tests' files.
KEPT_VARIABLES = ("PATH", "TMPDIR")
LISTENS = {"admin": ("--admin-listen", "127.0.0.1:"), "http": ("--listen", "127.0.0.1:"), "links": ("--listen", "tcp://127.0.0.1:")}


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


def key_digest(key):
    """A key as a tenants' file has it."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


class Member(Process):
    """One of our programs. The ports that it got in its first life stay its own in the later ones."""

    def __init__(self, cluster, name, program, options, env=None, **ports):
        environment = {key: os.environ[key] for key in KEPT_VARIABLES if key in os.environ}
        self.cluster, self.program, self.options, self.ports = cluster, program, [str(word) for word in options], {"admin": 0, **ports}
        super().__init__(cluster.folder, name, [], {**environment, "LANG": "C.UTF-8", **(env or {})})

    admin = property(lambda self: self.ports["admin"])
    http = property(lambda self: self.ports["http"])
    links = property(lambda self: self.ports["links"])

    @property
    def address(self):
        """Where a router takes links."""
        return f"tcp://127.0.0.1:{self.links}"

    @property
    def url(self):
        """Where a frontend serves."""
        return f"http://127.0.0.1:{self.http}"

    def begin(self):
        self.command = [*self.cluster.wrap, str(self.cluster.binaries / self.program), "--name", self.name, "--log-format", "json",
                        "--drain-limit", f"{DRAIN_SECONDS}s", *self.options]  # fmt: skip
        for what, port in self.ports.items():
            option, host = LISTENS[what]
            self.command += [option, f"{host}{port}"]
        super().begin()

    async def start(self):
        """Begins a life of it, and waits until it serves."""
        self.begin()
        limit = time.monotonic() + self.cluster.ready_seconds
        while not self.records("serving", self.life_begins):
            if not self.runs:
                raise Failed(f"{self.name} ended with {self.process.returncode} before it served:\n{self.last_words()}")
            if time.monotonic() > limit:
                raise Failed(f"{self.name} does not serve after {self.cluster.ready_seconds} s:\n{self.last_words()}")
            await asyncio.sleep(0.02)
        for record in self.records("admin", self.life_begins) + self.records("listening", self.life_begins):
            self.ports.update({what: int(record[what].rsplit(":", 1)[1]) for what in self.ports if what in record})


class Cluster(Processes):
    """`wrap` is a command that stands before each program, such as one that takes its rights away; where that changes the root, `root` is the new one."""

    def __init__(self, binaries, folder=None, wrap=(), root="/", ready_seconds=READY_SECONDS):
        super().__init__(folder)
        self.binaries, self.wrap, self.root, self.ready_seconds = Path(binaries), [str(word) for word in wrap], Path(root), ready_seconds

    def of(self, program):
        return [member for member in self.members if member.program == program]

    def file(self, name, text):
        """A file that nobody else may read; its path."""
        path = self.folder / name
        path.touch(0o600)
        path.write_text(text)
        return str(path)

    def tenants(self, *entries):
        return self.file("tenants.json", json.dumps({"tenants": entries}))

    async def add(self, name, program, *options, **more):
        path = self.binaries / program
        if not (self.root / str(path).lstrip("/") if path.is_absolute() else path).exists():
            raise Failed(f"{path} is not built: swift build -c release --static-swift-stdlib --product {program}")
        member = Member(self, name, program, options, **more)
        self.members.append(member)
        await member.start()
        return member

    async def add_router(self, name, *options, port=0, **more):
        return await self.add(name, "router", "--publish", "tcp://127.0.0.1:0", *options, links=port, **more)

    async def add_worker(self, name, routers, *options, **more):
        return await self.add(name, "workerd", "--routers", routers, *options, **more)

    async def add_frontend(self, name, routers, *options, **more):
        return await self.add(name, "frontend", "--routers", routers, "--publish", "tcp://127.0.0.1:0", *options, http=0, **more)

    async def up(self, workers=2, worker_options=(), frontend_options=(), router_options=()):
        """A router, workers of one model, and a frontend that is ready; nothing was asked of the model."""
        self.router = await self.add_router("router", *router_options)
        routers = self.router.address
        self.workers = [await self.add_worker(f"worker-{number}", routers, *worker_options) for number in range(1, workers + 1)]
        self.frontend = await self.add_frontend("frontend", routers, *frontend_options)
        self.model = (await until_ready(self.frontend))[0]


async def until_ready(frontend, models=(), key=None):
    """Until the frontend says that it is ready and has any model, and each of these answers: what is known may not be reached yet. The models that it has."""
    seconds, known, silent = frontend.cluster.ready_seconds, [], list(models)
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            status, body = await once(frontend.http, "/v1/models", key=key)
            known = [model["id"] for model in json.loads(body)["data"]] if status == 200 else []
            if known and (await once(frontend.admin, "/readyz"))[0] == 200:
                silent = [model for model in silent if not await answers(frontend, model, key)]
                if not silent:
                    return known
        except (Cut, Hung):
            pass
        await asyncio.sleep(0.1)
    raise Failed(f"{frontend.name} is not ready after {seconds} s; it has {known}, and these do not answer: {silent}\n{frontend.last_words()}")


async def answers(frontend, model, key):
    return (await once(frontend.http, "/v1/completions", {"model": model, "prompt": "Hello", "max_tokens": 1}, key))[0] == 200
