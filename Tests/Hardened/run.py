#!/usr/bin/env python3
"""A cluster that may do next to nothing on its machine does all of its work.

  deploy/dev/hardened [--suites] [--binaries DIR]

Every process runs as nobody, without a capability or a way to one, with a root of which nothing can be written, with the system calls that both the units
of deploy/systemd and container runtimes allow, and within a bound of memory. What is in force is read from the kernel and tried out by a probe in the
place of a process. Then a mock cluster and one that computes are asked for every kind of answer, drained and killed under streams, and told of a new
tenant. --suites runs deploy/dev/clients --smoke and deploy/dev/edge --quick over such processes too; that takes minutes. Wants root for what only root
can take away, systemd-analyze, and built programs. Ends with 1 when something does not hold.
"""

import argparse
import asyncio
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[1:1] = [str(ROOT / "Tests/RealCluster"), str(ROOT / "Tests/Soak")]

from members import Cluster, key_digest, until_ready  # noqa: E402
from processes import Failed, cancel_when_told  # noqa: E402
from rest import until_at_rest  # noqa: E402
from talk import Cut, Hung, Talk, once  # noqa: E402

import place  # noqa: E402
from calls import allowed, encoded  # noqa: E402
from traffic import SHARES, Asking, Memory, Wrong  # noqa: E402

# Far below the limits of deploy/kubernetes, and enough for what is asked here.
MEMORY = 512 << 20
NOBODY = "65534"
TRIES_OF_A_KIND, STREAMS = 3, 12
TENANTS_SECONDS = 15
SUITES = {"clients": ["deploy/dev/clients", "--smoke"], "edge": ["deploy/dev/edge", "--quick"]}
SUITE_SECONDS = 580


class Report:
    def __init__(self):
        self.passed, self.failures, self.left_out = 0, [], []

    def expect(self, holds, what, otherwise=""):
        print(f"  {what:<96} {'ok' if holds else 'FAILED'}", flush=True)
        if holds:
            self.passed += 1
        else:
            self.failures.append(f"{what}: {otherwise}")

    def without(self, what, why):
        print(f"  {what:<96} not here: {why}", flush=True)
        self.left_out.append(what)


class MemoryGroup:
    """A group of the kernel's that bounds memory; where none can be made, a limit of each process's data stands for it."""

    def __init__(self, name):
        self.path, self.kind = None, "limit of data"
        for base, file, kind in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "cgroup v1"), ("/sys/fs/cgroup", "memory.max", "cgroup v2")):
            path = Path(base, name)
            try:
                path.mkdir()
                (path / file).write_text(str(MEMORY))
                self.path, self.kind = path, kind
                return
            except OSError:
                if path.exists():
                    path.rmdir()

    def remove(self):
        for _ in range(50):
            try:
                return self.path and self.path.rmdir()
            except OSError:
                time.sleep(0.1)  # the kernel has not yet seen the last process off


# MARK: What is in force


def check_status(member, is_root, report):
    facts = dict(re.findall(r"^(\w+):\t(.*)$", Path(f"/proc/{member.pid}/status").read_text(), re.M))
    limits = Path(f"/proc/{member.pid}/limits").read_text()
    mounts = [line.split() for line in Path(f"/proc/{member.pid}/mountinfo").read_text().splitlines()]
    writable = [fields[4] for fields in mounts if "ro" not in fields[5].split(",")]
    found = {"Uid": facts["Uid"].split(), "NoNewPrivs": facts["NoNewPrivs"], "Seccomp": facts["Seccomp"],
             **{name: int(facts[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}}  # fmt: skip
    wanted = {"NoNewPrivs": "1", "Seccomp": "2", "CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapAmb": 0}
    if is_root:
        wanted.update(Uid=[NOBODY] * 4, CapBnd=0)
    wrong = {name: found[name] for name, value in wanted.items() if found[name] != value}
    report.expect(not wrong and "0" not in found["Uid"], f"{member.name}: nobody, no capability, no new privileges, filtered", f"{wrong}")
    if is_root:
        report.expect(not writable, f"{member.name}: no mount of {len(mounts)} can be written", f"{writable}")
    report.expect(re.search(r"Max core file size\s+0\s+0", limits), f"{member.name}: leaves no core", limits)


def probe(wrap, report):
    command = [*wrap, sys.executable, str(ROOT / "Tests/Hardened/probe.py")]
    # Python itself has to be where nobody may read it.
    python = next((path for path in ("/usr/bin/python3", sys.executable) if Path(path).exists()), sys.executable)
    command[len(wrap)] = python
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    could = ended.stdout.split("\n")[:-1]
    report.expect(could == ["probed"], "a probe in the place of a process can do nothing of what it must not", f"{could} {ended.stderr[-300:]}")
    taken = subprocess.run([*command, str(MEMORY + (64 << 20))], capture_output=True, text=True, timeout=60)
    ended = taken.returncode == -signal.SIGKILL or "MemoryError" in taken.stderr
    report.expect(ended and "have" not in taken.stdout, "it is ended when it takes more memory than it may", taken.stdout + taken.stderr)
    # The check itself: without confinement the probe can do most of it.
    free = subprocess.run([sys.executable, str(ROOT / "Tests/Hardened/probe.py")], capture_output=True, text=True, timeout=60, cwd="/tmp")
    report.expect("write into /tmp" in free.stdout, "a probe that nothing confines can", free.stdout + free.stderr)
    Path("/tmp/apus-probe").unlink(missing_ok=True)


# MARK: What has to work


async def everything(cluster, keys, report):
    """Every kind of answer, a few times, beside one another."""
    memory, counts = Memory(), Counter()

    async def kind(name):
        asking = Asking(random.Random(name), memory)
        for _ in range(TRIES_OF_A_KIND):
            path, body, judge = getattr(asking, name)()
            talk = Talk(cluster["frontend-1"].http)
            try:
                if await talk.ask(path, body, keys["ample"]) != 200:
                    raise Wrong(f"{talk.status}: {(await talk.body())[:200]!r}")
                await judge(talk, body)
                counts[name] += 1
            except (Wrong, Cut, Hung, ValueError, KeyError) as problem:
                report.failures.append(f"{name}: {problem!r}")
            finally:
                talk.leave()

    await asyncio.gather(*(kind(name) for name in SHARES))
    report.expect(sum(counts.values()) == TRIES_OF_A_KIND * len(SHARES), f"{sum(counts.values())} answers of {len(SHARES)} kinds", f"{counts}")
    body = {"model": "computes", "max_tokens": 8, "temperature": 0, "messages": [{"role": "user", "content": "What is the capital of Japan?"}]}
    status, answer = await once(cluster["frontend-2"].http, "/v1/chat/completions", body, keys["ample"])
    report.expect(status == 200 and b"Tokyo" in answer, "a model that computes knows the capital of Japan", f"{status} {answer[:300]}")
    statuses = [(await once(cluster["frontend-1"].http, "/v1/models", key=key))[0] for key in (None, "no key")]
    report.expect(statuses == [401, 401], "who has no key is turned away", f"{statuses}")


async def streams_under(cluster, keys, act, what, report):
    """Streams that are under way while something happens: each comes to its end, as it would have without."""
    memory = Memory()

    async def stream(number, begun):
        asking = Asking(random.Random(number), memory)
        body = asking.streamed(asking.chat(place.WHOLE, f"Stream {number} " * 4, 150))
        talk = Talk(cluster["frontend-1"].http)
        try:
            if await talk.ask("/v1/chat/completions", body, keys["ample"]) != 200:
                raise Wrong(f"{talk.status}")
            begun.release()
            await asking.stream_of_chat(talk, body)
            return None
        except (Wrong, Cut, Hung) as problem:
            begun.release()
            return f"{number}: {problem!r}"
        finally:
            talk.leave()

    begun = asyncio.Semaphore(0)
    running = [asyncio.create_task(stream(number, begun)) for number in range(STREAMS)]
    for _ in running:
        await begun.acquire()
    code = await act()
    problems = [problem for problem in await asyncio.gather(*running) if problem]
    report.expect(not problems and code in (0, -signal.SIGKILL), f"{STREAMS} streams go on while {what}", f"{problems} code {code}")


async def new_tenant(cluster, report):
    """A file that changes is read again, in a root that cannot be written."""
    path, key = cluster.folder / "tenants.json", "apus-of-a-new-tenant"
    known = json.loads(path.read_text())
    known["tenants"].append({"name": "new", "keys": [key_digest(key)]})
    path.write_text(json.dumps(known))
    end, status = time.monotonic() + TENANTS_SECONDS, None
    while status != 200 and time.monotonic() < end:
        await asyncio.sleep(0.2)
        status = (await once(cluster["frontend-1"].http, "/v1/models", key=key))[0]
    report.expect(status == 200, "a tenant who is new in the file may come in", f"{status}")


async def smoke(binaries, folder, wrap, report):
    cancel_when_told(asyncio.current_task())
    with Cluster(binaries, folder, wrap) as cluster:
        keys = await place.build(cluster)
        secret, routers = str(folder / "secret"), ",".join(router.address for router in cluster.of("router"))
        tiny = ROOT / "deploy/models/tiny"
        await cluster.add_worker("computes", routers, "--engine", "reference", "--model", str(tiny), "--weights", str(tiny / "tiny-f16.gguf"),
                             "--model-name", "computes", "--cluster-secret-file", secret)  # fmt: skip
        for frontend in cluster.of("frontend"):
            await until_ready(frontend, ["computes"], keys["ample"])
        for member in cluster.members:
            check_status(member, os.geteuid() == 0, report)
        await everything(cluster, keys, report)
        worker, other = cluster["worker-1"], cluster["worker-2"]
        await streams_under(cluster, keys, worker.end, "a worker is drained", report)
        await worker.start()
        await streams_under(cluster, keys, lambda: other.end(signal.SIGKILL), "a worker is killed", report)
        await other.start()
        await streams_under(cluster, keys, cluster["router-2"].end, "a router leaves", report)
        await new_tenant(cluster, report)
        held = await until_at_rest(cluster.members)
        report.expect(not held, "nothing is held at rest", "; ".join(held))
        codes = await cluster.end_all()
        report.expect(set(codes.values()) == {0}, "all end well when they are told to", f"{codes}")
    errors = [line for log in sorted(folder.glob("*.log")) for line in log.read_text().splitlines() if '"level":"error"' in line or "ermitted" in line]
    report.expect(not errors, "no log tells of an error, or of what is not permitted", "\n".join(errors[:5]))


def suites(binaries, folder, wrap, report):
    """Other suites, which are told that the programs are here: scripts that confine themselves first."""
    shims = folder / "programs"
    shims.mkdir()
    for name in ("frontend", "router", "workerd"):
        shim = shims / name
        shim.write_text(f"#!/bin/sh\nexec {shlex.join([*wrap, str((binaries / name).resolve())])} \"$@\"\n")
        shim.chmod(0o755)
    for name, command in SUITES.items():
        try:
            ended = subprocess.run([*command, "--binaries", str(shims)], cwd=ROOT, capture_output=True, text=True, timeout=SUITE_SECONDS)
            said = "\n".join((ended.stdout + ended.stderr).splitlines()[-15:])
        except subprocess.TimeoutExpired:
            report.expect(False, " ".join(command), f"did not end within {SUITE_SECONDS} s")
            continue
        report.expect(ended.returncode == 0, f"{' '.join(command)}: {ended.stdout.splitlines()[-1] if ended.stdout else ''}", said)


def main():
    parser = argparse.ArgumentParser(prog="deploy/dev/hardened", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", action="store_true", help="also other suites, over processes confined so")
    parser.add_argument("--binaries", type=Path, default=ROOT / ".build/release", help="where the programs are")
    arguments = parser.parse_args()
    arguments.binaries = arguments.binaries.resolve()
    report, began, is_root, group = Report(), time.monotonic(), os.geteuid() == 0, MemoryGroup(f"apus-hardened-{os.getpid()}")
    try:
        with tempfile.TemporaryDirectory(prefix="apus-hardened-") as folder:
            folder = Path(folder)
            names = allowed()
            (folder / "filter").write_bytes(encoded(names))
            folder.chmod(0o755)
            wrap = [sys.executable, str(ROOT / "Tests/Hardened/launch.py"), str(folder / "filter"), str(MEMORY), str(group.path or "-")]
            print(f"hardened: {len(names)} names of system calls allowed, memory by {group.kind}, {MEMORY >> 20} MiB", flush=True)
            if not is_root:
                report.without("a root that cannot be written, another user", "only root can take that away")
            probe(wrap, report)
            asyncio.run(smoke(arguments.binaries, folder, wrap, report))
            if arguments.suites:
                suites(arguments.binaries, folder, wrap, report)
    except Failed as failure:
        report.failures.append(str(failure))
    except asyncio.CancelledError:
        report.failures.append("ended from outside")
    finally:
        group.remove()
    for failure in report.failures:
        print(f"  {failure}")
    print(f"hardened: {report.passed} hold, {len(report.failures)} do not, in {time.monotonic() - began:.0f} s")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
