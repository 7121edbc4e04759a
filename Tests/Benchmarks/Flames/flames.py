#!/usr/bin/env python3
"""Draws where the processes of a cluster spend their time while it streams as fast as it can.

  deploy/dev/bench flames [--out DIR] [--seconds N] [--binaries DIR]

A router, a frontend and four workerd with the mock engine answer 64 users, prompts of 64 tokens with 128 tokens back, while Linux perf samples
them. Writes frontend.svg, router.svg, workerd.svg (all four together) and functions.txt, the functions with the largest shares of each.
Ends with status 2 when something could not be measured.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "Tests/RealCluster"))

from drawing import picture
from folding import folded
from members import Cluster
from names import Names
from processes import Failed, cancel_when_told
from recording import NotRecorded, Recording
from table import table

WORKERS, USERS, PROMPT_TOKENS, ANSWER_TOKENS = 4, 64, 64, 128
# As the benchmarks start them.
WORKER_OPTIONS = ["--speedup", "0", "--max-sequences", "256"]
WARM_UP_SECONDS = 2
MOST_SECONDS = 60
# Beyond its duration, for the last answers to end and the report to be written.
LOAD_SLACK_SECONDS = 30


def prompt_options(model):
    """Prompts of so many tokens of that model's vocabulary, as bench.json says; without a model, of bytes."""
    if model is None:
        return ["--chars-per-token", "1"]
    note = json.loads((model / "bench.json").read_text())
    return ["--text-file", str(model / note["text"]), "--chars-per-token", str(note["characters_per_token"])]


async def load(arguments, cluster, seconds, seed, report):
    """Puts the load on it for so long. Other seeds are other prompts: a warm-up must not fill the caches for what is measured."""
    sender = await asyncio.create_subprocess_exec(
        arguments.binaries / "loadgen", "run", "--url", cluster.frontend.url, "--model", cluster.model, "--no-progress",
        "--concurrency", str(USERS), "--input-tokens", str(PROMPT_TOKENS), "--output-tokens", str(ANSWER_TOKENS),
        "--duration", f"{seconds}s", "--seed", str(seed), "--json", str(report), *prompt_options(arguments.model),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        _, words = await asyncio.wait_for(sender.communicate(), seconds + LOAD_SLACK_SECONDS)
    except asyncio.TimeoutError:
        raise Failed("loadgen does not end") from None
    finally:
        if sender.returncode is None:
            sender.kill()
            await sender.wait()
    if sender.returncode != 0:
        raise Failed(f"loadgen ended with status {sender.returncode}:\n{words.decode(errors='replace')[-2000:]}")
    counts = json.loads(report.read_text())["sender"]
    if counts["failed"] or not counts["complete"]:
        raise Failed(f"{counts['failed']} of the answers failed, {counts['complete']} are complete")
    return counts


async def recorded(arguments, cluster, folder):
    """The recordings by process, and what the load says of itself."""
    model = ["--model", str(arguments.model)] if arguments.model else []
    await cluster.up(WORKERS, worker_options=WORKER_OPTIONS + model)
    members = {"frontend": [cluster.frontend], "router": [cluster.router], "workerd": cluster.workers}
    report = folder / "report.json"
    await load(arguments, cluster, WARM_UP_SECONDS, 1, report)
    recordings = {
        name: Recording([member.pid for member in group], folder / f"{name}.data") for name, group in members.items()}
    try:
        for recording in recordings.values():
            await recording.begin()
        counts = await load(arguments, cluster, arguments.seconds, 2, report)
        for recording in recordings.values():
            await recording.end()
    finally:
        for recording in recordings.values():
            await recording.leave()
    return recordings, counts


def about(root, counts):
    tokens = counts["complete"] * ANSWER_TOKENS / counts["elapsed_s"]
    return f"{USERS} streams, {tokens:,.0f} tokens/s, {root.total} samples of running threads"


async def run(arguments):
    cancel_when_told(asyncio.current_task())
    with tempfile.TemporaryDirectory(prefix="apus-flames-") as place:
        with Cluster(arguments.binaries) as cluster:
            recordings, counts = await recorded(arguments, cluster, Path(place))
        arguments.out.mkdir(parents=True, exist_ok=True)
        tables = []
        for name, recording in recordings.items():
            samples = await recording.samples()
            if not samples:
                raise NotRecorded(f"perf has no sample of {name}")
            names = Names({call for sample in samples for call in sample.calls})
            root = folded(name, samples, names)
            (arguments.out / f"{name}.svg").write_text(picture(root, about(root, counts)))
            tables.append(table(root, about(root, counts)))
    text = "\n".join(tables)
    (arguments.out / "functions.txt").write_text(text)
    print(text)
    print(f"bench: {', '.join(f'{name}.svg' for name in recordings)} and functions.txt are in {arguments.out}")
    return 0


def seconds(text):
    value = int(text)
    if not 1 <= value <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"1 to {MOST_SECONDS}")
    return value


def main():
    parser = argparse.ArgumentParser(
        prog="deploy/dev/bench flames", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / ".build/flames", help="where the pictures go; .build/flames")
    parser.add_argument("--seconds", type=seconds, default=10, metavar="N", help=f"of load that is recorded, 1 to {MOST_SECONDS}; 10")
    parser.add_argument("--binaries", type=Path, default=ROOT / ".build/release", help="where the programs are")
    parser.add_argument("--model", type=Path, help="a folder that Tests/Benchmarks/Peers/model.py made; without it tokens are bytes")
    try:
        return asyncio.run(run(parser.parse_args()))
    except (Failed, NotRecorded, OSError, ValueError, subprocess.SubprocessError) as failure:
        print(f"bench: {failure}", file=sys.stderr)
    except asyncio.CancelledError:
        print("bench: ended from outside", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
