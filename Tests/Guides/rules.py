"""What becomes of the commands in guides when they are tried: nearly all run as they stand, beside a small cluster on the usual ports.

A command that is named nowhere here and is no program of ours fails the test: whoever writes one into a guide decides how it is tried.
"""

import re

# Programs that are not here, and what tries them instead.
ELSEWHERE = {
    "vllm": "deploy/dev/engines", "sglang": "deploy/dev/engines", "claude": "deploy/dev/clients has its requests",
    "docker": "another project's image", "ssh": "another host", "podman": "deploy/dev/kit containers", "podman-compose": "deploy/dev/kit containers",
    "kubectl": "deploy/dev/kit kubernetes", "cd": "deploy/dev/kit kubernetes", "systemctl": "deploy/dev/kit systemd, package",
    "apt-get": "deploy/dev/kit package", "install": "deploy/dev/kit systemd", "for": "deploy/dev/kit systemd", "tar": "deploy/dev/kit package",
    "(cd": "deploy/dev/kit package", "git": "a clone is what this runs in", "prometheus": "deploy/dev/kit observability",
    "deploy/package": "deploy/dev/kit package", "deploy/engines/peers": "deploy/dev/engines", "deploy/engines/llama/setup": "deploy/dev/engines llama",
    "workerd --engine llama": "deploy/dev/engines llama", "deploy/dev/setup": "it has run", "deploy/dev/test": "it runs this", "swift": "the release build",
}
# Where deploy/engines/peers and deploy/engines/llama/setup put the servers of others.
ENGINES = ".engines/"
# Scripts of ours that run beside this, in continuous integration or by command, with the same options.
SCRIPTS = ("deploy/dev/", "deploy/observability/")
# Programs of ours that would serve until they are stopped: their options are checked.
SERVERS = ("frontend", "router", "workerd")
# What a shell has, and what everybody has.
COMMON = ("curl", "head", "export", "jq", "kill", "openssl", "chmod", "ss", "umask", "(umask", "mkdir", "cp")
TOOLS = ("loadgen", "wiretool")

# Blocks that are no commands, by guide and how they begin.
SHOWN = [
    ("load.md", "Requests"), ("load.md", "Offered"), ("logs.md", '{"ts"'), ("recording.md", '{"format"'), ("timing.md", "server-timing:"),
    ("start.md", "[   0.0]"), ("SECURITY.md", "clients ──"), ("README.md", "client ──"),
]

# In every guide: names of an example's hosts and files, in place of which this machine's stand; and times that would be long.
EVERYWHERE = [
    (r"swift run -c release --static-swift-stdlib ", ""),
    (r"tcp://10\.0\.0\.5:8100,tcp://10\.0\.0\.6:8100", "tcp://127.0.0.1:8100"),
    (r"http://10\.0\.0\.\d+:8000|http://server:8000", "http://127.0.0.1:8000"),
    (r" …", ""),
    (r"/etc/apus/", "etc-apus/"),
    (r"--for \d+s", "--for 2s"),
    (r"--duration \d+s", "--duration 2s"),
    (r"--rate 5000", "--rate 20"),
    (r"--requests \d+\b", lambda match: match.group(0) if int(match.group(0).split()[1]) <= 300 else "--requests 300"),
    (r"--runs \d+", "--runs 1"),
    (r"--drill all", "--drill cancel"),
    (r"--count \d+", "--count 3"),
    (r"(--trace )conversation\.jsonl", r"\1Tests/Fixtures/traces/mooncake-conversation-200.jsonl"),
    (r'"model": "llama"', '"model": "apus-mock"'),
    (r"^curl ", "curl --fail-with-body --max-time 30 "),
    (r"\| less", "| cat"),
    (r"--model (FOLDER|MODEL|DIR)\b", "--model deploy/models/tiny"),
    (r"^(loadgen (?:simulate|compare) )(?=.*--trace)(?!.*--requests)", r"\1--requests 300 "),
]
# In one guide.
IN_GUIDE = {
    "worker.md": [
        (r"(--events tcp://127\.0\.0\.1:)PORT( --links tcp://127\.0\.0\.1:)PORT( --snapshot)", r"\g<1>8202\g<2>8200\3 --for 2s"),
        (r"127\.0\.0\.1:PORT", "127.0.0.1:8201"),
    ],
    "operate.md": [(r"https://worker-1\.example\.net:8201", "http://127.0.0.1:8201"), (r"~/\.apus-admin", "apus-admin")],
    "load.md": [(r"--faults worker:3@60s\+120s", "--faults worker:3@10s+5s")],
}
# Commands that never end by themselves get an end.
ENDLESS = [(r"^wiretool watch (?!.*--(for|once|count))", "wiretool watch --for 2s ")]
# The one kind of server that the guides start on the way to something else.
BESIDE = ("loadgen null-server",)

def prepared(guide, command):
    for pattern, replacement in [*EVERYWHERE, *IN_GUIDE.get(guide, []), *ENDLESS]:
        command = re.sub(pattern, replacement, command)
    return command


def is_shown(block):
    return any(block.guide == guide and block.commands and block.commands[0].startswith(start) for guide, start in SHOWN)
