"""The clusters that the golden clients are run against: release binaries on loopback, on ports that the system chooses."""

import hashlib
import json
import os
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from wire import get, post

ROOT = Path(__file__).resolve().parent.parent.parent
# From starting a process until it serves, and from then until its models are known everywhere.
READY_SECONDS = 30
# Of a process's log, for the message when it did not become ready.
KEPT_LINES = 200
LOOPBACK = ["--admin-listen", "127.0.0.1:0", "--publish", "tcp://127.0.0.1:0"]
# Of the same pace at every load, and quick: what is asked here is what comes, not when.
PACE = ["--mock-decode-step", "2ms", "--mock-prefill-token", "1us"]
# Longer between two tokens than its clients wait.
HALTING = ["--mock-decode-step", "4s", "--mock-prefill-token", "1us"]
# Slow enough that a client can do something else in the middle of an answer.
SLOW = ["--mock-decode-step", "100ms", "--mock-prefill-token", "1us"]


class NotReady(Exception):
    pass


class Member:
    """A process of a cluster, with what it has logged. One that `returns` is started again when it has ended."""

    def __init__(self, name, path, options, returns=False):
        self.name, self.returns, self.lines, self.addresses = name, returns, [], {}
        self.command = [path, "--name", name, "--log-format", "json", *options]
        self.serving, self.changing = threading.Event(), threading.Lock()
        self.begin()
        threading.Thread(target=self.follow, daemon=True).start()

    def begin(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def follow(self):
        while True:
            self.read()
            with self.changing:
                if not self.returns:
                    return
                self.process.wait()
                self.begin()

    def stop(self):
        with self.changing:
            self.returns = False
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def read(self):
        for line in self.process.stderr:
            self.lines = [*self.lines[1 - KEPT_LINES :], line.decode(errors="replace").rstrip()]
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if record.get("level") == "info":
                self.addresses.update({k: v for k, v in record.items() if k in ("http", "admin", "links")})
            if record.get("msg") == "serving":
                self.serving.set()
        # Whoever waits for a process that is over need not wait on.
        self.serving.set()

    def ready(self):
        if not self.serving.wait(READY_SECONDS) or self.process.poll() is not None:
            raise NotReady(f"{self.name} does not serve:\n" + "\n".join(self.lines[-8:]))
        return self

    def port(self, what):
        return int(self.addresses[what].rsplit(":", 1)[1])

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port('http')}"


class Cluster:
    def __init__(self, binaries):
        self.binaries, self.members = binaries, []

    def start(self, name, program, *options, returns=False):
        path = self.binaries / program
        if not path.exists():
            raise NotReady(f"{path} is not built; deploy/dev/clients builds it unless it is told where the programs are")
        member = Member(name, path, options, returns)
        self.members.append(member)
        return member

    def router(self, name, *options):
        return self.start(name, "router", "--listen", "tcp://127.0.0.1:0", *LOOPBACK, *options).ready()

    def worker(self, name, router, model, *options, returns=False):
        routers = f"tcp://127.0.0.1:{router.port('links')}"
        return self.start(name, "workerd", "--routers", routers, "--model-name", model, *LOOPBACK, *options, returns=returns)

    def frontend(self, name, router, *options):
        routers = f"tcp://127.0.0.1:{router.port('links')}"
        return self.start(name, "frontend", "--routers", routers, "--listen", "127.0.0.1:0", *LOOPBACK, *options)

    def wait_for_models(self, frontend, models, key=None):
        """Until the frontend says that it is ready, serves exactly these, and each of them answers: what is known may not be reached yet."""
        port, limit = frontend.port("http"), time.monotonic() + READY_SECONDS
        known, silent = [], sorted(models)
        while time.monotonic() < limit:
            status, body = get(port, "/v1/models", key)
            known = sorted(model["id"] for model in json.loads(body)["data"]) if status == 200 else []
            if known == sorted(models) and get(frontend.port("admin"), "/readyz")[0] == 200:
                silent = [model for model in silent if not self.answers(port, model, key)]
                if not silent:
                    return
            time.sleep(0.05)
        raise NotReady(f"{frontend.name} has the models {known} of {sorted(models)}, of which {silent} do not answer after {READY_SECONDS} s")

    @staticmethod
    def answers(port, model, key):
        body = {"model": model, "prompt": "Hello", "max_tokens": 1}
        return post(port, "/v1/completions", json.dumps(body).encode(), key=key)[0] == 200

    def down(self):
        for member in self.members:
            member.stop()


class Places:
    """What the clients need: a cluster that answers, and some that refuse or fail in known ways.

    Models of the first: `apus-mock` speaks bytes; `tiny` has a vocabulary, a chat template and scripted answers; `slow` takes its time. Of one
    that breaks: `failing`, whose engine fails at the ninth token, and `deadly`, which ends its worker at the third; their workers come again;
    and `halting`, which halts behind its first token. Of one that is soon full: `full`, with room for one request.
    """

    models = ["apus-mock", "slow", "tiny"]

    def __init__(self, binaries):
        self.cluster = Cluster(binaries)
        try:
            self.start(self.cluster)
        except BaseException:
            self.cluster.down()
            raise

    def start(self, cluster):
        # The tiny model's template shows how it calls tools, and not how it thinks.
        answers = ["--mock-says", str(Path(__file__).parent / "answers.jsonl"), "--reasoning-format", "think"]
        router = cluster.router("router")
        # A rank with any block in use is full, and nobody waits for it: what comes besides is told to come again.
        full_router = cluster.router("full-router", "--queue-entries", "0", "--busy-blocks", "0.001")
        broken_router = cluster.router("broken-router")
        members = [cluster.worker(f"worker-{i}", router, "apus-mock", *PACE) for i in (1, 2)]
        members += [
            cluster.worker("tiny-worker", router, "tiny", "--model", str(ROOT / "deploy/models/tiny"), *PACE, *answers),
            cluster.worker("slow-worker", router, "slow", *SLOW),
            cluster.worker("full-worker", full_router, "full", *SLOW, "--blocks", "512"),
            cluster.worker("failing-worker", broken_router, "failing", *PACE, "--fault-fail-at-token", "9", returns=True),
            cluster.worker("halting-worker", broken_router, "halting", *HALTING),
        ]
        # As many as a request may take down with it, and one that is left over.
        for i in (1, 2, 3):
            members.append(cluster.worker(f"deadly-{i}", broken_router, "deadly", *PACE, "--fault-crash-at-token", "3", returns=True))
        self.main = cluster.frontend("frontend", router)
        self.one_at_once = cluster.frontend("one-at-once", router, "--max-requests", "1")
        self.full = cluster.frontend("full", full_router)
        self.broken = cluster.frontend("broken", broken_router)
        for member in [*members, self.main, self.one_at_once, self.full, self.broken]:
            member.ready()
        for frontend, models in (
            (self.main, self.models), (self.one_at_once, self.models), (self.full, ["full"]), (self.broken, ["deadly", "failing", "halting"]),
        ):  # fmt: skip
            cluster.wait_for_models(frontend, models)
        self.start_guarded(cluster)

    def start_guarded(self, cluster):
        """A cluster whose clients need keys. They are drawn here, and stand in no file and no command."""
        self.folder = tempfile.TemporaryDirectory()
        secret, tenants = Path(self.folder.name, "secret"), Path(self.folder.name, "tenants.json")
        self.keys = {"any": secrets.token_hex(16), "narrow": secrets.token_hex(16)}
        entries = [
            {"name": "any", "keys": ["sha256:" + hashlib.sha256(self.keys["any"].encode()).hexdigest()]},
            {"name": "narrow", "keys": ["sha256:" + hashlib.sha256(self.keys["narrow"].encode()).hexdigest()], "models": ["other"], "maxRunning": 1},
        ]
        tenants.write_text(json.dumps({"tenants": entries}))
        secret.write_text(secrets.token_hex(16))
        secret.chmod(0o600)
        proof = ["--cluster-secret-file", str(secret)]
        router = cluster.router("guarded-router", *proof)
        worker = cluster.worker("guarded-worker", router, "apus-mock", *PACE, *proof)
        other = cluster.worker("guarded-other", router, "other", *SLOW, *proof)
        self.guarded = cluster.frontend("guarded", router, "--tenants-file", str(tenants), *proof)
        for member in (worker, other, self.guarded):
            member.ready()
        cluster.wait_for_models(self.guarded, ["apus-mock", "other"], self.keys["any"])

    def environment(self):
        """For the clients: where what is."""
        places = ("main", "one_at_once", "full", "broken", "guarded")
        urls = {place: getattr(self, place).url for place in places}
        return {**os.environ, "APUS_GOLDEN_URLS": json.dumps(urls), "APUS_GOLDEN_KEYS": json.dumps(self.keys)}
