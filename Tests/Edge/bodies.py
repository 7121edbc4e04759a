"""A case of bodies that are made to cost."""

import os
from pathlib import Path

from raw import Answers, Talk


def processor_time(pid):
    """Seconds that the threads of a process have run."""
    return sum(int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0]) for task in os.listdir(f"/proc/{pid}/task")) / 1e9


def repeated(text, size):
    return text.encode() * size


MESSAGE = b'{"model":"apus-mock","messages":[{"role":"user","content":"'
# Name, the text of so many parts, how many, and the status.
BODIES = [
    ("levels", lambda n: repeated("[", n), 100_000, 400),
    ("levels of objects", lambda n: repeated('{"a":', n), 100_000, 400),
    ("levels in a schema", lambda n: b'{"model":"apus-mock","tools":[' + repeated('{"a":', n), 100_000, 400),
    ("names", lambda n: b"{" + b",".join(b'"%d":1' % i for i in range(n)) + b"}", 1_000_000, 400),
    ("names, as many as are read", lambda n: b"{" + b",".join(b'"%d":1' % i for i in range(n)) + b"}", 250_000, 400),
    ("names of the bias", lambda n: b'{"model":"apus-mock","prompt":"a","logit_bias":{' + b",".join(b'"%d":1' % i for i in range(n)) + b"}}", 100_000, 400),
    ("names that are the same", lambda n: b"{" + repeated('"a":1,', n), 1_000_000, 400),
    ("elements", lambda n: b'{"model":"apus-mock","prompt":[' + repeated("[],", n) + b"1]}", 300_000, 400),
    ("objects of a name each", lambda n: b"[" + repeated('{"a":1},', n) + b"1]", 250_000, 400),
    ("objects of five names each", lambda n: b"[" + repeated('{"a":1,"b":2,"c":3,"d":4,"e":5},', n) + b"1]", 50_000, 400),
    ("arrays of arrays", lambda n: b"[" + repeated("[[[[]]]],", n) + b"1]", 250_000, 400),
    ("strings", lambda n: b"[" + repeated('"a string that is kept outside",', n) + b"1]", 1_000_000, 400),
    ("long numbers", lambda n: b"[" + repeated("1234567890.123456789012345,", n) + b"1]", 1_000_000, 400),
    ("short numbers", lambda n: b"[" + repeated("12345,", n) + b"1]", 1_000_000, 400),
    ("digits of a number", lambda n: b'{"model":"apus-mock","temperature":' + repeated("7", n) + b"}", 1_000_000, 400),
    ("digits of an exponent", lambda n: b'{"model":"apus-mock","temperature":1e' + repeated("7", n) + b"}", 1_000_000, 400),
    ("bytes before half a surrogate pair", lambda n: MESSAGE + repeated("a", n) + b'\\ud800"}]}', 10_000_000, 400),
    ("escapes before half a surrogate pair", lambda n: MESSAGE + repeated("\\u00e4", n) + b'\\ud800"}]}', 1_000_000, 400),
    ("bytes before what is no UTF-8", lambda n: MESSAGE + repeated("a", n) + b'\xff"}]}', 10_000_000, 400),
    ("bytes before NUL", lambda n: MESSAGE + repeated("a", n) + b'\0"}]}', 10_000_000, 400),
    ("bytes without an end", lambda n: MESSAGE + repeated("a", n), 10_000_000, 400),
    ("blanks", lambda n: repeated(" ", n), 10_000_000, 400),
    ("line feeds", lambda n: repeated("\n", n) + b"x", 10_000_000, 400),
    ("bytes of a string, over the limit", lambda n: MESSAGE + repeated("a", n) + b'"}]}', 50 << 20, 413),
]
MOST_PROCESSOR_SECONDS = 0.1
# Twice the input may cost 2.5 times as much. Judged over two doublings, since between one size and the next a cache of the processor may end;
# what is below the noise of the measurement is not judged.
MOST_GROWTH, NOISE = 2.5**2, 0.005


async def cost(cluster, body, tries=5):
    """The status of a body, and the least processor time of the frontend that it took."""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    least, statuses = float("inf"), set()
    for _ in range(tries):
        before = processor_time(cluster.frontend.pid)
        async with Talk(cluster.frontend.http) as talk:
            await talk.send(head + body)
            await talk.until(lambda data: Answers(data).statuses)
            statuses.update(Answers(talk.data).statuses or [0])
        least = min(least, processor_time(cluster.frontend.pid) - before)
    return statuses, least


async def costly_json(cluster, report, scale):
    before = cluster.frontend.resident()
    for name, make, count, status in BODIES:
        statuses, quarter = await cost(cluster, make(count // 4))
        whole_statuses, whole = await cost(cluster, make(count))
        is_refused = whole_statuses == {status} and statuses <= {400, status}
        is_cheap = whole <= MOST_PROCESSOR_SECONDS and whole <= max(quarter * MOST_GROWTH, NOISE)
        said = f"{count:,} {name}: {'/'.join(map(str, sorted(whole_statuses)))}"
        report.figure("json", said, f"{whole * 1000:.1f} ms", f"100 ms; {whole / max(quarter, 1e-6):.1f} of 6.3 x 1/4", is_refused and is_cheap)
    report.figure("json", "memory that stays, over all of them", f"{(cluster.frontend.resident() - before) / (1 << 20):.0f} MiB")


CASES = {"json": costly_json}
