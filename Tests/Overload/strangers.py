"""Words of clients that a process might keep: models, keys, sessions and labels that nobody knows."""

import asyncio
import re

from clients import ask
from load import prompt
from processes import Failed
from talk import once

REQUESTS = 100_000
CONNECTIONS = 16
# After so many every table that has a bound is full, where the first of them all ask for the model that there is: routers and workers see no others.
FIRST, FILLING = 10_000, 5_000
MOST = 1.1


async def stranger(cluster, numbers, statuses):
    """Requests one after another on one connection, each with a model, key, session and label of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", cluster.frontend.http)
    for number in numbers:
        # Later one in ten asks for the model that there is, so that sessions are bound and labels kept.
        model = cluster.model if number < FILLING or number % 10 == 0 else f"model-{number}"
        body = b'{"model": "%s", "max_tokens": 1, "messages": [{"role": "user", "content": "%d"}]}' % (model.encode(), number)
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: overload\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer key-%d\r\nx-session-id: session-%d\r\nx-request-id: label-%d\r\ncontent-length: %d\r\n\r\n"
            % (number, number, number, len(body)) + body)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        length = int(re.search(rb"content-length: *(\d+)", head.lower())[1])
        await asyncio.wait_for(reader.readexactly(length), 30)
        status = int(head.split(b" ", 2)[1])
        statuses[status] = statuses.get(status, 0) + 1
    writer.close()


async def ask_all(cluster, numbers, statuses):
    await asyncio.gather(*(stranger(cluster, numbers[place::CONNECTIONS], statuses) for place in range(CONNECTIONS)))


async def series(cluster):
    """Of all processes: names and labels, without values."""
    found = set()
    for member in cluster.members:
        _, text = await once(member.admin, "/metrics")
        found |= {(member.name, line.rsplit(" ", 1)[0]) for line in text.decode().splitlines() if not line.startswith("#")}
    return found


async def strangers(cluster, report, scale):
    """A hundred thousand requests, each with a model, a key, a session and a label of its own."""
    total, statuses = REQUESTS // scale, {}
    await ask_all(cluster, range(FIRST), statuses)
    await asyncio.sleep(20)
    before, sizes = await series(cluster), {member.name: member.resident() for member in cluster.members}
    await ask_all(cluster, range(FIRST, FIRST + total), statuses)
    await asyncio.sleep(20)
    after = await series(cluster)
    strange = set(statuses) - {200, 404}
    report.figure("strangers", "requests; answers", f"{FIRST + total}; {dict(sorted(statuses.items()))}", "200 and 404", not strange)
    new = sorted(after - before)
    report.figure("strangers", "metric series; new ones", "; ".join([str(len(before)), str(len(new)), *(f"{who} {name}" for who, name in new[:5])]), "0", not new)
    words = [name for name in after if re.search(r"model-\d|key-\d|session-\d|label-\d", name[1])]
    report.figure("strangers", "series with a client's word", len(words), "0", not words)
    for member in cluster.members:
        now, was = member.resident(), sizes[member.name]
        report.figure("strangers", f"{member.name}: MiB after {FIRST}; after all", f"{was / 2**20:.1f}; {now / 2**20:.1f} ({now / was:.2f}x)",
                      f"at most {MOST}x", now <= MOST * was)  # fmt: skip
    last = await ask(cluster, prompt(1, 100), 4)
    if last.kind != "complete":
        raise Failed(f"after all of it a request ends as {last.kind}")


# What is kept of the past, so small that the first requests fill it; sessions end before anything is measured.
RING = ["--ring-size", str(1 << 20), "--ring-events", "2048"]
WORKER_OPTIONS = ["--mock-prefill-token", "1us", "--mock-decode-step", "1ms", "--blocks", "2048", "--session-ttl", "5s", *RING]
CASES = {"strangers": (strangers, 2, WORKER_OPTIONS, ["--prompt-memory-bytes", str(1 << 20)], [*RING, "--decision-memory", str(64 << 10)])}
