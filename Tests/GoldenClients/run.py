#!/usr/bin/env python3
"""Starts the clusters and runs the clients against them; deploy/dev/clients calls it, and makes their environments before."""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "RealCluster"))

from cluster import ROOT, standing  # noqa: E402
from processes import Failed, exit_when_told  # noqa: E402

# A client that takes longer hangs.
CLIENT_SECONDS = 600


class Client:
    def __init__(self, environment, *scripts, in_smoke=True):
        self.environment, self.scripts, self.in_smoke = environment, scripts, in_smoke


OPENAI = ("openai_chat.py", "openai_tools.py", "openai_failures.py")
# Each in the environment that has its packages; the name of an environment is that of its file in requirements.
CLIENTS = {
    "openai": Client("sdk", *OPENAI),
    "openai-2": Client("litellm", *OPENAI, in_smoke=False),
    "openai-1": Client("older", *OPENAI),
    "anthropic": Client("sdk", "anthropic_sdk.py"),
    "langchain": Client("sdk", "langchain_openai_chat.py"),
    "litellm": Client("litellm", "litellm_client.py"),
    "wire": Client(None, "wire_client.py"),
    "schemathesis": Client("sdk", "schemathesis_client.py"),
    # Their start alone takes the time of a smoke.
    "aiperf": Client("aiperf", "aiperf_client.py", in_smoke=False),
    "guidellm": Client("guidellm", "guidellm_client.py", in_smoke=False),
}


def environments(names):
    """The environments that some clients need."""
    return sorted({CLIENTS[name].environment for name in names} - {None})


def chosen(names, smoke):
    return names or [name for name, client in CLIENTS.items() if client.in_smoke or not smoke]


class Scripts:
    """The scripts that run now, each in a group of its own with all that it starts: what ends it ends all of that."""

    def __init__(self):
        self.processes, self.changing, self.are_over = set(), threading.Lock(), False

    def run(self, script, client, variables):
        """A script's exit code and what it said."""
        python = sys.executable if client.environment is None else ROOT / ".clients" / client.environment / "bin/python"
        with self.changing:
            if self.are_over:
                return 1, ""
            process = subprocess.Popen(
                [python, HERE / script], env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                start_new_session=True)  # fmt: skip
            self.processes.add(process)
        late = ""
        try:
            said, _ = process.communicate(timeout=CLIENT_SECONDS)
        except subprocess.TimeoutExpired:
            late = f"  FAIL  {script} did not end within {CLIENT_SECONDS} s\n"
            self.end(process)
            said, _ = process.communicate()
        with self.changing:
            self.end(process)
            self.processes.remove(process)
        return 1 if late else process.returncode, said + late

    def end_all(self):
        with self.changing:
            self.are_over = True
            for process in self.processes:
                self.end(process)

    @staticmethod
    def end(process):
        # What a script left behind is in its group still, when it has ended itself.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def run_clients(names, variables):
    """The clients that failed."""
    # Two at once: each waits for the cluster more than it computes.
    scripts, pool, failed = Scripts(), ThreadPoolExecutor(2), []
    try:
        runs = [(name, script, pool.submit(scripts.run, script, CLIENTS[name], variables)) for name in names for script in CLIENTS[name].scripts]
        for name, script, future in runs:
            status, said = future.result()
            print(said, end="", flush=True)
            if status:
                failed.append(f"{name} ({script})")
    except BaseException:
        # Ended from outside: nothing is waited for.
        pool.shutdown(wait=False, cancel_futures=True)
        scripts.end_all()
        raise
    pool.shutdown()
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clients", nargs="*", metavar="CLIENT")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--binaries", type=Path, default=ROOT / ".build/release")
    parser.add_argument("--environments", action="store_true", help="say which are needed, and do nothing")
    arguments = parser.parse_args()
    for name in arguments.clients:
        if name not in CLIENTS:
            parser.error(f"there is no client {name}; there are {', '.join(CLIENTS)}")
    names = chosen(arguments.clients, arguments.smoke)
    if arguments.environments:
        print("\n".join(environments(names)))
        return 0

    exit_when_told()
    began = time.monotonic()
    try:
        with standing(arguments.binaries) as places, tempfile.TemporaryDirectory() as locks:
            print(f"clients: clusters stand after {time.monotonic() - began:.1f} s", flush=True)
            variables = {
                **places.environment(), "APUS_GOLDEN_LOCKS": locks, "APUS_GOLDEN_SMOKE": "1" if arguments.smoke else "",
                "PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1",
            }  # fmt: skip
            failed = run_clients(names, variables)
    except Failed as error:
        print(f"clients: {error}", file=sys.stderr)
        return 1
    took = time.monotonic() - began
    print(f"clients: {'all is well' if not failed else 'FAILED: ' + ', '.join(failed)} after {took:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
