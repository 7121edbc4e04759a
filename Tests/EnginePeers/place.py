"""A cluster in front of engines: what is asked of it, and of the servers behind it."""

import json
import secrets
import sys
import time
from pathlib import Path

import rawhttp
from setups import MODEL

sys.path.append(str(Path(__file__).resolve().parent.parent / "GoldenClients"))

import cluster  # noqa: E402

# Its own limit is for engines that have nothing to load.
cluster.READY_SECONDS = 120

# That anything here may take to become true: servers share the machine with the tests.
SETTLE_SECONDS = 60
# That a server may take to end, start and be found again.
RETURN_SECONDS = 300


class Place:
    def __init__(self, setup, binaries, port, folder, runs_already=False):
        self.setup, self.cluster, self.runs_already = setup, cluster.Cluster(binaries), runs_already
        # Begins prompts that no earlier run has left in a cache.
        self.mark = secrets.token_hex(4)
        count = setup.workers if setup.server else 0
        # Each has ports for its cache events behind its own.
        self.servers = [setup.server(setup.engines, port + 10 * index, folder / f"server-{index}.log") for index in range(count)]

    def up(self):
        for server in [] if self.runs_already else self.servers:
            server.begin()
        for server in self.servers:
            server.ready()
        self.router = self.cluster.router("router")
        pairs = self.servers or [None] * self.setup.workers
        self.workers = [self.start_worker(f"worker-{index}", server) for index, server in enumerate(pairs)]
        self.frontend = self.cluster.frontend("frontend", self.router)
        for member in (*self.workers, self.frontend):
            member.ready()
        self.cluster.wait_for_models(self.frontend, [MODEL])
        self.wait("every worker takes work", lambda: all(worker["takes_work"] for worker in self.known_workers()))

    def start_worker(self, name, server):
        return self.cluster.worker(name, self.router, MODEL, *self.setup.worker_options(server))

    def down(self):
        self.cluster.down()
        for server in self.servers:
            server.kill()

    # Asking.

    def post(self, path, body, **more):
        return rawhttp.post(self.frontend.port("http"), path, {"model": MODEL, **body}, **more)

    def chat(self, question, **more):
        return self.post("/v1/chat/completions", {"messages": [{"role": "user", "content": question}], "temperature": 0, **more})

    def complete(self, prompt, count=16, **more):
        return self.post("/v1/completions", {"prompt": prompt, "max_tokens": count, "temperature": 0, **more})

    # Looking.

    def state(self, member):
        answer = rawhttp.get(member.port("admin"), "/debug/state")
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

    @staticmethod
    def logged(member, message):
        """The records of a process's log that say this."""
        records = [json.loads(line) for line in member.lines if line.startswith("{")]
        return [record for record in records if record["msg"] == message]

    def wait(self, sentence, holds, seconds=SETTLE_SECONDS):
        limit = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < limit, f"not after {seconds} s: {sentence}"
            time.sleep(0.1)
