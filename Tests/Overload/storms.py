"""Workers that fail all they are given, and clients that ask again at once."""

import asyncio
import random
import time

from clients import ask, insist, judge
from load import prompt
from talk import metric

FAILURE = 6
AGAIN = 3
RATE = 40
MOST_ATTEMPTS = 1.1
WORKERS = 4


async def storm(cluster, report, scale):
    """All of four workers fail all they are given for six seconds, and every client asks again at once, three times."""
    draws, began, number, tasks = random.Random(3), time.monotonic(), 0, []
    while time.monotonic() - began < FAILURE + 4:
        await asyncio.sleep(draws.uniform(0, 2 / RATE))
        tasks.append(asyncio.create_task(insist(cluster, prompt(number, draws.randint(60, 600)), draws.randint(2, 20), AGAIN)))
        number += 1
    replies = [reply for replies in await asyncio.gather(*tasks) for reply in replies]
    judge(report, "storm", replies)
    attempts = 0.0
    for worker in cluster.workers:
        for name in ('ended_total{reason="failed"}', 'ended_total{reason="finished"}'):
            attempts += await metric(worker, f"apus_worker_requests_{name}")
    share = attempts / len(replies)
    report.figure("storm", "attempts at workers a request of clients", f"{share:.3f}", f"at most {MOST_ATTEMPTS}", share <= MOST_ATTEMPTS)
    failed = [reply.at - began for reply in replies if reply.kind != "complete"]
    report.figure("storm", "requests that failed; the last of them, after the failures ended", f"{len(failed)}; {max(failed, default=0) - FAILURE:.2f} s")
    after = await asyncio.gather(*(ask(cluster, prompt(800_000 + i, 80), 4) for i in range(20)))
    well = sum(reply.kind == "complete" for reply in after)
    report.figure("storm", "complete when all is over", f"{well} of 20", "20", well == 20)


WORKER_OPTIONS = ["--mock-prefill-token", "100us", "--mock-decode-step", "2ms", "--fault-refuse", "1", "--fault-refuse-for", f"{FAILURE}s"]
CASES = {"storm": (storm, WORKERS, WORKER_OPTIONS, [], [])}
