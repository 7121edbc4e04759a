"""A cluster to whose every process something is told that nobody else may learn, at the level of logs that tells most."""

import json
from pathlib import Path

from members import key_digest, until_ready

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

    async def build(self):
        canary = self.canaries
        self.key, self.second_key = "apus-" + canary("a tenant's key"), "apus-" + canary("another tenant's key")
        tenants = self.cluster.tenants(
            {"name": TENANT, "keys": [key_digest(self.key)], "mayPinWorkers": True},
            {"name": "second", "keys": [key_digest(self.second_key)], "tokensPerMinute": 200})  # fmt: skip
        self.secret = self.cluster.file("secret", canary("the cluster's secret"))
        self.common = ["--cluster-secret-file", self.secret, "--otlp-endpoint", self.collector.url, *TALKATIVE]
        self.routers = (await self.cluster.add_router("router", *self.common)).address
        says = self.cluster.file("says.json", "\n".join(json.dumps(answer) for answer in (
            {"says": f"An answer with {canary('an answer')} in it."},
            {"when": ["weather"], "says": '<tool_call>\n{"name": "report", "arguments": {"city": "%s"}}\n</tool_call>' % canary("arguments that a model wrote")},
            {"when": ["think"], "thinks": f"A thought of {canary('a thought')}.", "says": "Thought."},
        )))  # fmt: skip
        tiny = ["--model", str(ROOT / "deploy/models/tiny"), "--mock-says", says, "--reasoning-format", "think"]
        await self.worker("bytes-1", BYTES, *SLOW)
        await self.worker("prefill", BYTES, *PACE, "--role", "prefill")
        await self.worker("decode", BYTES, *SLOW, "--role", "decode")
        await self.worker("tiny-1", WORDS, *PACE, *tiny)
        await self.worker("failing-1", FAILING, *PACE, "--fault-fail-at-token", "5")
        for number in (1, 2, 3):
            await self.worker(f"deadly-{number}", DEADLY, *PACE, "--fault-crash-at-token", "3")
        self.frontend = await self.cluster.add_frontend("frontend", self.routers, *self.common, "--tenants-file", tenants, "--session-cookie", "canary",
                                                    "--max-body-bytes", "65536")  # fmt: skip
        await until_ready(self.frontend, [BYTES, WORDS, FAILING, DEADLY], self.key)

    async def worker(self, name, model, *options, **more):
        return await self.cluster.add_worker(name, self.routers, "--model-name", model, *self.common, *options, **more)

    async def strangers(self):
        """Peers that know another secret, which is as little to be told; and one that knows none."""
        wrong = [*TALKATIVE, "--cluster-secret-file", self.cluster.file("wrong-secret", self.canaries("a wrong secret"))]
        return [
            await self.cluster.add_worker("stranger", self.routers, *wrong), await self.cluster.add_worker("nobody", self.routers, *TALKATIVE),
            await self.cluster.add_frontend("stranger-frontend", self.routers, *wrong),
        ]  # fmt: skip
