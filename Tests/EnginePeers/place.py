"""A cluster in front of engines: what is asked of it, and of the servers behind it."""

import json
import sys
import time
from pathlib import Path

import rawhttp
from setups import MODEL

sys.path.append(str(Path(__file__).resolve().parent.parent / "GoldenClients"))

from cluster import Cluster  # noqa: E402

# That anything here may take to become true: servers share the machine with the tests.
SETTLE_SECONDS = 60
# That a server may take to end, start and be found again.
RETURN_SECONDS = 300


class Place:
    def __init__(self, setup, binaries, port, folder, runs_already=False):
        self.setup, self.cluster, self.runs_already = setup, Cluster(binaries), runs_already
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
        self.workers = [
            self.cluster.worker(f"worker-{index}", self.router, MODEL, *self.setup.worker_options(server)) for index, server in enumerate(pairs)
        ]
        self.frontend = self.cluster.frontend("frontend", self.router)
        for member in (*self.workers, self.frontend):
            member.ready()
        self.cluster.wait_for_models(self.frontend, [MODEL])
        self.wait("every worker takes work", lambda: all(worker["takes_work"] for worker in self.known_workers()))

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
        workers = self.state(self.router)["workers"]
        return workers if len(workers) == len(self.workers) else [{"takes_work": False}]

    def running(self):
        return sum(self.setup.running(server) for server in self.servers)

    def logged(self, word):
        """Lines of the workers' logs with this word, as records."""
        return [json.loads(line) for worker in self.workers for line in worker.lines if word in line and line.startswith("{")]

    def wait(self, sentence, holds, seconds=SETTLE_SECONDS):
        limit = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < limit, f"not after {seconds} s: {sentence}"
            time.sleep(0.1)
