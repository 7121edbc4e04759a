"""Follows every link of the documents, and runs every command of the guides, block by block, beside a cluster on the ports that the guides name. deploy/dev/guides calls it."""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Tests/RealCluster"), str(ROOT / "Tests/Guides")]
sys.dont_write_bytecode = True

import links  # noqa: E402
import rules  # noqa: E402
from blocks import blocks, program  # noqa: E402
from processes import Processes, exit_when_told  # noqa: E402
from talk import ask  # noqa: E402

# A block of the guides that takes longer hangs.
BLOCK_SECONDS = 120
READY_SECONDS = 60
GUIDES = ["README.md", "deploy/engines/README.md", "deploy/systemd/README.md", "deploy/kubernetes/README.md", "deploy/containers/README.md",
          "deploy/examples/README.md", "deploy/observability/README.md", "deploy/SECURITY.md"]


class Cluster:
    """On the default ports: both models that the guides ask for, and a little traffic, so that whoever watches sees something."""

    def __init__(self, binaries, processes):
        self.processes = processes
        start = lambda name, program, *words: processes.start(name, [f"{binaries}/{program}", *words], cwd=ROOT)
        # The example of the reference asks for vectors.
        mock = ("workerd", "--engine", "mock", "--mock-embedding-dimensions", "4")
        self.lasting = [start("router", "router"), start("frontend", "frontend")]
        start("worker-mock", *mock, "--listen", "tcp://127.0.0.1:8200", "--publish", "tcp://127.0.0.1:8202", "--admin-listen", "127.0.0.1:8201")
        start("worker-other", *mock)
        start("worker-tiny", "workerd", "--engine", "reference", "--model", "deploy/models/tiny", "--weights", "deploy/models/tiny/tiny-f16.gguf")

    def until_ready(self):
        """Whether all of it serves; a worker or a load that a guide has killed is started again."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            for process in self.processes.ended():
                if process in self.lasting:
                    return False
                process.begin()
            models = ask(8000, "/v1/models")[1]
            if '"tiny"' in models and '"apus-mock"' in models and ask(8001, "/readyz")[0] == 200:
                return True
            time.sleep(0.1)
        return False


def traffic(binaries):
    """As long as this runs: somebody always asks."""
    return [f"{binaries}/loadgen", "run", "--url", "http://127.0.0.1:8000", "--model", "apus-mock", "--rate", "4", "--duration", "30min",
            "--output-tokens", "8", "--prefix-tokens", "128"]


def one_line(command):
    return " ".join(command.replace("\\\n", " ").split())


def script(block):
    """The block as it is tried: lines for a shell, and what is left out with the reason. None stands for a command that nobody has judged."""
    lines, left = [], []
    for command in block.commands:
        name = program(command)
        known = next((known for known in rules.ELSEWHERE if " " in known and command.startswith(known)), None)
        if known:
            left.append((known, rules.ELSEWHERE[known]))
        elif name in rules.SERVERS:
            line = one_line(rules.prepared(block.guide, command)).removesuffix(" --check-config")
            lines.append(f"{line} --check-config >/dev/null")
        elif name in rules.TOOLS or name in rules.COMMON or re.fullmatch(r"\w+=\S*", command):
            tried = rules.prepared(block.guide, command)
            if tried.startswith(rules.BESIDE):
                lines += [f"{tried} & beside+=($!)", "sleep 0.5"]
            else:
                lines.append(tried)
        elif name in rules.ELSEWHERE or name.startswith(rules.ENGINES):
            left.append((name, rules.ELSEWHERE.get(name, rules.ELSEWHERE["vllm"])))
        elif name.startswith(rules.SCRIPTS) and (ROOT / name).is_file():
            # That it is there and knows its options: it is run where it is at home.
            options = re.findall(r"(?<=\s)--[a-z-]+", one_line(command).split(" -- ")[0])
            lines += [f"{name} --help >help"] + [f"grep -q -e '{option}' help" for option in options]
        else:
            left.append((command, None))
    return lines, left


def folder():
    """Where commands write: everything of the checkout is there, and what they make goes away with it."""
    made = tempfile.TemporaryDirectory(prefix="apus-guides-")
    path = pathlib.Path(made.name)
    for name in ("Tests", "deploy", "proto-spec", "Sources", "README.md"):
        (path / name).symlink_to(ROOT / name)
    for name in ("a.json", "FILE"):
        (path / name).touch()
    (path / "secret").write_text("as long as a secret of a cluster should be\n")
    return made, path


def configured_files(path):
    """What an operator has in /etc/apus: the tenants of the guide itself, a token, certificates made for this run."""
    tenants = re.search(r"^```json\n(.*?)^```$", (ROOT / "deploy/guides/tenants.md").read_text(), re.S | re.M).group(1)
    own = path / "etc-apus"
    own.mkdir()
    for place in (path, own):
        (place / "tenants.json").write_text(tenants)
    (own / "admin-token").write_text("0123456789abcdef0123456789abcdef\n")
    for name in ("tls", "https"):
        subprocess.run([str(ROOT / "deploy/dev/certs"), str(own / name)], check=True, stdout=subprocess.DEVNULL)


def run(block, lines, path, binaries):
    text = "\n".join(["set -euo pipefail", "beside=()", "trap 'kill ${beside[@]+\"${beside[@]}\"} 2>/dev/null || true' EXIT", *lines])
    environment = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", "KEY": "none"}
    try:
        done = subprocess.run(["bash", "-c", text], cwd=path, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=BLOCK_SECONDS, check=False)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        said = late.stdout.decode(errors="replace") if late.stdout else ""
        return 124, f"{said}\nit did not end within {BLOCK_SECONDS} s"


def outdated_reference():
    """The reference of the API is what a frontend says of itself."""
    done = subprocess.run([str(ROOT / "deploy/dev/api-reference"), "--check", "--url", "http://127.0.0.1:8000"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=BLOCK_SECONDS, check=False)
    return [done.stdout.rstrip()] if done.returncode else []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("guides", nargs="*")
    options = parser.parse_args()
    binaries = pathlib.Path(options.binaries).resolve()
    files = [ROOT / name for name in GUIDES if (ROOT / name).is_file()] + sorted((ROOT / "deploy/guides").glob("*.md"))
    if options.guides:
        files = [file for file in files if file.name in options.guides or str(file.relative_to(ROOT)) in options.guides]
    found = [block for file in files for block in blocks(file.name, file.read_text()) if not rules.is_shown(block)]
    failures, ran, elsewhere = list(links.faults(ROOT)), 0, 0
    exit_when_told()
    with Processes() as processes:
        made, path = folder()
        with made:
            configured_files(path)
            cluster = None if options.list else Cluster(binaries, processes)
            if cluster and not cluster.until_ready():
                sys.exit(f"guides: the cluster did not become ready\n{processes.last_words()}")
            if cluster:
                processes.start("traffic", traffic(binaries))
                failures += outdated_reference()
            for block in found:
                lines, left = script(block)
                failures += [f"{block.place}: nobody says how this is tried (Tests/Guides/rules.py): {what}" for what, why in left if why is None]
                elsewhere += len(left)
                if options.list:
                    print(f"{block.place}", *[f"  {line}" for line in lines], *[f"  ({what}: {why})" for what, why in left], sep="\n")
                    continue
                if not lines:
                    continue
                code, output = run(block, lines, path, binaries)
                ran += len(lines)
                if code:
                    failures.append(f"{block.place}: ended with {code}\n    " + "\n    ".join([*lines, *(line[:200] for line in output.splitlines()[-12:])]))
                if not cluster.until_ready():
                    sys.exit(f"guides: after {block.place} the cluster was not well again\n{processes.last_words()}")
    for failure in failures:
        print(f"guides: FAILED: {failure}")
    print(f"guides: {len(found)} blocks, {ran} commands ran, {elsewhere} are tried elsewhere, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
