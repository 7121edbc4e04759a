"""The package: the same binaries make the same bytes, and a bare Debian with it and three libraries runs a cluster, also under its own systemd."""

import asyncio
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from cluster import becomes_ready, chat
from members import Cluster
from processes import Processes
from report import Report, run

# What the package needs beyond Debian's smallest system, and what only the check of the units needs.
LIBRARIES = ("libnng1", "libzstd1", "libpcre2-8-0")
MANAGER = ("systemd", "systemd-sysv", "dbus")
# Making the system downloads some eighty packages.
DEBIAN_SECONDS = 1200
# A whole system's start, and what systemd takes to notice that a process hangs (WatchdogSec) and to start another.
BOOT_SECONDS, WATCHDOG_SECONDS = 90, 90
# In the containers and here: a user that owns nothing.
NOBODY = "65534:65534"
SERVICES = {"apus-router": "router", "apus-workerd@0": "workerd", "apus-workerd@1": "workerd", "apus-frontend": "frontend"}


def make(root, binaries, into, report):
    """The package, and what was said of its sizes."""
    output = report.command("a package is made", [root / "deploy/package", "--binaries", binaries, "--into", into])
    return next(iter(sorted(into.glob("*.tar.gz"))), None), output


def debian(root, report):
    """The smallest Debian 12 with what the package needs, made once and kept."""
    kept = root / ".kit/debian"
    if not (kept / "made-of").exists():
        shutil.rmtree(kept, ignore_errors=True)
        making = kept.with_name("debian.making")
        shutil.rmtree(making, ignore_errors=True)
        print(f"package: making {kept}", flush=True)
        words = ["debootstrap", "--variant=minbase", f"--include={','.join(LIBRARIES + MANAGER)}", "bookworm", str(making)]
        made = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=DEBIAN_SECONDS)
        if not report.expect(made.returncode == 0, "a bare Debian is made", made.stdout[-2000:]):
            return None
        (making / "made-of").write_text(" ".join(words) + "\n")
        making.rename(kept)
    return kept


def install(root, package, kept, work, report):
    """A copy of it with the package and the example of one host."""
    system = work / "system"
    report.command("the bare system is copied", ["cp", "-a", "--reflink=auto", kept, system])
    report.command("the package is unpacked", ["tar", "-xzf", package, "-C", system, "--strip-components=1", "--no-same-owner"])
    report.command("its checksums hold", ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=system)
    (system / "etc/apus").mkdir()
    for file in (system / "usr/share/doc/apus/deploy/examples/one-host").glob("*.env"):
        shutil.copy(file, system / "etc/apus")
    wants = system / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    for service in SERVICES:
        (wants / f"{service}.service").symlink_to(f"/usr/lib/systemd/system/{re.sub('@.*', '@', service)}.service")
    return system


def check_libraries(system, report):
    for program in sorted({*SERVICES.values(), "loadgen", "wiretool"}):
        output = report.command(f"{program}: its libraries are listed", ["chroot", system, "ldd", f"/usr/lib/apus/{program}"])
        report.expect("not found" not in output, f"{program}: the bare system has all of its libraries", output)
    toolchain = [str(path) for path in (system / "usr").rglob("libswift*")]
    report.expect(not toolchain, "nothing of the toolchain is there", ", ".join(toolchain))


def check_chroot(system, work, report):
    """A cluster of the packaged programs, in the bare system, which is read-only, as a user who owns nothing."""
    # A process finds its own command line in /proc, as in every container.
    jail = (f'mount --bind "{system}" "{system}" && mount -t proc proc "{system}/proc" && mount -o remount,ro,bind "{system}" '
            f'&& exec chroot --userspec={NOBODY} "{system}" "$@"')
    with Cluster("/usr/lib/apus", work / "logs", ["unshare", "--mount", "sh", "-c", jail, "jail"], root=system) as cluster:
        if not becomes_ready(cluster, "a cluster in the bare system becomes ready", report):
            return
        status, body = chat(cluster, "Hello")
        report.expect(status == 200 and '"finish_reason":"length"' in body.replace(" ", ""), "it answers", f"{status} {body[:300]}")
        for member in cluster.members:
            facts = pathlib.Path(f"/proc/{member.pid}/status").read_text()
            report.expect(re.search(r"^Uid:\t65534\t", facts, re.M), f"{member.name} is not root", facts)
            mounts = pathlib.Path(f"/proc/{member.pid}/mounts").read_text().splitlines()
            writes = not any(line.split()[1] == "/" and line.split()[3].startswith("ro") for line in mounts)
            report.expect(not writes, f"{member.name} cannot write", "\n".join(mounts))
        codes = asyncio.run(cluster.end_all())
    report.expect(set(codes.values()) == {0}, "all end well when they are told to", str(codes))


class Machine:
    """The bare system, started with its own systemd and a network of its own."""

    def __init__(self, system, processes):
        self.process = processes.start("machine", ["systemd-nspawn", "--quiet", "--directory", system, "--boot", "--register=no", "--keep-unit",
                                                   "--private-network", "--link-journal=no", "--console=pipe"])
        self.pid = self.process.pid

    def close(self):
        """It is asked to end first: it has mounts to give back."""
        asyncio.run(self.process.end())

    @property
    def init(self):
        """The machine's first process, as it is numbered here."""
        children = [int(child) for child in pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        for child in children:
            grandchildren = pathlib.Path(f"/proc/{child}/task/{child}/children").read_text().split()
            for each in [child, *map(int, grandchildren)]:
                status = pathlib.Path(f"/proc/{each}/status").read_text()
                if re.search(r"^NSpid:\t\d+\t1$", status, re.M):
                    return each
        return None

    def inside(self, *command):
        """A command in all the namespaces of the machine."""
        return run(["nsenter", "--target", str(self.init), "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--net", "--root", "--wd", "--", *command])

    def outside(self, *command):
        """A command of this machine in the network of the other one."""
        return run(["nsenter", "--target", str(self.init), "--net", "--", *command])

    def show(self, service, *properties):
        _, output = self.inside("systemctl", "show", "--property", ",".join(properties), service)
        return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def until(holds, limit):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            if holds():
                return True
        except (OSError, ValueError):
            pass
        time.sleep(0.5)
    return False


def check_units(system, work, report):
    """The units as they are, under systemd: they start, are confined, answer, drain, and are started again when they hang."""
    with Processes(work / "machine") as processes, contextlib.closing(Machine(system, processes)) as machine:
        active = lambda: all(machine.show(service, "ActiveState").get("ActiveState") == "active" for service in SERVICES)
        if not report.expect(until(lambda: machine.init and active(), BOOT_SECONDS), "all units become active", processes.last_words()):
            return
        ready = lambda: machine.outside("curl", "-fsS", "http://127.0.0.1:8001/readyz")[0] == 0
        report.expect(until(ready, BOOT_SECONDS), "the frontend is ready", str(machine.inside("journalctl", "-n", "20", "-o", "cat")))
        body = '{"model": "apus-mock", "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]}'
        answer = machine.outside("curl", "-fsS", "-H", "content-type: application/json", "-d", body, "http://127.0.0.1:8000/v1/chat/completions")
        report.expect(answer[0] == 0 and "finish_reason" in answer[1], "it answers", str(answer))
        for service in SERVICES:
            check_confinement(machine, service, report)
        code, output = machine.inside("systemctl", "stop", "apus-frontend")
        ended = machine.show("apus-frontend", "Result", "ExecMainStatus")
        report.expect(code == 0 and ended == {"Result": "success", "ExecMainStatus": "0"}, "a stop drains", f"{ended} {output}")
        before = machine.show("apus-router", "MainPID")["MainPID"]
        report.expect(machine.inside("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "apus-router")[0] == 0, "a process hangs", before)
        again = lambda: machine.show("apus-router", "MainPID")["MainPID"] not in (before, "0") and active_one(machine, "apus-router")
        report.expect(until(again, WATCHDOG_SECONDS), "a process that hangs is started again", str(machine.show("apus-router", "Result", "MainPID")))
        report.expect(until(lambda: registered(machine) == 2, BOOT_SECONDS), "both workers find the new router", str(registered(machine)))


def active_one(machine, service):
    return machine.show(service, "ActiveState")["ActiveState"] == "active"


def registered(machine):
    _, text = machine.outside("curl", "-fsS", "http://127.0.0.1:8102/metrics")
    found = re.search(r'^apus_router_workers\{state="ready"\} (\d+)', text, re.M)
    return int(found.group(1)) if found else 0


def check_confinement(machine, service, report):
    pid = machine.show(service, "MainPID")["MainPID"]
    _, facts = machine.inside("cat", f"/proc/{pid}/status")
    for what, pattern in (("is not root", r"^Uid:\t[1-9]\d*\t"), ("has no capability", r"^CapEff:\t0+$"), ("gains no rights", r"^NoNewPrivs:\t1$"),
                          ("is filtered in its system calls", r"^Seccomp:\t2$")):
        report.expect(re.search(pattern, facts, re.M), f"{service} {what}", facts)


def check(root, options):
    report = Report("package")
    if not report.expect(options.binaries, "there are programs to package", "give --binaries DIR"):
        return report
    if not report.expect(os.geteuid() == 0, "a system can be made and entered", "be root"):
        return report
    binaries = pathlib.Path(options.binaries).resolve()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        (package, sizes), (second, _) = (make(root, binaries, work / each, report) for each in ("one", "two"))
        print(sizes, end="", flush=True)
        if package is None or second is None:
            return report
        report.expect(package.read_bytes() == second.read_bytes(), "the same binaries make the same package", "two runs differ")
        kept = debian(root, report)
        if kept is None:
            return report
        system = install(root, package, kept, work, report)
        check_libraries(system, report)
        check_chroot(system, work, report)
        check_units(system, work, report)
    return report
