"""aiperf: a small load, whose every request must succeed and have the length that was asked for."""

import importlib.metadata
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import URLS, check, run, same

TINY = Path(__file__).resolve().parent.parent.parent / "deploy/models/tiny"
REQUESTS, INPUT, OUTPUT, SEED = 30, 60, 16, 1
# Most of it is aiperf's own start.
RUN_SECONDS = 300


def profile(endpoint, *options):
    """What it measured."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            Path(sys.executable).parent / "aiperf", "profile", "--model", "tiny", "--url", URLS["main"], "--endpoint-type", endpoint,
            "--concurrency", "4", "--request-count", str(REQUESTS), "--isl", str(INPUT), "--osl", str(OUTPUT),
            "--extra-inputs", "ignore_eos:true", "--extra-inputs", f"min_tokens:{OUTPUT}", "--use-server-token-count", "--tokenizer", str(TINY),
            "--random-seed", str(SEED), "--ui", "none", "--artifact-dir", folder, *options,
        ]  # fmt: skip
        result = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=RUN_SECONDS)
        assert result.returncode == 0, result.stdout[-2000:]
        return json.loads(Path(folder, "profile_export_aiperf.json").read_text())


def all_succeeded(report):
    same(report["request_count"]["avg"], REQUESTS, "requests that succeeded")
    same(report["error_summary"], [], "errors")
    same(report["was_cancelled"], False)
    same((report["output_sequence_length"]["min"], report["output_sequence_length"]["max"]), (OUTPUT, OUTPUT), "tokens of answers")


@check("chats, streamed", seconds=RUN_SECONDS)
def chats():
    report = profile("chat", "--streaming")
    all_succeeded(report)
    assert 0 < report["time_to_first_token"]["avg"] <= report["request_latency"]["avg"]


@check("text completions, streamed", seconds=RUN_SECONDS)
def completions():
    all_succeeded(profile("completions", "--streaming"))


if __name__ == "__main__":
    run(f"aiperf {importlib.metadata.version('aiperf')}")
