#!/usr/bin/env python3
"""Starts engines, a cluster in front of them, and asks; deploy/dev/engines calls it."""

import argparse
import sys
import time
import traceback
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "RealCluster"))

import questions  # noqa: E402
import trouble  # noqa: E402
from asking import DoesNotApply  # noqa: E402
from place import Place  # noqa: E402
from processes import exit_when_told  # noqa: E402
from servers import ROOT  # noqa: E402
from setups import SETUPS  # noqa: E402

# In this order: the last ones break what the others need.
CHECKS = [
    questions.capital, questions.direct, questions.usage, questions.rendered, questions.length, questions.stop, questions.tools,
    questions.choices, questions.seeds, questions.log_probabilities, questions.cached, questions.prefix, trouble.leaving, trouble.too_long, trouble.parity,
    trouble.other_prompts, trouble.helper_dies, trouble.goes_on, trouble.back_again, trouble.drains,
]  # fmt: skip


def ask(name, place, only):
    """How many checks failed."""
    failed = 0
    for check in CHECKS:
        if only and check.__name__ not in only:
            continue
        began = time.monotonic()
        try:
            check(place)
        except DoesNotApply as reason:
            print(f"  n/a   {name}: {check.__doc__}: {reason}", flush=True)
        except Exception as error:
            failed += 1
            frame = [one for one in traceback.extract_tb(error.__traceback__) if one.filename.startswith(str(ROOT))][-1]
            print(f"  FAIL  {name}: {check.__doc__}: {type(error).__name__}: {str(error)[:800]}")
            print(f"        {Path(frame.filename).name}:{frame.lineno}", flush=True)
        else:
            print(f"  ok    {name}: {check.__doc__} ({time.monotonic() - began:.1f} s)", flush=True)
    return failed


def run(name, arguments):
    place = None
    try:
        place = Place(SETUPS[name](arguments.engines), arguments.binaries, arguments.port, arguments.logs and arguments.logs / name, arguments.running)
        place.up()
        return ask(name, place, arguments.check)
    finally:
        if place:
            place.down()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=SETUPS, metavar="ENGINE")
    parser.add_argument("--binaries", type=Path, default=ROOT / ".build/release")
    parser.add_argument("--engines", type=Path, default=Path(".engines"))
    parser.add_argument("--running", action="store_true")
    parser.add_argument("--port", type=int, default=18440)
    parser.add_argument("--logs", type=Path)
    parser.add_argument("--check", action="append", choices=[check.__name__ for check in CHECKS])
    arguments = parser.parse_args()
    exit_when_told()
    failed = []
    for name in arguments.names:
        began = time.monotonic()
        try:
            count = run(name, arguments)
        except Exception as error:
            # NotReady of either kind, and whatever else keeps a cluster from standing.
            print(f"  FAIL  {name}: the cluster does not stand: {error}", flush=True)
            count = 1
        if count:
            failed.append(name)
        print(f"  {name}: {count} failed, after {time.monotonic() - began:.0f} s", flush=True)
    print(f"engines: {'all is well' if not failed else 'FAILED: ' + ', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
