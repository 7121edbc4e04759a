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

import argparse
import asyncio
import json
import resource
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests/Edge"))

import load  # noqa: E402
import memory  # noqa: E402
import storms  # noqa: E402
import strangers  # noqa: E402
from cluster import Cluster, Failed, end_once, state  # noqa: E402

CASES = {**load.CASES, **storms.CASES, **memory.CASES, **strangers.CASES}
# Of one case, its cluster's start and end among it.
LIMIT = 900


class Report:
    def __init__(self):
        self.rows = []

    def figure(self, case, name, value, mark=None, holds=None):
        self.rows.append({"case": case, "figure": name, "measured": value, "mark": mark, "holds": holds})
        verdict = "" if holds is None else "ok" if holds else "MISSED"
        print(f"  {name:<76} {value}   {mark or ''} {verdict}", flush=True)


async def at_rest(cluster, report, case):
    """Nothing is held of requests that are over."""
    for _ in range(50):
        told = await state(cluster.admin)
        held = told["requests"] + told["legs"] + told["buffered_bytes"]
        if held == 0:
            break
        await asyncio.sleep(0.2)
    report.figure(case, "held by the frontend at the end", held, "0", held == 0)


async def play(case, cluster, report, scale):
    run, workers, worker_options, frontend_options, router_options = CASES[case]
    cluster.router_options = router_options
    await cluster.up(frontend_options, workers, worker_options)
    await run(cluster, report, scale)
    await at_rest(cluster, report, case)


async def run(arguments):
    end_once(asyncio.current_task())
    report, scale = Report(), 10 if arguments.quick else 1
    for case in arguments.cases or CASES:
        print(f"{case}:", flush=True)
        cluster = Cluster(arguments.binaries)
        try:
            await asyncio.wait_for(play(case, cluster, report, scale), LIMIT)
        except asyncio.TimeoutError:
            raise Failed(f"{case} did not end within {LIMIT} s") from None
        finally:
            await cluster.down()
    if arguments.json:
        print(json.dumps(report.rows))
    missed = sum(row["holds"] is False for row in report.rows)
    print(f"overload: {sum(row['holds'] is True for row in report.rows)} marks held, {missed} missed")
    return 1 if missed else 0


def main():
    parser = argparse.ArgumentParser(prog="deploy/dev/overload", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--quick", action="store_true", help="a tenth of the time and of the users")
    parser.add_argument("--json", action="store_true", help="the figures once more, as JSON")
    parser.add_argument("--binaries", type=Path, default=ROOT / ".build/release", help="where the programs are")
    arguments = parser.parse_args()
    for case in arguments.cases:
        if case not in CASES:
            parser.error(f"there is no case {case}")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        return asyncio.run(run(arguments))
    except Failed as failure:
        print(f"overload: {failure}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        print("overload: ended from outside", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
