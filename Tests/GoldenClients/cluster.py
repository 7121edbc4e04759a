"""The clusters that the golden clients are run against: release binaries on loopback, on ports that the system chooses."""

import asyncio
import contextlib
import json
import os
import secrets
import threading
from pathlib import Path

from members import Cluster, key_digest, until_ready

ROOT = Path(__file__).resolve().parent.parent.parent
# How soon a process that comes again is found to have ended.
LOOK_SECONDS = 0.02
# Of the same pace at every load, and quick: what is asked here is what comes, not when.
PACE = ["--mock-decode-step", "2ms", "--mock-prefill-token", "1us"]
# Longer between two tokens than its clients wait.
HALTING = ["--mock-decode-step", "4s", "--mock-prefill-token", "1us"]
# Slow enough that a client can do something else in the middle of an answer.
SLOW = ["--mock-decode-step", "100ms", "--mock-prefill-token", "1us"]


class Places:
    """What the clients need: a cluster that answers, and some that refuse or fail in known ways.

    Models of the first: `apus-mock` speaks bytes; `tiny` has a vocabulary, a chat template and scripted answers; `slow` takes its time. Of one
    that breaks: `failing`, whose engine fails at the ninth token, and `deadly`, which ends its worker at the third; their workers come again;
    and `halting`, which halts behind its first token. Of one that is soon full: `full`, with room for one request.
    """

    models = ["apus-mock", "slow", "tiny"]

    def __init__(self, cluster):
        self.cluster, self.returning = cluster, []

    async def start(self):
        # The tiny model's template shows how it calls tools, and not how it thinks.
        answers = ["--mock-says", str(Path(__file__).parent / "answers.jsonl"), "--reasoning-format", "think"]
        router = await self.cluster.add_router("router")
        # A rank with any block in use is full, and nobody waits for it: what comes besides is told to come again.
        full_router = await self.cluster.add_router("full-router", "--queue-entries", "0", "--busy-blocks", "0.001")
        broken_router = await self.cluster.add_router("broken-router")
        started = await asyncio.gather(
            self.frontend("frontend", router), self.frontend("one-at-once", router, "--max-requests", "1"),
            self.frontend("full", full_router), self.frontend("broken", broken_router),
            self.worker("failing-worker", broken_router, "failing", *PACE, "--fault-fail-at-token", "9"),
            # As many as a request may take down with it, and one that is left over.
            *(self.worker(f"deadly-{i}", broken_router, "deadly", *PACE, "--fault-crash-at-token", "3") for i in (1, 2, 3)),
            *(self.worker(f"worker-{i}", router, "apus-mock", *PACE) for i in (1, 2)),
            self.worker("tiny-worker", router, "tiny", "--model", str(ROOT / "deploy/models/tiny"), *PACE, *answers),
            self.worker("slow-worker", router, "slow", *SLOW), self.worker("full-worker", full_router, "full", *SLOW, "--blocks", "512"),
            self.worker("halting-worker", broken_router, "halting", *HALTING),
        )  # fmt: skip
        self.main, self.one_at_once, self.full, self.broken, *self.returning = started[:8]
        for frontend, models in (
            (self.main, self.models), (self.one_at_once, self.models), (self.full, ["full"]), (self.broken, ["deadly", "failing", "halting"]),
        ):  # fmt: skip
            await until_ready(frontend, models)
        await self.start_guarded()

    async def start_guarded(self):
        """A cluster whose clients need keys. They are drawn here, and stand in no file and no command."""
        self.keys = {"any": secrets.token_hex(16), "narrow": secrets.token_hex(16)}
        tenants = self.cluster.tenants(
            {"name": "any", "keys": [key_digest(self.keys["any"])]},
            {"name": "narrow", "keys": [key_digest(self.keys["narrow"])], "models": ["other"], "maxRunning": 1})  # fmt: skip
        proof = ["--cluster-secret-file", self.cluster.file("secret", secrets.token_hex(16))]
        router = await self.cluster.add_router("guarded-router", *proof)
        self.guarded, *_ = await asyncio.gather(
            self.frontend("guarded", router, "--tenants-file", tenants, *proof), self.worker("guarded-worker", router, "apus-mock", *PACE, *proof),
            self.worker("guarded-other", router, "other", *SLOW, *proof))  # fmt: skip
        await until_ready(self.guarded, ["apus-mock", "other"], self.keys["any"])

    def frontend(self, name, router, *options):
        return self.cluster.add_frontend(name, router.address, *options)

    def worker(self, name, router, model, *options):
        return self.cluster.add_worker(name, router.address, "--model-name", model, *options)

    def keep(self, over):
        """Starts again what is meant to come again."""
        while not over.wait(LOOK_SECONDS):
            for member in self.returning:
                if not member.runs:
                    member.begin()

    def environment(self):
        """For the clients: where what is."""
        places = ("main", "one_at_once", "full", "broken", "guarded")
        urls = {place: getattr(self, place).url for place in places}
        return {**os.environ, "APUS_GOLDEN_URLS": json.dumps(urls), "APUS_GOLDEN_KEYS": json.dumps(self.keys)}


@contextlib.contextmanager
def standing(binaries):
    """The places, which stand until the block ends."""
    with Cluster(binaries) as cluster:
        places, over = Places(cluster), threading.Event()
        asyncio.run(places.start())
        keeper = threading.Thread(target=places.keep, args=(over,), daemon=True)
        keeper.start()
        try:
            yield places
        finally:
            over.set()
            keeper.join()
