#!/usr/bin/env python3
"""Nothing that clients or operators confide in a cluster gets into what it lets out: logs, metrics, traces, states, feeds, recordings, crashes.

  deploy/dev/canaries [--show] [--binaries DIR]

A cluster with a secret and tenants is asked in every way that there is, well and badly, with texts that occur nowhere else: prompts, system texts,
tools, results, arguments, schemas, session ids, cookies, keys, headers, paths. Engines fail, workers end, strangers with a wrong secret come, and a
process of each role is crashed in the middle of an answer, with Swift's report of crashes as it comes and switched on. All of it at the level of
logs that tells most, with every request traced. Then all that was let out is searched for those texts, as they are, in hexadecimal, in base64
and as tokens. First the search has to find what was put there for it. The programs must be built (swift build -c release); it runs with the
Python of deploy/dev/setup. Ends with 1 when a canary is found, or a case did not come to what it is meant for.
"""

import argparse
import asyncio
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests/RealCluster"))

from members import Cluster, until_ready  # noqa: E402
from processes import run_loop  # noqa: E402

from asking import REQUEST_ID, Asked, seen  # noqa: E402
from captures import Captures, Collector, Feeds  # noqa: E402
from marks import Canaries, prove  # noqa: E402
from place import BYTES, WORDS, Place  # noqa: E402

# What is still on its way from processes: spans leave once a second.
SPANS_SECONDS = 2
CRASH_SECONDS = 15
REPORT_ENDS = b"Backtrace took"
# Names that clients choose for their sessions are part of the protocol: routers and workers tell them one another on their feeds, and nobody else.
ON_FEEDS = {"feed of router", "feed of workerd"}
NAMES = {"a session's id", "a session's header"}
# All at once, with an answer to each under way.
CRASHES = {"bytes-1": signal.SIGABRT, "tiny-1": signal.SIGSEGV, "router": signal.SIGSEGV, "frontend": signal.SIGABRT}
# What operators get wrong: a secret where none belongs. Each is refused, and said without it.
MISTAKES = [
    ("tenants", '{"tenants": [{"name": "a", "keys": ["apus-%s"]}]}', "a key in a tenants' file"),
    ("tenants", '{"tenants": "%s', "half a tenants' file"),
    ("config", '{"cluster-secret": "%s"}', "a secret in a configuration"),
]


async def tool(cluster, name, *words):
    """A tool that follows the cluster, into a file."""
    out = open(cluster.folder / f"{name}.out", "wb")
    return await asyncio.create_subprocess_exec(str(cluster.binaries / "wiretool"), *words, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out)


def mistakes(cluster, canaries, captures):
    problems = []
    for kind, text, place in MISTAKES:
        path = cluster.file(f"mistake.{kind}", text % canaries(place))
        option = ["--tenants-file", path] if kind == "tenants" else ["--config", path]
        for check in (["--check-config"], ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]):
            ended = subprocess.run([str(cluster.binaries / "frontend"), *check, *option], capture_output=True, timeout=20, env={})
            captures.add("complaints about options", ended.stdout + ended.stderr)
            if ended.returncode == 0:
                problems.append(f"a frontend takes {place}")
    environment = {"APUS_CLUSTER_SECRET": canaries("a secret in the environment")}
    ended = subprocess.run([str(cluster.binaries / "router"), "--print-config"], capture_output=True, timeout=20, env=environment)
    captures.add("complaints about options", ended.stdout + ended.stderr)
    return problems


async def crash(place, asked, is_reported):
    """Every role with a request of a client under way, and what it says when it ends so."""
    streams = [await asked.leave(model, "a prompt under a crash") for model in (BYTES, WORDS)]
    members = {name: place.cluster[name] for name in CRASHES}
    for name, member in members.items():
        member.tell(CRASHES[name])
    end = time.monotonic() + CRASH_SECONDS
    while is_reported and not all(member.said(REPORT_ENDS) for member in members.values()) and time.monotonic() < end:
        await asyncio.sleep(0.02)
    problems = []
    for name, member in members.items():
        if is_reported and not member.said(REPORT_ENDS):
            problems.append(f"of {name} there is no report of its crash: {member.last_words()}")
        # A signal that is sent is no fault that comes again when its handler returns: a second one ends the process after its report.
        code = await member.end(CRASHES[name])
        if code != -CRASHES[name]:
            problems.append(f"{name} ends with {code} after {CRASHES[name].name}: {member.last_words()}")
    for talk in streams:
        talk.leave()
    return problems


async def crashes(place, asked):
    """As it comes, and then with Swift's reports of crashes, where the toolchain's reporter is. Registers are left out of those, as operators are told
    to do: the report would show sixteen bytes of whatever each of them points to, a prompt perhaps."""
    problems, reporter = await crash(place, asked, False), reporter_of_crashes()
    if reporter is None:
        print("canaries: no toolchain is here, so Swift's reports of crashes could not be made, and were not searched")
    options = f"enable=yes,color=no,interactive=no,registers=none,symbolicate=off,images=none,limit=32,swift-backtrace={reporter}"
    for name in sorted(CRASHES, key=[member.name for member in place.cluster.members].index):
        member = place.cluster[name]
        if reporter:
            member.env["SWIFT_BACKTRACE"] = options
        await member.start()
    await until_ready(place.frontend, [BYTES, WORDS], place.key)
    return problems + (await crash(place, asked, True) if reporter else [])


def reporter_of_crashes():
    swift = shutil.which("swift")
    return next(iter(sorted(Path(swift).resolve().parents[1].glob("libexec/swift/linux/swift-backtrace"))), None) if swift else None


async def run(arguments):
    canaries, captures, began = Canaries(), Captures(), time.monotonic()
    async with Collector(captures) as collector:
        with Cluster(arguments.binaries, arguments.keep) as cluster:
            place = Place(cluster, canaries, collector)
            await place.build()
            asked, feeds = Asked(place), Feeds(captures)
            await asked.hear_tokens()
            problems = prove(canaries) + mistakes(cluster, canaries, captures)
            tools = await follow(place, feeds)
            try:
                await asked.all()
                (await asked.leave(BYTES, "a prompt whose client leaves")).leave()
                captures.add("a decision", await asked.expect(200, f"/v1/requests/{REQUEST_ID}/decision"))
                strangers = await place.strangers()
                await asyncio.sleep(SPANS_SECONDS)
                feeds.drain()
                await captures.processes(cluster.members, "after the requests")
                for stranger in strangers:
                    await stranger.end()
                problems += await crashes(place, asked)
                feeds.drain()
            finally:
                feeds.close()
                for each in tools:
                    if each.returncode is None:
                        each.send_signal(signal.SIGINT)
                    await each.wait()
            await cluster.end_all()
            captures.files(cluster.folder)
    return judge(arguments, canaries, captures, asked, feeds, collector, problems + asked.problems, time.monotonic() - began)


async def follow(place, feeds):
    """All that follows a living cluster: subscribers as anybody may write them, and our own tools."""
    for member in place.cluster.members:
        for record in member.records("listening"):
            feeds.follow(member.program, record.get("feed") or record["publish"])
    trusted = ["--router", place.routers, "--cluster-secret-file", place.secret]
    return [
        await tool(place.cluster, "wiretool-record", "record", *trusted, "--out", str(place.folder / "recording.jsonl")),
        await tool(place.cluster, "wiretool-watch", "watch", *trusted, "--json"),
    ]


def judge(arguments, canaries, captures, asked, feeds, collector, problems, seconds):
    problems += seen(captures)
    for source in ("recording", "wiretool-watch", "a decision", "traces", "feed of workerd", "feed of router", "feed of frontend"):
        if len(captures.data.get(source, b"")) < 200:
            problems.append(f"of {source} there is next to nothing: {bytes(captures.data.get(source, b''))[:200]!r}")
    total = 0
    print(f"{'what':<30} {'bytes':>10}  canaries")
    for source, data in sorted(captures.data.items()):
        found = [each for each in canaries.found(bytes(data)) if not (source in ON_FEEDS and each[0] in NAMES)]
        total += len(found)
        print(f"{source:<30} {len(data):>10}  {len(found)}")
        for place, form, around in found[: None if arguments.show else 5]:
            print(f"    {place}, {form}: …{around}…")
    for problem in problems:
        print(f"  {problem}")
    print(f"canaries: {len(canaries.places)} of them in {asked.count} requests, {collector.posts} posts of spans, {feeds.messages} messages of feeds, in {seconds:.0f} s: "
          f"{total} found, {len(problems)} cases not as they should be")  # fmt: skip
    return 1 if total or problems else 0


def main():
    parser = argparse.ArgumentParser(prog="deploy/dev/canaries", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="every place at which one is found, not five of each")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keeps the logs there, in a new folder")
    parser.add_argument("--binaries", type=Path, default=ROOT / ".build/release", help="where the programs are")
    arguments = parser.parse_args()
    if arguments.keep and arguments.keep.exists():
        parser.error(f"{arguments.keep} is there already")
    return run_loop("canaries", run(arguments))


if __name__ == "__main__":
    sys.exit(main())
