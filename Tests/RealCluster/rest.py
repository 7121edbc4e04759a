"""Whether a cluster that nothing is asked of holds nothing, by what its processes say of themselves on /debug/state.

The same figures as `ClusterHarness/Chaos/RestCheck.swift` reads for the drills.
"""

import asyncio
import time

from talk import Cut, Hung, state

# What is being given back takes well under a second; what a process that died has left behind is judged after some.
REST_SECONDS = 30


def frontend(found, count):
    count(found, "requests", "streams", "legs", "kept_frames", "buffered_bytes")
    for tenant in found["tenants"]:
        count(tenant, "running", "running_elsewhere")
    for router in found["routers"]:
        count(router, "open_plans")
    for worker in found["workers"]:
        count(worker, "requests", "legs", "unsent_bytes")


def router(found, count):
    count(found, "leases")
    count(found["sessions"], "opening")
    count(found["index"], "active_blocks", "predicted_blocks")
    for queue in found["queues"]:
        count(queue, "requests", "tokens")
    for worker in found["workers"]:
        for rank in worker["ranks"]:
            count(rank, "waiting_tokens", "waiting_requests", "running_requests", "active_blocks", "leases", "leased_prefill_tokens")
    for each in found["frontends"]:
        count(each, "unsent_bytes")
    for peer in found["peers"]:
        count(peer, "bookings")


def workerd(found, count):
    count(found, "requests", "closing", "rooms", "kv_bytes")
    for rank in found["ranks"]:
        count(rank, "waiting_tokens", "waiting_requests", "running_requests", "active_blocks")


ROLES = {"frontend": frontend, "router": router, "workerd": workerd}


async def held_by(member):
    """What it holds, in words. A figure that it does not tell is as bad as one that is not nought."""
    held = []

    def count(part, *names):
        for name in names:
            if part.get(name) != 0:
                held.append(f"{member.name} holds {part.get(name, 'it does not tell how many')} {name.replace('_', ' ')}")

    try:
        ROLES[member.program](await state(member), count)
    except (Cut, Hung, KeyError) as problem:
        held.append(f"{member.name} does not say what it holds: {problem!r}")
    return held


async def until_at_rest(members, seconds=REST_SECONDS):
    """Waits until nothing is held by any of them; what is still held at the end."""
    end = time.monotonic() + seconds
    while True:
        held = [line for member in members if member.runs for line in await held_by(member)]
        if not held or time.monotonic() > end:
            return held
        await asyncio.sleep(0.2)
