"""What a process keeps of a load that is over.

Caches are meant to be kept: a worker's of KV blocks, the router's index of them, the frontend's memory of prompts, the last events of every
stream for replay. They have bounds, and are filled before anything is measured, so that what is found afterwards beside them is what was not
given back.
"""

import asyncio
import time

from clients import ask, judge
from load import prompt
from talk import metric

# Tokens of prompts, and users at once.
STAGES = [(1_000, 4), (4_000, 64), (16_000, 512), (56_000, 2_048)]
WITHIN = 60
BLOCKS, BLOCK_TOKENS = 32_768, 64
# What is kept of the past, so small that what fills the caches fills that too.
PROMPT_MEMORY, RING, DECISIONS = 4 << 20, 1 << 20, 64 << 10
FILLS = 12
MOST = 1.25
# Reading resident pages says what was touched, a few pages more or less.
MEBIBYTE = 1 << 20


async def memory(cluster, report, scale):
    """Prompts of a thousand to 56 thousand tokens by 4 to 2,048 users, then nothing: what every process holds then, beside what it held before."""
    cold = {member.name: member.resident() for member in cluster.members}
    warm = await fill(cluster)
    await asyncio.sleep(6)
    idle = {member.name: member.resident() for member in cluster.members}
    replies, most, number = list(warm), dict(idle), 0
    for length, users in STAGES:
        users = max(4, users // scale)
        base, number = number, number + users
        tasks = [asyncio.create_task(ask(cluster, prompt(base + i, length), 8, patience=400)) for i in range(users)]
        while not all(task.done() for task in tasks):
            await asyncio.wait(tasks, timeout=0.5)
            most = {member.name: max(most[member.name], member.resident()) for member in cluster.members}
        replies += [task.result() for task in tasks]
    judge(report, "memory", replies)
    ended, settled = time.monotonic(), {}
    while time.monotonic() - ended < WITHIN and len(settled) < len(idle):
        await asyncio.sleep(1)
        for member in cluster.members:
            if member.name not in settled and member.resident() <= MOST * idle[member.name]:
                settled[member.name] = time.monotonic() - ended
    for member in cluster.members:
        now, before = member.resident(), idle[member.name]
        after = f"after {settled[member.name]:.0f} s" if member.name in settled else "not within 60 s"
        report.figure(
            "memory", f"{member.name}: MiB at the start; idle with full caches; at most; now",
            f"{cold[member.name] / MEBIBYTE:.1f}; {before / MEBIBYTE:.1f}; {most[member.name] / MEBIBYTE:.1f}; {now / MEBIBYTE:.1f} ({now / before:.2f}x, {after})",
            f"at most {MOST}x", member.name in settled)  # fmt: skip


async def fill(cluster):
    """Prompts that nobody asks again, a few at a time, until the past that is kept is full and no process grows by them any more. A leak grows on: then
    this ends all the same."""
    length, replies, number = STAGES[-1][0], [], 700_000
    for _ in range(FILLS):
        before = {member.name: member.resident() for member in cluster.members}
        for _ in range(len(cluster.workers) * BLOCKS * BLOCK_TOKENS // length // 4 + 1):
            replies += await asyncio.gather(*(ask(cluster, prompt(number + i, length), 8) for i in range(4)))
            number += 4
        if await rings_are_full(cluster) and all(member.resident() < before[member.name] + MEBIBYTE for member in cluster.members):
            break
    return replies


async def rings_are_full(cluster):
    kept = [await metric(cluster.router, "apus_router_stream_ring_bytes")]
    kept += [await metric(worker, "apus_worker_stream_ring_bytes") for worker in cluster.workers]
    return min(kept) >= RING


WORKER_OPTIONS = ["--mock-prefill-token", "1us", "--mock-decode-step", "5ms", "--context-length", "65536", "--blocks", str(BLOCKS), "--block-size", str(BLOCK_TOKENS),
                  "--max-sequences", "1024", "--ring-size", str(RING)]  # fmt: skip
CASES = {
    "memory": (
        memory, 2, WORKER_OPTIONS, ["--queue-limit", "600s", "--first-token-limit", "600s", "--prompt-memory-bytes", str(PROMPT_MEMORY)], ["--queue-batches", "10000", "--queue-time", "600s", "--ring-size", str(RING), "--decision-memory", str(DECISIONS)])
}  # fmt: skip
