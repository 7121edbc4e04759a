"""A small cluster with both kinds of workers, two routers, two frontends and two tenants, and clients that keep it busy."""

import asyncio
import json
import threading
import time

import members
from members import free_ports, key_digest
from processes import Failed
from talk import PATIENCE, Cut, Hung, ask, once, state

# From the last process that serves until all of them know one another.
READY_SECONDS = 60
# Of the second frontend's admin side; the first asks for none.
ADMIN_TOKEN = "token-of-the-dashboard-test-0123456789"
KEYS = {"interactive": "key-of-interactive-clients", "batch": "key-of-batch-clients"}
MODEL = "apus-mock"
WORKERS = {"prefill-1": "prefill", "prefill-2": "prefill", "decode-1": "decode", "decode-2": "decode"}
# Of each worker.
BLOCKS = 4096


def get_json(port, path):
    status, text = ask(port, path)
    if status != 200:
        raise OSError(f"{path} on {port}: {status} {text[:200]}")
    return json.loads(text)


class Cluster(members.Cluster):
    async def start_all(self):
        tenants = self.tenants(*({"name": name, "keys": [key_digest(key)], "mayPinWorkers": True} for name, key in KEYS.items()))
        proof = ["--cluster-secret-file", self.file("secret", "a secret of the dashboard's test\n")]
        # Each router is told of both.
        ports = free_ports(2)
        routers = ",".join(f"tcp://127.0.0.1:{port}" for port in ports)
        for number, port in enumerate(ports, 1):
            await self.add_router(f"router-{number}", "--peers", routers, *proof, port=port)
        for name, role in WORKERS.items():
            await self.add_worker(name, routers, "--role", role, "--blocks", BLOCKS, *proof)
        guarded = ["--admin-token-file", self.file("admin-token", f"{ADMIN_TOKEN}\n")]
        for number, more in enumerate(([], guarded), 1):
            await self.add_frontend(f"frontend-{number}", routers, "--tenants-file", tenants, *proof, *more)
        await self.until_ready()

    async def until_ready(self):
        """Until both routers know all workers, and both frontends say that they are ready."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            try:
                known = [len((await state(router))["workers"]) for router in self.of("router")]
                ready = [(await once(frontend.admin, "/readyz"))[0] for frontend in self.of("frontend")]
                if known == [len(WORKERS)] * 2 and ready == [200] * 2:
                    return
            except (Cut, Hung):
                pass
            await asyncio.sleep(0.2)
        raise Failed(f"the cluster is not ready after {READY_SECONDS} s:\n{self.last_words()}")

    def admin(self, number=1):
        return f"http://127.0.0.1:{self[f'frontend-{number}'].admin}"

    def ask(self, text, tokens=24, tenant="interactive", label=None, frontend=1, pins=None):
        """One chat: its status."""
        body = {"model": MODEL, "max_tokens": tokens, "ignore_eos": True, "messages": [{"role": "user", "content": text}]}
        if pins:
            body["nvext"] = pins
        headers = [("x-request-id", label)] if label else []
        return ask(self[f"frontend-{frontend}"].http, "/v1/chat/completions", body, KEYS[tenant], headers)[0]


class Traffic:
    """Clients that ask one thing after the other, with prompts that begin alike in groups, until they are told to stop."""

    def __init__(self, cluster, clients=6):
        self.stopping, self.statuses = threading.Event(), []
        self.threads = [threading.Thread(target=self._ask, args=(cluster, index), daemon=True) for index in range(clients)]
        for thread in self.threads:
            thread.start()

    def _ask(self, cluster, index):
        beginning = f"You are assistant number {index % 3}. " + "Answer with care, and briefly, and name your sources. " * 24
        turn = 0
        while not self.stopping.is_set():
            turn += 1
            question = f"{beginning} Question {turn} of client {index}."
            self.statuses.append(cluster.ask(question, 16 + 8 * (turn % 4), ["interactive", "batch"][index % 2], frontend=1 + index % 2))

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(PATIENCE)
