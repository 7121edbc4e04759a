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

import argparse
import asyncio
import json
import resource
import sys
from pathlib import Path

import bodies
import rfcs
import slow
import urls
from cluster import FRONTEND_OPTIONS, Cluster, Failed, end_once

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = {**slow.CASES, **rfcs.CASES, **bodies.CASES, **urls.CASES}
# What is measured there is what a frontend does as it comes.
AS_IT_COMES = ["json"]


class Report:
    def __init__(self):
        self.rows = []

    def figure(self, case, name, value, mark=None, holds=None):
        self.rows.append({"case": case, "figure": name, "measured": value, "mark": mark, "holds": holds})
        verdict = "" if holds is None else "ok" if holds else "MISSED"
        print(f"  {name:<52} {value:>14}   {mark or '':<22} {verdict}", flush=True)


async def run(arguments):
    end_once(asyncio.current_task())
    report, scale = Report(), 10 if arguments.quick else 1
    for case in arguments.cases or CASES:
        print(f"{case}:", flush=True)
        cluster = Cluster(arguments.binaries)
        try:
            await cluster.up([] if case in AS_IT_COMES else FRONTEND_OPTIONS)
            await asyncio.wait_for(CASES[case](cluster, report, scale), 180)
        except asyncio.TimeoutError:
            raise Failed(f"{case} did not end within 180 s") from None
        finally:
            await cluster.down()
    if arguments.json:
        print(json.dumps(report.rows))
    missed = sum(row["holds"] is False for row in report.rows)
    print(f"edge: {sum(row['holds'] is True for row in report.rows)} marks held, {missed} missed")
    return 1 if missed else 0


def main():
    parser = argparse.ArgumentParser(prog="deploy/dev/edge", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--quick", action="store_true", help="a tenth of the clients")
    parser.add_argument("--json", action="store_true", help="the figures once more, as JSON")
    parser.add_argument("--binaries", type=Path, default=ROOT / ".build/release", help="where the programs are")
    parser.add_argument("--attack", nargs=3, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for case in arguments.cases:
        if case not in CASES:
            parser.error(f"there is no case {case}")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if arguments.attack:
        return asyncio.run(slow.attack(*arguments.attack))
    try:
        return asyncio.run(run(arguments))
    except Failed as failure:
        print(f"edge: {failure}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        print("edge: ended from outside", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
