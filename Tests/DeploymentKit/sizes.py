"""The programs are small: what each may have at the most, stripped as the package has it."""

import pathlib
import shutil
import subprocess
import tempfile

from report import Report

# A program of one role has twelve million at the most; less where it has far less, so that what adds much is looked at first.
MOST_BYTES = {"router": 9_400_000, "workerd": 11_500_000, "frontend": 12_000_000}
# Parts of the toolchain that a single call brings in whole, and nobody needs here.
UNWANTED = {"$s12_RegexParser": "a parser of regular expressions", "$s10Foundation": "Foundation"}


def check(root, options):
    report = Report("sizes")
    if not report.expect(options.binaries, "there are programs to measure", "give --binaries DIR"):
        return report
    with tempfile.TemporaryDirectory() as work:
        for program, most in MOST_BYTES.items():
            binary, stripped = pathlib.Path(options.binaries) / program, pathlib.Path(work) / program
            shutil.copy(binary, stripped)
            report.command(f"{program} is made slim", [root / "deploy/dev/slim", stripped])
            report.command(f"{program} says its version", [stripped, "--version"])
            size = stripped.stat().st_size
            print(f"sizes: {program} has {size:,} bytes, and may have {most:,}", flush=True)
            report.expect(size <= most, f"{program} is no larger than it may be", f"{size} bytes, {size - most} too many")
            names = subprocess.run(["nm", binary], stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout
            for name, what in UNWANTED.items():
                report.expect(name not in names, f"{program} has no {what}", next((line for line in names.splitlines() if name in line), ""))
    return report
