"""Cases, each of which puts a cluster of its own to something, and the figures that come of them."""

import argparse
import asyncio
import json
import resource
from pathlib import Path

from members import Cluster
from processes import Failed, run_loop

ROOT = Path(__file__).resolve().parent.parent.parent


class Report:
    """`layout` is how a figure, what was measured, its mark and the verdict stand in a line."""

    def __init__(self, layout):
        self.layout, self.rows = layout, []

    def figure(self, case, name, value, mark=None, holds=None):
        self.rows.append({"case": case, "figure": name, "measured": value, "mark": mark, "holds": holds})
        verdict = "" if holds is None else "ok" if holds else "MISSED"
        print(self.layout.format(name, value, mark or "", verdict), flush=True)


async def run(name, arguments, cases, play, limit, report):
    for case in arguments.cases or cases:
        print(f"{case}:", flush=True)
        with Cluster(arguments.binaries) as cluster:
            try:
                await asyncio.wait_for(play(case, cluster, report, 10 if arguments.quick else 1), limit)
            except asyncio.TimeoutError:
                raise Failed(f"{case} did not end within {limit} s") from None
    if arguments.json:
        print(json.dumps(report.rows))
    missed = sum(row["holds"] is False for row in report.rows)
    print(f"{name}: {sum(row['holds'] is True for row in report.rows)} marks held, {missed} missed")
    return 1 if missed else 0


def main(name, description, cases, play, limit, layout):
    """The exit code of a script of cases. `play` brings the cluster of a case up and runs it, within `limit` seconds, at a scale of 1, or 10 if quick."""
    parser = argparse.ArgumentParser(prog=f"deploy/dev/{name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(cases))
    parser.add_argument("--quick", action="store_true", help="a tenth of it, of clients or of time")
    parser.add_argument("--json", action="store_true", help="the figures once more, as JSON")
    parser.add_argument("--binaries", type=Path, default=ROOT / ".build/release", help="where the programs are")
    arguments = parser.parse_args()
    for case in arguments.cases:
        if case not in cases:
            parser.error(f"there is no case {case}")
    raise_descriptors()
    return run_loop(name, run(name, arguments, cases, play, limit, Report(layout)))


def raise_descriptors():
    """As many connections as this user may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
