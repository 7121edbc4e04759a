"""guidellm: a small load on each of three endpoints, whose every request must succeed and have the length that was asked for."""

import importlib.metadata
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import URLS, check, run, same

TINY = Path(__file__).resolve().parent.parent.parent / "deploy/models/tiny"
REQUESTS, INPUT, OUTPUT, SEED = 20, 60, 16, 1
# Most of it is guidellm's own start.
RUN_SECONDS = 300


def measured(path):
    """The benchmark that it wrote down."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [
            Path(sys.executable).parent / "guidellm", "run", "--backend", f"kind=openai_http,target={URLS['main']},model=tiny,request_format={path}",
            "--profile", "kind=concurrent,streams=4", "--constraint", f"kind=max_requests,count={REQUESTS}",
            "--tokenizer", f"kind=hf_auto,model={TINY}", "--data", f"kind=synthetic_text,prompt_tokens={INPUT},output_tokens={OUTPUT}",
            "--seed", f"kind=static,value={SEED}", "--output", f"kind=json,path={report}", "--disable-console",
        ]  # fmt: skip
        result = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=RUN_SECONDS)
        assert result.returncode == 0, result.stdout[-2000:]
        return json.loads(report.read_text())["benchmarks"][0]


def all_succeeded(benchmark):
    totals = benchmark["metrics"]["request_totals"]
    same({name: totals[name] for name in ("successful", "errored", "incomplete")}, {"successful": REQUESTS, "errored": 0, "incomplete": 0})
    same({request["output_tokens"] for request in benchmark["requests"]["successful"]}, {OUTPUT}, "tokens of answers")
    assert all(request["prompt_tokens"] > 0 for request in benchmark["requests"]["successful"])


@check("chats, streamed", seconds=RUN_SECONDS)
def chats():
    all_succeeded(measured("/v1/chat/completions"))


@check("text completions, streamed", seconds=RUN_SECONDS)
def completions():
    all_succeeded(measured("/v1/completions"))


@check("responses, streamed", seconds=RUN_SECONDS)
def responses():
    totals = measured("/v1/responses")["metrics"]["request_totals"]
    same((totals["successful"], totals["errored"]), (REQUESTS, 0))


if __name__ == "__main__":
    run(f"guidellm {importlib.metadata.version('guidellm')}")
