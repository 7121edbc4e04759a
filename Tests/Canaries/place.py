"""A cluster to whose every process something is told that nobody else may learn, at the level of logs that tells most."""

import hashlib
import json
from pathlib import Path

from members import free_ports
from talk import until_ready

ROOT = Path(__file__).resolve().parent.parent.parent
BYTES, WORDS, FAILING, DEADLY = "plain", "tiny", "failing", "deadly"
PACE = ["--mock-decode-step", "10ms", "--mock-prefill-token", "1us"]
# Slow enough that something can happen to a process in the middle of an answer.
SLOW = ["--mock-decode-step", "25ms", "--mock-prefill-token", "1us"]
TALKATIVE = ["--log-level", "trace"]
# Documented to be seen: ids and names by which operators find a request. That they are found shows that what is captured is what is meant.
TENANT = "canary-tenant"


class Place:
    def __init__(self, cluster, canaries, collector):
        self.cluster, self.canaries, self.collector, self.folder = cluster, canaries, collector, cluster.folder

    def secret_file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    async def build(self):
        canary = self.canaries
        self.key, self.second_key = "apus-" + canary("a tenant's key"), "apus-" + canary("another tenant's key")
        digest = lambda key: "sha256:" + hashlib.sha256(key.encode()).hexdigest()
        entries = [{"name": TENANT, "keys": [digest(self.key)], "mayPinWorkers": True}, {"name": "second", "keys": [digest(self.second_key)], "tokensPerMinute": 200}]
        tenants = self.folder / "tenants.json"
        tenants.write_text(json.dumps({"tenants": entries}))
        self.secret = self.secret_file("secret", canary("the cluster's secret"))
        self.common = ["--cluster-secret-file", self.secret, "--otlp-endpoint", self.collector.url, *TALKATIVE]
        port = free_ports(1)[0]
        self.routers = f"tcp://127.0.0.1:{port}"
        self.router = await self.cluster.router("router", port, *self.common)
        says = self.folder / "says.json"
        says.write_text("\n".join(json.dumps(answer) for answer in (
            {"says": f"An answer with {canary('an answer')} in it."},
            {"when": ["weather"], "says": '<tool_call>\n{"name": "report", "arguments": {"city": "%s"}}\n</tool_call>' % canary("arguments that a model wrote")},
            {"when": ["think"], "thinks": f"A thought of {canary('a thought')}.", "says": "Thought."},
        )))  # fmt: skip
        tiny = ["--model", str(ROOT / "deploy/models/tiny"), "--mock-says", str(says), "--reasoning-format", "think"]
        await self.worker("bytes-1", BYTES, *SLOW)
        await self.worker("prefill", BYTES, *PACE, "--role", "prefill")
        await self.worker("decode", BYTES, *SLOW, "--role", "decode")
        await self.worker("tiny-1", WORDS, *PACE, *tiny)
        await self.worker("failing-1", FAILING, *PACE, "--fault-fail-at-token", "5")
        for number in (1, 2, 3):
            await self.worker(f"deadly-{number}", DEADLY, *PACE, "--fault-crash-at-token", "3")
        self.frontend = await self.cluster.frontend("frontend", self.routers, *self.common, "--tenants-file", str(tenants), "--session-cookie", "canary",
                                                    "--max-body-bytes", "65536")  # fmt: skip
        await until_ready(self.frontend, [BYTES, WORDS, FAILING, DEADLY], self.key)

    async def worker(self, name, model, *options, **more):
        return await self.cluster.worker(name, self.routers, "--model-name", model, *self.common, *options, **more)

    async def strangers(self):
        """Peers that know another secret, which is as little to be told; and one that knows none."""
        wrong = self.secret_file("wrong-secret", self.canaries("a wrong secret"))
        begun = []
        for name, program, more in (("stranger", "workerd", ["--cluster-secret-file", wrong]), ("nobody", "workerd", []), ("stranger-frontend", "frontend", ["--cluster-secret-file", wrong])):
            publish = ["--listen", "127.0.0.1:0"] if program == "frontend" else []
            begun.append(await self.cluster.add(name, program, "--routers", self.routers, "--publish", "tcp://127.0.0.1:0", *publish, *TALKATIVE, *more))
        return begun
