"""How a client's checks are written, run and told: one line a check, and 1 as the exit code when one fails."""

import asyncio
import contextlib
import fcntl
import inspect
import json
import os
import signal
import sys
import time
import traceback

# A check that takes longer hangs. The slowest wait for a retry or two.
CHECK_SECONDS = 40

URLS = json.loads(os.environ.get("APUS_GOLDEN_URLS", "{}"))
# By the name of who has it.
KEYS = json.loads(os.environ.get("APUS_GOLDEN_KEYS", "{}"))

_checks = []


def check(sentence, seconds=CHECK_SECONDS, alone=None):
    """Marks a function as a check. `seconds`: what it may take. `alone`: a place that it fills or breaks, and where no other client may be
    meanwhile.
    """

    def mark(function):
        _checks.append((sentence, seconds, alone, function))
        return function

    return mark


def url(place="main"):
    """With the version in its path, as clients want it."""
    return URLS[place] + "/v1"


def same(found, expected, what=""):
    assert found == expected, f"{what or 'value'}: {found!r}, expected {expected!r}"


def raises(kind, call):
    """The error of exactly this kind that the call raises."""
    try:
        value = call()
        if inspect.isawaitable(value):
            value = asyncio.run(_awaited(value))
    except kind as error:
        assert type(error) is kind, f"{type(error).__name__} was raised, expected {kind.__name__} itself: {error}"
        return error
    raise AssertionError(f"nothing was raised, expected {kind.__name__}; the call gave {value!r:.300}")


async def _awaited(value):
    return await value


@contextlib.contextmanager
def _nobody_else(place):
    """Waits until no other client's check is there alone. Each is bounded, and so is the wait."""
    if place is None:
        yield
        return
    with open(os.path.join(os.environ["APUS_GOLDEN_LOCKS"], place), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class OutOfTime(BaseException):
    """No `Exception`, which a client under test would catch, and try again."""


def _alarm(_signal, _frame):
    raise OutOfTime("the check did not end in its time")


@contextlib.contextmanager
def _within(seconds):
    # Again each second, should whoever is interrupted have gone on.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def run(client):
    """Runs the checks of the file that calls it; `client` is the client's name and version."""
    counts = {"passed": 0, "failed": 0}
    signal.signal(signal.SIGALRM, _alarm)
    # Not those of a file that this one imports.
    for sentence, seconds, alone, function in [one for one in _checks if one[-1].__module__ == "__main__"]:
        began = time.monotonic()
        try:
            with _nobody_else(alone):
                began = time.monotonic()
                with _within(seconds):
                    value = function()
                    if inspect.isawaitable(value):
                        asyncio.run(_awaited(value))
        except (Exception, OutOfTime) as error:
            print(f"  FAIL  {client}: {sentence}: {type(error).__name__}: {str(error)[:600]}")
            frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
            for frame in frames[-3:]:
                print(f"        {os.path.basename(frame.filename)}:{frame.lineno}  {frame.line}")
            sys.stdout.flush()
            counts["failed"] += 1
            continue
        took = time.monotonic() - began
        print(f"  ok    {client}: {sentence}" + (f" ({took:.1f} s)" if took > 1 else ""), flush=True)
        counts["passed"] += 1
    print(f"  {client}: {counts['passed']} passed, {counts['failed']} failed", flush=True)
    sys.exit(1 if counts["failed"] else 0)
