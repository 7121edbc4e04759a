"""Commands of a guide: the fenced blocks in it, cut into what a shell would run one after another."""

import dataclasses
import re
import subprocess

# Blocks of these languages hold no commands.
OTHER_LANGUAGES = {"json", "yaml", "toml", "python", "mermaid", "promql", "xml", "text"}


@dataclasses.dataclass
class Block:
    guide: str
    line: int
    commands: list

    @property
    def place(self):
        return f"{self.guide}:{self.line}"


def blocks(guide, text):
    """Those with commands; a block that is none (output, a drawing) has to be named by a rule, so that nothing is passed over unseen."""
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M):
        language, body = match.groups()
        if language not in OTHER_LANGUAGES:
            yield Block(guide, text[: match.start()].count("\n") + 1, commands(body))


def commands(body):
    """Whole commands, without comments. Where lines begin with `$ `, only these are commands, and the rest is what they said."""
    lines = body.splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    found, pending = [], ""
    for line in lines:
        line = re.sub(r"\s+#( .*)?$", "", line) if not pending else line
        if not pending and (not line.strip() or line.lstrip().startswith("# ")):
            continue
        pending += line + "\n"
        if not line.endswith("\\") and is_whole(pending):
            found.append(pending.strip())
            pending = ""
    return [*found, pending.strip()] if pending else found


def is_whole(text):
    """Whether a shell takes it for complete: quotes closed, loops ended."""
    return subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False).returncode == 0


def program(command):
    """What a command runs: its first word behind assignments and `swift run`."""
    words = re.sub(r"^(\w+=\S*\s+)+(?=\S)", "", command).replace("swift run -c release --static-swift-stdlib ", "")
    return words.split()[0] if words.split() else "="
