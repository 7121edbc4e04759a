"""Programs that a script starts: their logs, what they take of the machine, and their end, which comes with the script's own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# From SIGTERM until a process has ended, where something runs. Then it is killed, which is told.
END_SECONDS = 25
# Of a log, for the message when something went wrong.
LAST_LINES = 8
# How a script is ended from outside.
ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Failed(Exception):
    """The run cannot go on; the text says why."""


def exit_when_told():
    """Ended from outside, a script leaves its blocks, which end what it started; that is not interrupted again."""
    def leave(*_):
        for end in ENDS:
            signal.signal(end, signal.SIG_IGN)
        sys.exit(1)

    for end in ENDS:
        signal.signal(end, leave)


def cancel_when_told(task):
    """The same for a script that runs a loop."""
    loop = asyncio.get_running_loop()

    def leave():
        for end in ENDS:
            loop.add_signal_handler(end, lambda: None)
        task.cancel()

    for end in ENDS:
        loop.add_signal_handler(end, leave)


def run_loop(name, work):
    """Runs the coroutine of a script to its end, or until the script is ended from outside; its exit code. What went wrong is said."""
    async def watched():
        cancel_when_told(asyncio.current_task())
        return await work

    try:
        return asyncio.run(watched())
    except Failed as failure:
        print(f"{name}: {failure}", file=sys.stderr)
    except asyncio.CancelledError:
        print(f"{name}: ended from outside", file=sys.stderr)
    return 1


class Process:
    """A program by its name, which may have several lives; its log goes on over them."""

    def __init__(self, folder, name, command, env=None, cwd=None):
        self.name, self.command, self.env, self.cwd = name, [str(word) for word in command], env, cwd
        self.log, self.lives, self.process, self.life_begins = folder / f"{name}.log", 0, None, 0

    @property
    def runs(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid

    def begin(self):
        with open(self.log, "ab" if self.lives else "wb") as log:
            self.life_begins = log.tell()
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, cwd=self.cwd, start_new_session=True)
        self.lives += 1

    def tell(self, number):
        if self.process is not None:
            self.process.send_signal(number)

    async def end(self, number=signal.SIGTERM):
        """Its exit code, or None where it had to be killed though it was only asked."""
        self.tell(number)
        limit = time.monotonic() + END_SECONDS
        while self.runs:
            if time.monotonic() > limit:
                self.kill()
                return None
            await asyncio.sleep(0.01)
        return self.process.returncode

    def kill(self):
        self.tell(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    # MARK: Looking into it

    def said(self, text):
        return text in self.log.read_bytes()

    def records(self, message, since=0):
        """The records of its log that say this."""
        with open(self.log, "rb") as log:
            log.seek(since)
            return [record for record in map(parsed, log) if record.get("msg") == message]

    def last_words(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LAST_LINES:])

    def resident(self):
        """Bytes of memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def parsed(line):
    """A line of a log as a record; one without members where it is none, or is half written."""
    try:
        return json.loads(line) if line.startswith(b"{") else {}
    except ValueError:
        return {}


class Processes:
    """Processes whose logs are in one folder, or in one that goes away with them. All are killed when the block ends, however it ends."""

    def __init__(self, folder=None):
        self.temporary = None if folder else tempfile.TemporaryDirectory(prefix="apus-")
        self.folder, self.members = Path(folder or self.temporary.name), []
        self.folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
        try:
            for member in self.members:
                member.tell(signal.SIGKILL)
            for member in self.members:
                member.kill()
            if self.temporary:
                self.temporary.cleanup()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)

    def __getitem__(self, name):
        return next(member for member in self.members if member.name == name)

    def start(self, name, command, **options):
        """Any program, which is not waited for."""
        process = Process(self.folder, name, command, **options)
        self.members.append(process)
        process.begin()
        return process

    def ended(self):
        return [member for member in self.members if not member.runs]

    def last_words(self):
        return "\n".join(f"-- {member.name}\n{member.last_words()}" for member in self.members)

    async def end_all(self):
        """Asks each to end, the last one first. The exit codes of all, of those too that ended before."""
        return {member.name: await member.end() for member in reversed(self.members)}
