#!/usr/bin/env python3
"""A cluster of real processes under mixed traffic and faults for hours: does anything grow, leak, get lost or stay held?

  deploy/dev/soak [--for 8h|1h|10m] [--rate N] [--json FILE] [--keep DIR] [--binaries DIR]

Two routers, two frontends, two workers, and a prefill and two decode workers of a second model. Users stream, chat, call tools, ask for JSON,
embeddings and lists, hold sessions, and have tenants' keys; 5 % leave early, 1 % are broken clients, 2 % have to be turned away. Meanwhile one
process after another is killed, told to end, or frozen, and started again; the first of each kind is left in peace, and so are prefill and decode for
half of the run each. The memory of processes is judged by its slope after a warm-up (half of the run, thirty minutes at most), descriptors,
threads and series of metrics by their count at rest, before and after. The programs must be built (swift build -c release). Ends with 1 when
something is lost, wrong, hung, held or growing; a slope that a run is too short to tell is said, and fails nothing. Only Python's own library is needed.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests/RealCluster"))

from members import Cluster  # noqa: E402
from processes import run_loop  # noqa: E402
from rest import until_at_rest  # noqa: E402

from faults import Faults  # noqa: E402
from place import SPLIT, WHOLE, build  # noqa: E402
from samples import Samples, standing  # noqa: E402
from traffic import Memory  # noqa: E402
from users import Users  # noqa: E402
from verdict import Verdict  # noqa: E402

# Half of a run at most. What is bounded is full behind the burst below; how large the pieces are that memory is in settles over some twenty minutes.
LONGEST_WARM_UP = 1800
SAMPLE_SECONDS = 5
# Faults have a minute each; in short runs less, so that there is one of each kind.
FAULT_SECONDS, LEAST_FAULT_SECONDS, TURNS_OF_FAULTS = 60, 8, 2
# At rest everybody is there: links are made again within seconds of a restart.
SETTLE_SECONDS = 6
# Memory settles at the most that was ever under way, with rings of the past that are full: a burst brings both about, which the traffic itself would
# take half an hour for. Not in runs that are too short for slopes.
BURST_REQUESTS, BURST_TOKENS, BURST_CLIENTS, LEAST_FOR_BURST = {WHOLE: 15_000, SPLIT: 3000}, 200, 48, 600
UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(text):
    if text[:-1].isdigit() and text[-1:] in UNITS:
        return int(text[:-1]) * UNITS[text[-1]]
    raise argparse.ArgumentTypeError(f"{text} is no time: 8h, 30m or 90s")


class Soak:
    def __init__(self, cluster, keys, arguments):
        self.cluster, self.length, self.key = cluster, arguments.seconds, keys["ample"]
        self.warm_up = min(self.length / 2, LONGEST_WARM_UP)
        self.samples, self.memory = Samples(cluster), Memory()
        self.users = Users(cluster, keys, self.memory, arguments.rate, random.Random(arguments.seed))
        self.faults = Faults(cluster, self.users, lambda: "decode" if self.samples.now < self.length / 2 else "prefill")
        self.pause_between = max(LEAST_FAULT_SECONDS, min(FAULT_SECONDS, (self.length - self.warm_up) / 18))

    async def sampling(self):
        while True:
            self.samples.take()
            await asyncio.sleep(SAMPLE_SECONDS)

    async def burst(self):
        """As much as fills what is bounded, of both models."""
        file = self.cluster.folder / "key"
        file.write_text(self.key)
        for model, requests in BURST_REQUESTS.items():
            load = await asyncio.create_subprocess_exec(
                str(self.cluster.binaries / "loadgen"), "run", "--url", f"http://127.0.0.1:{self.cluster['frontend-1'].http}", "--model", model,
                "--api-key-file", str(file), "--requests", str(requests), "--concurrency", str(BURST_CLIENTS), "--input-tokens", str(BURST_TOKENS),
                "--output-tokens", "4", "--chars-per-token", "1", "--no-progress", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                env=self.cluster["frontend-1"].env)  # fmt: skip
            try:
                if await load.wait() != 0:
                    self.faults.problems.append(f"the burst of {requests} requests ended with {load.returncode}")
            finally:
                if load.returncode is None:
                    load.kill()
            print(f"{self.samples.now:7.0f} s  a burst of {requests} requests of {model} is over", flush=True)
        # The run is as long as was asked for behind it, and the warm-up too.
        self.length, self.warm_up = self.length + self.samples.now, self.warm_up + self.samples.now

    async def rest(self):
        """Nothing is asked: what is held, and what each process has."""
        await self.users.pause()
        await asyncio.sleep(SETTLE_SECONDS)
        held = await until_at_rest(self.cluster.members)
        return held, {member.name: await standing(member) for member in self.cluster.members if member.runs}

    async def shake(self):
        """Faults until a moment before the end, so that all are well again when they are counted."""
        while self.samples.now < self.length - self.pause_between:
            print(f"{self.samples.now:7.0f} s  {await self.faults.next()}; {self.users.tally.counts['answered']} answered", flush=True)
            await asyncio.sleep(self.pause_between)

    async def run(self):
        sampling, asking = asyncio.create_task(self.sampling()), None
        try:
            if self.length >= LEAST_FOR_BURST:
                await self.burst()
            asking = asyncio.create_task(self.users.run())
            # One round of faults before what is there is counted: what they bring, such as series for their outcomes, is there then.
            while self.samples.now < self.warm_up:
                await asyncio.sleep(self.pause_between / 2)
                if self.faults.number < 9:
                    await self.faults.next()
            held, before = await self.rest()
            print(f"{self.samples.now:7.0f} s  warm; {len(held)} things held at rest", flush=True)
            self.faults.number = 0
            self.users.go()
            await self.shake()
            await asyncio.sleep(max(0, self.length - self.samples.now))
            more, after = await self.rest()
            self.users.end()
            await asking
        finally:
            for task in (sampling, asking):
                if task is not None:
                    task.cancel()
        return Verdict(self.warm_up, self.samples, before, after, self.users.tally, held + more, self.faults.problems)


async def run(arguments):
    began = time.monotonic()
    with Cluster(arguments.binaries, arguments.keep) as cluster:
        soak = Soak(cluster, await build(cluster), arguments)
        verdict = await soak.run()
        for name, code in (await cluster.end_all()).items():
            verdict.expect(code == 0, f"{name} ended with {code}: {cluster[name].last_words()}")
    verdict.show(soak.users.tally, time.monotonic() - began, soak.faults.count)
    print(f"{soak.memory.compared} answers were held to those that the same questions had before")
    if arguments.json:
        series = {f"{name}/{number}": life.resident for (name, number), life in soak.samples.lives.items()}
        arguments.json.write_text(json.dumps({
            "seconds": arguments.seconds, "warm_up": soak.warm_up, "rows": verdict.rows, "failures": verdict.failures,
            "counts": soak.users.tally.counts, "resident": series}))  # fmt: skip
    return 1 if verdict.failures else 0


def main():
    parser = argparse.ArgumentParser(prog="deploy/dev/soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--for", dest="seconds", type=seconds, default="10m", metavar="TIME", help="how long; 10m")
    parser.add_argument("--rate", type=float, default=12, help="requests a second, about; 12")
    parser.add_argument("--seed", type=int, default=1, help="what is asked, and when; 1")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also writes all figures and samples")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keeps the logs there, in a new folder")
    parser.add_argument("--binaries", type=Path, default=ROOT / ".build/release", help="where the programs are")
    arguments = parser.parse_args()
    if arguments.keep and arguments.keep.exists():
        parser.error(f"{arguments.keep} is there already")
    return run_loop("soak", run(arguments))


if __name__ == "__main__":
    sys.exit(main())
