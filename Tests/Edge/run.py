#!/usr/bin/env python3
"""Attacks the HTTP edge of a cluster of its own, as slow and broken clients do, and says what it cost the others.

  deploy/dev/edge [--quick] [--json] [--binaries DIR] [CASE…]

  tricklers   2,000 clients that send a byte of their head every 5 s and 500 that send their body so, beside 50 good ones
  readers     500 streams that are read at a byte a second, beside 50 that are read at once
  refusals    1,000 bodies over the limit, refused while they are still being written: how often the refusal can be read
  conformance what RFC 9110 and 9112 demand of a server, byte for byte, as Tests/Fixtures/http has it
  smuggling   requests hidden in others, as two servers in a row may read them
  json        bodies that are made to cost: the processor time of the frontend for each, and what four times as much takes
  ssrf        URLs of loopback, metadata services and files, wherever one may stand: who is visited

The programs must be built (deploy/dev/up does it, or: swift build -c release). Deadlines of the cluster are lowered so that a run takes about
three minutes; --quick takes a tenth of the slow clients. Ends with 1 when a figure misses its mark. Only Python's own library is needed.
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "RealCluster"))

import bodies  # noqa: E402
import cases  # noqa: E402
import rfcs  # noqa: E402
import slow  # noqa: E402
import urls  # noqa: E402
from target import FRONTEND_OPTIONS, WORKER_OPTIONS  # noqa: E402

CASES = {**slow.CASES, **rfcs.CASES, **bodies.CASES, **urls.CASES}
# What is measured there is what a frontend does as it comes.
AS_IT_COMES = ["json"]
# Of one case, its cluster's start among it.
LIMIT = 240


async def play(case, cluster, report, scale):
    await cluster.up(worker_options=WORKER_OPTIONS, frontend_options=[] if case in AS_IT_COMES else FRONTEND_OPTIONS)
    await CASES[case](cluster, report, scale)


def main():
    # The slow clients are a process of their own.
    if sys.argv[1:2] == ["--attack"]:
        cases.raise_descriptors()
        return asyncio.run(slow.attack(*map(int, sys.argv[2:])))
    return cases.main("edge", __doc__, CASES, play, LIMIT, "  {:<52} {:>14}   {:<22} {}")


if __name__ == "__main__":
    sys.exit(main())
