"""schemathesis: requests made up from /openapi.json, right and wrong ones. No answer may be a 5xx, or other than the description says."""

import importlib.metadata
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import URLS, check, run

# The same in each run: what failed once fails again.
SEED = 20
# Of each operation. Those that cover each value of the description beside them are thousands, and left out of the smoke.
IS_SMOKE = bool(os.environ.get("APUS_GOLDEN_SMOKE"))
EXAMPLES, PHASES = (50, "examples,fuzzing") if IS_SMOKE else (300, "examples,coverage,fuzzing")
# Its phases take turns with the cluster; a hang is found by the limit of each request.
REQUEST_SECONDS, RUN_SECONDS = 20, 500
CHECKS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance", "response_schema_conformance",
    "unsupported_method", "allow_header_conformance",
]  # fmt: skip


def run_schemathesis(checks):
    """Its exit code and what it said, with the failures as far as they are told."""
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks"}
    # In a folder of its own: it keeps what it found beside it.
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            [
                Path(sys.executable).parent / "schemathesis", "--config-file", Path(__file__).with_name("schemathesis.toml"),
                "run", URLS["main"] + "/openapi.json", "--checks", ",".join(checks),
                "--max-examples", str(EXAMPLES), "--seed", str(SEED), "--generation-database", "none", "--phases", PHASES,
                "--request-timeout", str(REQUEST_SECONDS), "--continue-on-failure", "--no-color",
            ],
            env=environment, cwd=folder, capture_output=True, text=True, timeout=RUN_SECONDS,
        )  # fmt: skip
    return result.returncode, result.stdout + result.stderr


def failures(said):
    """The part of its report that tells them."""
    _, found, rest = said.partition("= FAILURES =")
    return (rest if found else said).split("= SUMMARY =")[0].split("= WARNINGS =")[0].strip("= \n")


@check(f"{EXAMPLES} made-up requests of each operation: no 5xx, nothing that is not described", seconds=RUN_SECONDS)
def made_up():
    status, said = run_schemathesis(CHECKS)
    cases = [line.strip() for line in said.splitlines() if "generated" in line]
    if status:
        print("\n".join("        " + line for line in failures(said).splitlines()))
        raise AssertionError(f"schemathesis ended with {status}: {' '.join(cases)}")
    print(f"        {' '.join(cases)}")


if __name__ == "__main__":
    run(f"schemathesis {importlib.metadata.version('schemathesis')}")
