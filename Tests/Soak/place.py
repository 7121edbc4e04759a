"""The cluster of a soak: two of each process, tenants, a secret, and a pool whose prefill and decode are apart."""

import hashlib
import json
import secrets

from members import free_ports
from talk import until_ready

# What is bounded by memory is bounded tightly, so that all of it is full before the warm-up ends: what grows then is a leak.
TIGHT_FRONTEND = ["--prompt-memory-bytes", "1048576"]
TIGHT_ROUTER = ["--decision-memory", "1MiB", "--ring-size", "1MiB"]
TIGHT_WORKER = ["--blocks", "1024", "--ring-size", "1MiB", "--ring-events", "2048", "--session-ttl", "20s"]
# Of the same pace at every load.
PACE = ["--mock-decode-step", "10ms", "--mock-prefill-token", "20us"]
WHOLE, SPLIT = "whole", "split"
# The first of each kind lives as long as the run does. The others are what faults are for; prefill and decode take turns, half a run each.
STEADY = ["router-1", "worker-1", "frontend-1"]
SHAKEN = ["router-2", "worker-2", "frontend-2"]
# Two of what a stream cannot go on without: where the last one ends, what runs on it fails.
WORKERS = {
    "worker-1": (WHOLE, "aggregated"), "worker-2": (WHOLE, "aggregated"),
    "prefill": (SPLIT, "prefill"), "decode": (SPLIT, "decode"), "decode-2": (SPLIT, "decode"),
}  # fmt: skip
# A tenant that is often turned away, in tokens a minute.
SCARCE = 3000


def tenants(folder):
    keys = {name: "soak-" + secrets.token_hex(16) for name in ("ample", "other", "scarce")}
    entries = [{"name": name, "keys": ["sha256:" + hashlib.sha256(key.encode()).hexdigest()]} for name, key in keys.items()]
    entries[1]["weight"] = 2
    entries[2].update(tokensPerMinute=SCARCE, burstTokens=SCARCE)
    (folder / "tenants.json").write_text(json.dumps({"tenants": entries}))
    return keys


async def build(cluster):
    """Starts all of it; the keys of its tenants."""
    secret = cluster.folder / "secret"
    secret.write_text(secrets.token_hex(16))
    secret.chmod(0o600)
    proof = ["--cluster-secret-file", str(secret)]
    keys = tenants(cluster.folder)
    ports = free_ports(2)
    routers = ",".join(f"tcp://127.0.0.1:{port}" for port in ports)
    for number, port in enumerate(ports, 1):
        await cluster.router(f"router-{number}", port, "--peers", routers, *proof, *TIGHT_ROUTER)
    for name, (model, role) in WORKERS.items():
        await cluster.worker(name, routers, "--model-name", model, "--role", role, *proof, *PACE, *TIGHT_WORKER)
    for number in (1, 2):
        await cluster.frontend(f"frontend-{number}", routers, "--tenants-file", str(cluster.folder / "tenants.json"), "--session-cookie", "soak",
                               *proof, *TIGHT_FRONTEND)  # fmt: skip
    for frontend in cluster.of("frontend"):
        await until_ready(frontend, [WHOLE, SPLIT], keys["ample"])
    return keys
