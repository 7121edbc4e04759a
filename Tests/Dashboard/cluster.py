"""A small cluster with both kinds of workers, two routers, two frontends and two tenants; real processes, ended on every path."""

import hashlib
import importlib.util
import json
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

# The helpers of the kit, whose file has the same name.
_specification = importlib.util.spec_from_file_location("kit_cluster", Path(__file__).resolve().parent.parent / "DeploymentKit/cluster.py")
kit = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(kit)

# Of the second frontend's admin side; the first asks for none.
ADMIN_TOKEN = "token-of-the-dashboard-test-0123456789"
KEYS = {"interactive": "key-of-interactive-clients", "batch": "key-of-batch-clients"}
MODEL = "apus-mock"
# Of each worker.
BLOCKS = 4096


def get_json(url):
    status, text = kit.get(url)
    if status != 200:
        raise OSError(f"{url}: {status} {text[:200]}")
    return json.loads(text)


class Cluster:
    def __init__(self, binaries, processes, folder):
        self.processes = processes
        ports = kit.free_ports(6 + 6 + 4)
        self.routers, self.frontends, self.workers = [ports[0:3], ports[3:6]], [ports[6:9], ports[9:12]], ports[12:16]
        secret, tenants = folder / "secret", folder / "tenants.json"
        secret.write_text("a secret of the dashboard's test\n")
        secret.chmod(0o600)
        tenants.write_text(json.dumps({"tenants": [
            {"name": name, "keys": ["sha256:" + hashlib.sha256(key.encode()).hexdigest()], "mayPinWorkers": True} for name, key in KEYS.items()]}))
        tenants.chmod(0o600)
        token = folder / "admin-token"
        token.write_text(f"{ADMIN_TOKEN}\n")
        token.chmod(0o600)
        known = ",".join(f"tcp://127.0.0.1:{ports[0]}" for ports in self.routers)
        common = ["--cluster-secret-file", secret, "--log-format", "json"]
        for index, (links, publish, admin) in enumerate(self.routers):
            processes.start(f"router-{index + 1}", [
                f"{binaries}/router", "--name", f"router-{index + 1}", "--listen", f"tcp://127.0.0.1:{links}", "--publish", f"tcp://127.0.0.1:{publish}",
                "--admin-listen", f"127.0.0.1:{admin}", "--peers", known, *common])
        for index, admin in enumerate(self.workers):
            role = "prefill" if index < 2 else "decode"
            processes.start(f"worker-{index + 1}", [
                f"{binaries}/workerd", "--name", f"{role}-{index % 2 + 1}", "--routers", known, "--role", role, "--admin-listen", f"127.0.0.1:{admin}",
                "--blocks", BLOCKS, *common])
        for index, (http, admin, publish) in enumerate(self.frontends):
            processes.start(f"frontend-{index + 1}", [
                f"{binaries}/frontend", "--name", f"frontend-{index + 1}", "--routers", known, "--listen", f"127.0.0.1:{http}",
                "--admin-listen", f"127.0.0.1:{admin}", "--publish", f"tcp://127.0.0.1:{publish}", "--tenants-file", tenants, *common,
                *(["--admin-token-file", token] if index == 1 else [])])

    def admin(self, index=0):
        return f"http://127.0.0.1:{self.frontends[index][1]}"

    def until_ready(self):
        end = time.monotonic() + kit.READY_SECONDS
        while time.monotonic() < end and not self.processes.ended():
            workers = [len(get_json(f"http://127.0.0.1:{ports[2]}/debug/state")["state"]["workers"]) for ports in self.routers if kit.get(f"http://127.0.0.1:{ports[2]}/livez")[0]]
            if workers == [4, 4] and all(kit.get(f"{self.admin(index)}/readyz")[0] == 200 for index in (0, 1)):
                return True
            time.sleep(0.2)
        return False

    def ask(self, text, tokens=24, tenant="interactive", label=None, frontend=0, pins=None):
        """One chat: its status."""
        body = {"model": MODEL, "max_tokens": tokens, "ignore_eos": True, "messages": [{"role": "user", "content": text}]}
        if pins:
            body["nvext"] = pins
        headers = {"content-type": "application/json", "authorization": f"Bearer {KEYS[tenant]}"}
        if label:
            headers["x-request-id"] = label
        request = urllib.request.Request(f"http://127.0.0.1:{self.frontends[frontend][0]}/v1/chat/completions", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


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
            status = cluster.ask(f"{beginning} Question {turn} of client {index}.", 16 + 8 * (turn % 4), ["interactive", "batch"][index % 2], frontend=index % 2)
            self.statuses.append(status)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(70)
