"""The units: systemd reads them, they may do little, a drain ends before systemd's patience does, and programs accept every example."""

import configparser
import os
import pathlib
import re
import shutil
import signal
import socket
import tempfile

from processes import Processes
from report import Report

UNITS, EXAMPLES = "deploy/systemd", "deploy/examples"
PROGRAMS = {"apus-router.service": "router", "apus-frontend.service": "frontend", "apus-workerd@.service": "workerd"}
# In tenths, as systemd-analyze takes it; what it calls fine ends at 50. What these units have they keep.
EXPOSURE = 15
# The programs' default of --drain-limit, and what a process takes beyond it: its last spans, its sockets.
DRAIN_SECONDS, END_SECONDS = 120, 10
# A word from a process on a busy machine.
NOTIFY_SECONDS = 60


def settings(path):
    """Section [Service] of a unit; where a key stands more than once, its values in order."""
    parser = configparser.RawConfigParser(strict=False, dict_type=Several, delimiters="=", comment_prefixes="#", interpolation=None)
    parser.optionxform = str
    parser.read_string(path.read_text())
    return {key: value.split("\n") for key, value in parser.items("Service")}


class Several(dict):
    """configparser hands over lists, and would let the last one of a key stand alone."""

    def __setitem__(self, key, value):
        if isinstance(value, list) and key in self and isinstance(self[key], list):
            value = self[key] + value
        super().__setitem__(key, value)


def check_units(root, report):
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        for name in PROGRAMS:
            text = (root / UNITS / name).read_text()
            (work / name).write_text(re.sub(r"/usr/lib/apus/\w+", "/bin/true", text))
        for drop_in in sorted((root / UNITS).glob("*.conf")):
            for unit in re.findall(r"/etc/systemd/system/(\S+)\.d/", drop_in.read_text()) + re.findall(r"\(and of (.*)\)", drop_in.read_text()):
                for each in unit.split(", "):
                    folder = work / f"{each.removesuffix('.service')}.service.d"
                    report.expect(f"{each.removesuffix('.service')}.service" in PROGRAMS, f"{drop_in.name}: says where it goes", f"no unit {each}")
                    folder.mkdir(exist_ok=True)
                    shutil.copy(drop_in, folder)
        for name in PROGRAMS:
            instance = work / name.replace("@.", "@0.")
            if instance.name != name:
                shutil.copy(work / name, instance)
            output = report.command(f"systemd reads {name} and its drop-ins", ["systemd-analyze", "verify", "--man=no", instance])
            complaints = [line for line in output.splitlines() if str(work) in line or "apus" in line]
            report.expect(not complaints, f"systemd has nothing to say about {name}", "\n".join(complaints))
            report.command(f"{name} may do little", ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", root / UNITS / name])
    for name, program in PROGRAMS.items():
        unit = settings(root / UNITS / name)
        report.expect(unit["Type"] == ["notify"] and "WatchdogSec" in unit, f"{name}: systemd hears from the process", "Type=notify and WatchdogSec")
        report.expect(
            unit["ExecStart"][0].startswith(f"/usr/lib/apus/{program} "), f"{name}: runs {program} of the package", unit["ExecStart"][0])
        report.expect(seconds(unit["TimeoutStopSec"][0]) >= DRAIN_SECONDS + END_SECONDS, f"{name}: waits for a drain", "TimeoutStopSec is too short")


def seconds(text):
    """A duration as both systemd and the programs write it: 150, 10s, 5min."""
    number, unit = re.fullmatch(r"(\d+)(s|min|h|)", text).groups()
    return int(number) * {"": 1, "s": 1, "min": 60, "h": 3600}[unit]


def environment(path):
    """A file of `KEY=value` lines, as systemd reads one without quotes."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def examples(root):
    """Every example of a process: where it stands, its program, its environment, and how long its unit waits for a drain."""
    for path in sorted((root / EXAMPLES).rglob("*.env")):
        program = re.match(r"[a-z]+", path.name).group()
        if path.name == "workerd.env" and list(path.parent.glob("workerd-*.env")):
            continue
        own = environment(path)
        if path.name.startswith("workerd-"):
            own = environment(path.parent / "workerd.env") | own
        unit = next(name for name, each in PROGRAMS.items() if each == program)
        patience = seconds(settings(root / UNITS / unit)["TimeoutStopSec"][0])
        drop_in = path.parent / "drain.conf"
        if drop_in.exists():
            patience = seconds(settings(drop_in)["TimeoutStopSec"][0])
        yield path.relative_to(root), program, own, patience


def check_examples(root, report, binaries, work):
    certificates = work / "certs"
    if binaries:
        report.command("certificates are made", [root / "deploy/dev/certs", certificates])
        (work / "secret").write_text("a secret that nobody else has\n")
    for path, program, own, patience in examples(root):
        needed = seconds(own.get("APUS_DRAIN_LIMIT", f"{DRAIN_SECONDS}s")) + seconds(own.get("APUS_DRAIN_GRACE", "0s")) + END_SECONDS
        report.expect(needed <= patience, f"{path}: systemd waits for its drain", f"it may take {needed} s, and TimeoutStopSec is {patience}")
        if not binaries:
            continue
        group = root / EXAMPLES / path.relative_to(EXAMPLES).parts[0]
        variables = {"PATH": os.environ["PATH"], **own}
        if any(value.startswith("tls+") for value in own.values()):
            variables |= {f"APUS_TLS_{name.upper()}_FILE": str(certificates / f"{name}.pem") for name in ("ca", "cert", "key")}
        elif group.name != "one-host":
            variables["APUS_CLUSTER_SECRET_FILE"] = str(work / "secret")
        if program == "frontend" and (group / "tenants.json").exists():
            variables["APUS_TENANTS_FILE"] = str(group / "tenants.json")
        report.accepted(f"{path}: {program} accepts it", [binaries / program, "--check-config"], variables)


def check_notify(binaries, report, work):
    """What systemd would hear of a process: that it serves, that it lives, that it ends."""
    address = str(work / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, Processes(work) as processes:
        listener.bind(address)
        listener.settimeout(NOTIFY_SECONDS)
        variables = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"}
        router = processes.start("router", [binaries / "router", "--listen", "tcp://127.0.0.1:0", "--publish", "tcp://127.0.0.1:0", "--admin-listen",
                                            "127.0.0.1:0"], env=variables)

        def hears(word):
            try:
                # The watchdog comes in between as often as it likes; a bound on messages is a bound on time.
                return any(word in listener.recv(4096).decode().split("\n") for _ in range(200))
            except socket.timeout:
                return False

        report.expect(hears("READY=1"), "a process says that it serves", processes.last_words())
        report.expect(hears("WATCHDOG=1") and hears("WATCHDOG=1"), "a process says that it lives", processes.last_words())
        router.tell(signal.SIGTERM)
        report.expect(hears("STOPPING=1"), "a process says that it ends", processes.last_words())


def check(root, options):
    report = Report("systemd")
    binaries = pathlib.Path(options.binaries).resolve() if options.binaries else None
    check_units(root, report)
    with tempfile.TemporaryDirectory() as work:
        check_examples(root, report, binaries, pathlib.Path(work))
        if binaries:
            check_notify(binaries, report, pathlib.Path(work))
    return report
