"""Cases of slow clients, and what they cost the others; and refusals that can be read."""

import asyncio
import json
import re
import socket
import sys
import time
from pathlib import Path

from processes import Failed
from talk import metric, state
from target import BODY_DEADLINE, BODY_LIMIT, DEADLINE_SLACK, HEADER_DEADLINE, completion, post

# Clients that the frontend gave up on because they did not read.
CUT_METRIC = 'apus_frontend_clients_departed_total{reason="stalled"}'


# MARK: Clients


async def good_client(cluster, until, latencies):
    """Short completions one after another on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", cluster.frontend.http)
    request = post(completion(cluster.model, 1, False))
    while time.monotonic() < until:
        began = time.monotonic()
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        length = int(re.search(rb"content-length: *(\d+)", head.lower())[1])
        await asyncio.wait_for(reader.readexactly(length), 20)
        if not head.startswith(b"HTTP/1.1 200 "):
            raise Failed(f"a good client got {head.splitlines()[0].decode()}")
        latencies.append(time.monotonic() - began)
        await asyncio.sleep(0.02)
    writer.close()


async def good_clients(cluster, seconds, count=50):
    latencies = []
    until = time.monotonic() + seconds
    await asyncio.gather(*(good_client(cluster, until, latencies) for _ in range(count)))
    return latencies


async def stream_client(cluster, tokens, gaps):
    """One stream, read at once; the time between its pieces. Whether it ended well."""
    reader, writer = await asyncio.open_connection("127.0.0.1", cluster.frontend.http)
    writer.write(post(completion(cluster.model, tokens, True)))
    last, tail = None, b""
    while b"data: [DONE]" not in tail:
        data = await asyncio.wait_for(reader.read(65536), 60)
        if not data:
            return False
        now = time.monotonic()
        if last is not None:
            gaps.append(now - last)
        last, tail = now, (tail + data)[-64:]
    writer.close()
    return True


def quantile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else float("nan")


# MARK: Cases


async def trickler(port, head, interval, lifetimes, stop):
    """Sends `head`, then a byte each `interval`, until the server has had enough; again and again."""
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        sock = socket.socket()
        sock.setblocking(False)
        began = time.monotonic()
        try:
            await loop.sock_connect(sock, ("127.0.0.1", port))
            await loop.sock_sendall(sock, head)
            while not stop.is_set():
                try:
                    # The server closes without a word, or with one: either ends it.
                    data = await asyncio.wait_for(loop.sock_recv(sock, 4096), interval)
                    if not data:
                        lifetimes.append(time.monotonic() - began)
                        break
                except asyncio.TimeoutError:
                    await loop.sock_sendall(sock, b"a")
        except OSError:
            lifetimes.append(time.monotonic() - began)
        finally:
            sock.close()


SLOW_HEAD = b"GET / HTTP/1.1\r\nhost: edge\r\nx-slow: "
SLOW_BODY = b"POST /v1/chat/completions HTTP/1.1\r\nhost: edge\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"
# The slow ones come one after another: all at once they would leave, and come again, all at once.
RAMP = 8


async def attack(port, heads, bodies):
    """The slow clients, in a process of their own: what they cost this script is not the server's doing. Ends with standard input."""
    stop, in_head, in_body, tasks = asyncio.Event(), [], [], []
    asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    kinds = [(SLOW_HEAD, in_head)] * heads + [(SLOW_BODY, in_body)] * bodies
    for index, (head, lifetimes) in enumerate(kinds):
        tasks.append(asyncio.create_task(trickler(port, head, 5, lifetimes, stop)))
        if index % 10 == 9:
            await asyncio.sleep(RAMP * 10 / len(kinds))
    await stop.wait()
    for task in tasks:
        task.cancel()
    print(json.dumps([in_head, in_body]))


async def tricklers(cluster, report, scale):
    heads, bodies, seconds = 2000 // scale, 500 // scale, 30
    await good_clients(cluster, 3)
    quiet = await good_clients(cluster, 10)
    before = cluster.frontend.resident()
    stop = asyncio.Event()
    attackers = await asyncio.create_subprocess_exec(
        sys.executable, Path(__file__).with_name("run.py"), "--attack", str(cluster.frontend.http), str(heads), str(bodies),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)  # fmt: skip
    peak = [before]

    async def watch():
        while not stop.is_set():
            peak[0] = max(peak[0], cluster.frontend.resident())
            await asyncio.sleep(0.2)

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(RAMP + 2)
    loaded = await good_clients(cluster, seconds)
    stop.set()
    await watcher
    attackers.stdin.close()
    in_head, in_body = json.loads((await attackers.communicate())[0])
    ratio = quantile(loaded, 0.99) / quantile(quiet, 0.99)
    each = (peak[0] - before) / (heads + bodies) / 1024
    report.figure("tricklers", "good clients, p99 alone", f"{quantile(quiet, 0.99) * 1000:.2f} ms")
    report.figure("tricklers", f"good clients, p99 beside {heads + bodies}", f"{quantile(loaded, 0.99) * 1000:.2f} ms")
    report.figure("tricklers", "ratio", f"{ratio:.2f}", "at most 1.50", ratio <= 1.5)
    for name, lifetimes, deadline, least in (("head", in_head, HEADER_DEADLINE, heads), ("body", in_body, BODY_DEADLINE, bodies)):
        late = max(lifetimes, default=float("inf"))
        early = sum(life < deadline - 0.5 for life in lifetimes)
        closed = len(lifetimes) >= least and late <= deadline + DEADLINE_SLACK and early == 0
        report.figure("tricklers", f"slow in the {name}: closed after, at most", f"{late:.1f} s", f"{deadline} s", closed)
    report.figure("tricklers", "memory, each slow client", f"{each:.1f} KiB", "at most 64 KiB", each <= 64)


async def slow_reader(cluster, tokens, lifetimes, stop):
    """A stream that is read a byte a second, until it is cut."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    # What the kernel takes for this client hides nothing from the server.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    try:
        await loop.sock_connect(sock, ("127.0.0.1", cluster.frontend.http))
        began = time.monotonic()
        await loop.sock_sendall(sock, post(completion(cluster.model, tokens, True)))
        while not stop.is_set():
            if not await loop.sock_recv(sock, 1):
                break
            await asyncio.sleep(1)
    except OSError:
        pass
    finally:
        lifetimes.append(time.monotonic() - began)
        sock.close()


async def normal_streams(cluster, count, tokens):
    gaps = []
    ended = await asyncio.gather(*(stream_client(cluster, tokens, gaps) for _ in range(count)))
    return gaps, all(ended)


async def readers(cluster, report, scale):
    slow, normal, tokens = 500 // scale, 50, 400
    await normal_streams(cluster, normal, 50)
    quiet, quiet_ended = await normal_streams(cluster, normal, tokens)
    before = cluster.frontend.resident()
    stop, lifetimes, peak = asyncio.Event(), [], {"resident": before, "unsent": 0}
    attackers = [asyncio.create_task(slow_reader(cluster, 4000, lifetimes, stop)) for _ in range(slow)]

    async def watch():
        while not stop.is_set():
            peak["resident"] = max(peak["resident"], cluster.frontend.resident())
            peak["unsent"] = max(peak["unsent"], (await state(cluster.frontend))["most_buffered_bytes"])
            await asyncio.sleep(0.5)

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(1)
    loaded, loaded_ended = await normal_streams(cluster, normal, tokens)
    limit = time.monotonic() + 60
    # The server's own count: a client hears of its end only behind all that its kernel holds for it, at a byte a second hours later.
    cut = 0
    while cut < slow and time.monotonic() < limit:
        await asyncio.sleep(0.5)
        cut = int(await metric(cluster.frontend, CUT_METRIC))
    freed = await settled(cluster)
    stop.set()
    await watcher
    await asyncio.gather(*attackers, return_exceptions=True)
    ratio = quantile(loaded, 0.99) / quantile(quiet, 0.99)
    held = peak["unsent"] / 1024
    report.figure("readers", "normal streams, p99 between pieces, alone", f"{quantile(quiet, 0.99) * 1000:.2f} ms")
    report.figure("readers", f"normal streams, p99 beside {slow} slow ones", f"{quantile(loaded, 0.99) * 1000:.2f} ms")
    report.figure("readers", "ratio", f"{ratio:.2f}", "at most 1.50", ratio <= 1.5)
    report.figure("readers", "normal streams that ended well", "all" if quiet_ended and loaded_ended else "NOT all", "all", quiet_ended and loaded_ended)
    report.figure("readers", "held back for a slow stream, at most", f"{held:.1f} KiB", "at most 256 KiB", held <= 256)
    report.figure("readers", "memory, each slow stream", f"{(peak['resident'] - before) / slow / 1024:.1f} KiB")
    report.figure("readers", "slow streams cut", f"{cut} of {slow}", "all", cut == slow)
    report.figure("readers", "slots of the workers freed", "yes" if freed else "no", "within 5 s", freed)


async def settled(cluster):
    """Whether every worker is without requests within 5 s."""
    for _ in range(50):
        if not any([(await state(worker))["requests"] for worker in cluster.workers]):
            return True
        await asyncio.sleep(0.1)
    return False


async def refusal(cluster):
    """Sends a body over the limit without looking; whether the refusal can be read, whole."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    try:
        await loop.sock_connect(sock, ("127.0.0.1", cluster.frontend.http))
        body = b'{"messages": "' + b"a" * (BODY_LIMIT + (256 << 10)) + b'"}'
        try:
            await asyncio.wait_for(loop.sock_sendall(sock, post(body)), 20)
        except OSError:
            pass
        answer = b""
        while True:
            data = await asyncio.wait_for(loop.sock_recv(sock, 65536), 20)
            if not data:
                break
            answer += data
        head, _, body = answer.partition(b"\r\n\r\n")
        return head.startswith(b"HTTP/1.1 413 ") and json.loads(body)["error"]["type"] == "invalid_request_error"
    except (OSError, ValueError, KeyError, asyncio.TimeoutError):
        return False
    finally:
        sock.close()


async def refusals(cluster, report, scale):
    count, read = 1000 // scale, 0
    for start in range(0, count, 8):
        read += sum(await asyncio.gather(*(refusal(cluster) for _ in range(min(8, count - start)))))
    report.figure("refusals", "413 read by a client that was still writing", f"{read} of {count}", "99.9 %", read >= 0.999 * count)


CASES = {"tricklers": tricklers, "readers": readers, "refusals": refusals}
