"""The cluster of a soak: two of each process, tenants, a secret, and a pool whose prefill and decode are apart."""

import secrets

from members import free_ports, key_digest, until_ready

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


def tenants(cluster):
    """Their file, and their keys."""
    keys = {name: "soak-" + secrets.token_hex(16) for name in ("ample", "other", "scarce")}
    entries = [{"name": name, "keys": [key_digest(key)]} for name, key in keys.items()]
    entries[1]["weight"] = 2
    entries[2].update(tokensPerMinute=SCARCE, burstTokens=SCARCE)
    return cluster.tenants(*entries), keys


async def build(cluster):
    """Starts all of it; the keys of its tenants."""
    proof = ["--cluster-secret-file", cluster.file("secret", secrets.token_hex(16))]
    file, keys = tenants(cluster)
    # Each router is told of both.
    ports = free_ports(2)
    routers = ",".join(f"tcp://127.0.0.1:{port}" for port in ports)
    for number, port in enumerate(ports, 1):
        await cluster.add_router(f"router-{number}", "--peers", routers, *proof, *TIGHT_ROUTER, port=port)
    for name, (model, role) in WORKERS.items():
        await cluster.add_worker(name, routers, "--model-name", model, "--role", role, *proof, *PACE, *TIGHT_WORKER)
    for number in (1, 2):
        await cluster.add_frontend(f"frontend-{number}", routers, "--tenants-file", file, "--session-cookie", "soak", *proof, *TIGHT_FRONTEND)
    for frontend in cluster.of("frontend"):
        await until_ready(frontend, [WHOLE, SPLIT], keys["ample"])
    return keys
