"""A cluster in front of engines: what is asked of it, and of the servers behind it."""

import asyncio
import secrets
import time

import rawhttp
from members import Cluster, until_ready
from setups import MODEL

# An engine has a model to load.
READY_SECONDS = 120
# That anything here may take to become true: servers share the machine with the tests.
SETTLE_SECONDS = 60
# That a server may take to end, start and be found again.
RETURN_SECONDS = 300


class Place:
    def __init__(self, setup, binaries, port, folder, runs_already=False):
        self.setup, self.runs_already = setup, runs_already
        self.cluster = Cluster(binaries, folder, ready_seconds=READY_SECONDS)
        # Begins prompts that no earlier run has left in a cache.
        self.mark = secrets.token_hex(4)
        count = setup.workers if setup.server else 0
        # Each has ports for its cache events behind its own.
        self.servers = [setup.server(setup.engines, port + 10 * index, self.cluster.folder / f"server-{index}.log") for index in range(count)]

    def up(self):
        for server in [] if self.runs_already else self.servers:
            server.begin()
        for server in self.servers:
            server.ready()
        asyncio.run(self.start())
        self.wait("every worker takes work", lambda: all(worker["takes_work"] for worker in self.known_workers()))

    async def start(self):
        self.router = await self.cluster.add_router("router")
        pairs = self.servers or [None] * self.setup.workers
        self.workers = await asyncio.gather(*(self.start_worker(f"worker-{index}", server) for index, server in enumerate(pairs)))
        self.frontend = await self.cluster.add_frontend("frontend", self.router.address)
        await until_ready(self.frontend, [MODEL])

    def start_worker(self, name, server):
        return self.cluster.add_worker(name, self.router.address, "--model-name", MODEL, *self.setup.worker_options(server))

    def down(self):
        self.cluster.__exit__()
        for server in self.servers:
            server.kill()

    # Asking.

    def post(self, path, body, **more):
        return rawhttp.post(self.frontend.http, path, {"model": MODEL, **body}, **more)

    def chat(self, question, **more):
        return self.post("/v1/chat/completions", {"messages": [{"role": "user", "content": question}], "temperature": 0, **more})

    def complete(self, prompt, count=16, **more):
        return self.post("/v1/completions", {"prompt": prompt, "max_tokens": count, "temperature": 0, **more})

    # Looking.

    def state(self, member):
        answer = rawhttp.get(member.admin, "/debug/state")
        return answer.json()["state"]

    def known_workers(self):
        """As the router sees them."""
        names = [worker.name for worker in self.workers]
        workers = [worker for worker in self.state(self.router)["workers"] if worker["name"] in names]
        return workers if len(workers) == len(names) else [{"takes_work": False}]

    def running(self):
        """How many requests the servers run; None where nobody can know."""
        counts = [self.setup.running(server) for server in self.servers]
        return None if not counts or None in counts else sum(counts)

    def wait(self, sentence, holds, seconds=SETTLE_SECONDS):
        limit = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < limit, f"not after {seconds} s: {sentence}"
            time.sleep(0.1)
