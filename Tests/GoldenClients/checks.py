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
ABILITIES = set(json.loads(os.environ.get("APUS_GOLDEN_ABILITIES", "[]")))

_checks = []


def check(sentence, needs=(), seconds=CHECK_SECONDS, alone=None):
    """Marks a function as a check. `needs`: abilities of the server without which it is skipped, by name. `seconds`: what it may take.
    `alone`: a place that it fills or breaks, and where no other client may be meanwhile.
    """
    needs = (needs,) if isinstance(needs, str) else needs

    def mark(function):
        _checks.append((sentence, needs, seconds, alone, function))
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


def _alarm(_signal, _frame):
    raise TimeoutError("the check did not end in its time")


def run(client):
    """Runs the checks of the file that calls it; `client` is the client's name and version."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    signal.signal(signal.SIGALRM, _alarm)
    # Not those of a file that this one imports.
    for sentence, needs, seconds, alone, function in [one for one in _checks if one[-1].__module__ == "__main__"]:
        missing = [need for need in needs if need not in ABILITIES]
        if missing:
            print(f"  SKIP  {client}: {sentence} ({', '.join(missing)}: not served by this build)", flush=True)
            counts["skipped"] += 1
            continue
        began = time.monotonic()
        try:
            with _nobody_else(alone):
                began = time.monotonic()
                signal.alarm(seconds)
                value = function()
                if inspect.isawaitable(value):
                    asyncio.run(_awaited(value))
        except Exception as error:
            signal.alarm(0)
            print(f"  FAIL  {client}: {sentence}: {type(error).__name__}: {str(error)[:600]}")
            frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
            for frame in frames[-3:]:
                print(f"        {os.path.basename(frame.filename)}:{frame.lineno}  {frame.line}")
            sys.stdout.flush()
            counts["failed"] += 1
            continue
        signal.alarm(0)
        took = time.monotonic() - began
        print(f"  ok    {client}: {sentence}" + (f" ({took:.1f} s)" if took > 1 else ""), flush=True)
        counts["passed"] += 1
    print(f"  {client}: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped", flush=True)
    sys.exit(1 if counts["failed"] else 0)
