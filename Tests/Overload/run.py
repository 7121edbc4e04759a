#!/usr/bin/env python3
"""Asks more of a cluster of its own than that can do, and says what came of it.

  deploy/dev/overload [--quick] [--json] [--binaries DIR] [CASE…]

  steady     half, one, two, five and ten times what two workers can do, a minute each (T26)
  bursts     67 requests in a tenth of a second, on 26 a second (T30)
  storm      workers that fail all they are given, clients that ask again at once, three times (T29)
  memory     prompts of 1,000 to 56,000 tokens by 4 to 2,048 users, then nothing (T41)
  strangers  a hundred thousand requests, each with a model, key, session and label of its own (T44)

The programs must be built (deploy/dev/up does it, or: swift build -c release). Ends with 1 if an answer is lost, wrong or without an end, a
refusal does not say when to come back, more is asked of failing workers than the retry budget allows, or memory is kept. Times are printed and
judged nowhere here: in virtual time they are, by `wiretool simulate --drill T26`, T29 and T30. --quick takes about a minute in all. Only
Python's own library is needed.
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "RealCluster"))

import cases  # noqa: E402
import load  # noqa: E402
import memory  # noqa: E402
import storms  # noqa: E402
import strangers  # noqa: E402
from talk import state  # noqa: E402

CASES = {**load.CASES, **storms.CASES, **memory.CASES, **strangers.CASES}
# Of one case, its cluster's start among it.
LIMIT = 900


async def at_rest(cluster, report, case):
    """Nothing is held of requests that are over."""
    for _ in range(50):
        told = await state(cluster.frontend)
        held = told["requests"] + told["legs"] + told["buffered_bytes"]
        if held == 0:
            break
        await asyncio.sleep(0.2)
    report.figure(case, "held by the frontend at the end", held, "0", held == 0)


async def play(case, cluster, report, scale):
    run, workers, worker_options, frontend_options, router_options = CASES[case]
    await cluster.up(workers, worker_options, frontend_options, router_options)
    await run(cluster, report, scale)
    await at_rest(cluster, report, case)


if __name__ == "__main__":
    sys.exit(cases.main("overload", __doc__, CASES, play, LIMIT, "  {:<76} {}   {} {}"))
