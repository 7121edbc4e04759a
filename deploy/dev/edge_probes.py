"""Cases of `deploy/dev/edge` that send single hostile or unusual requests: what the RFCs demand, hidden requests, bodies made to cost, URLs."""

import asyncio
import itertools
import json
import os
import socket
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# Tables that Tests/HTTPServingTests/Conformance runs in virtual time; its ConformanceCase says what the members mean.
FIXTURES = ROOT / "Tests/Fixtures/http"
# What stands before a case and behind it.
GOOD = b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Pieces of one byte up to here, the rest at once: what is longer is one thing repeated.
MOST_SINGLE_PIECES = 1000
# Nothing takes this long but an answer that does not come.
PATIENCE = 10
# So long a connection that should stay is watched for its end, and for an answer too many.
QUIET = 0.05


# MARK: Raw exchanges


def fixture_bytes(value):
    """A text, each of whose characters is a byte; or texts and pairs of a text and how often it stands there."""
    if isinstance(value, str):
        return value.encode("latin-1")
    return b"".join(fixture_bytes(part) if isinstance(part, str) else fixture_bytes(part[0]) * part[1] for part in value or [])


class Answers:
    """What a careful client reads from all that it got."""

    def __init__(self, data, heads=()):
        self.statuses, self.fields, self.bodies = [], [], []
        self.interims, self.rest = data.count(CONTINUE), data.replace(CONTINUE, b"")
        while self.next(len(self.statuses) in heads):
            pass

    def next(self, is_head):
        head, found, after = self.rest.partition(b"\r\n\r\n")
        if not found:
            return False
        lines = head.split(b"\r\n")
        status = int(lines[0].split(b" ")[1])
        fields = {name.strip().lower().decode(): value.strip().decode("latin-1") for name, _, value in (line.partition(b":") for line in lines[1:])}
        body = b""
        if is_head or status in (204, 304):
            pass
        elif fields.get("transfer-encoding") == "chunked":
            while True:
                line, found, rest = after.partition(b"\r\n")
                if not found or len(rest) < int(line, 16) + 2:
                    return False
                size = int(line, 16)
                body, after = body + rest[:size], rest[size + 2 :]
                if size == 0:
                    break
        elif "content-length" in fields:
            size = int(fields["content-length"])
            if len(after) < size:
                return False
            body, after = after[:size], after[size:]
        else:
            body, after = after, b""
        self.statuses.append(status)
        self.fields.append(fields)
        self.bodies.append(body)
        self.rest = after
        return True


class Talk:
    """One connection: what was got on it, and whether it has ended."""

    def __init__(self, port):
        self.port, self.data, self.ended, self.arrived = port, b"", False, asyncio.Event()

    async def __aenter__(self):
        self.loop, self.sock = asyncio.get_running_loop(), socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await self.loop.sock_connect(self.sock, ("127.0.0.1", self.port))
        self.reader = asyncio.create_task(self.read())
        return self

    async def __aexit__(self, *_):
        # The loop watches the descriptor until the reader has ended, and another connection may get the same.
        self.reader.cancel()
        await asyncio.wait([self.reader])
        self.sock.close()

    async def read(self):
        try:
            while data := await self.loop.sock_recv(self.sock, 65536):
                self.data += data
                self.arrived.set()
        except OSError:
            pass
        self.ended = True
        self.arrived.set()

    async def send(self, data, is_cut=False):
        singles = min(len(data), MOST_SINGLE_PIECES) if is_cut else 0
        try:
            for place in range(singles):
                await self.loop.sock_sendall(self.sock, data[place : place + 1])
                await asyncio.sleep(0)
            await self.loop.sock_sendall(self.sock, data[singles:])
        except OSError:
            pass  # refused while it was still being sent; the answer is judged

    async def until(self, condition):
        """Waits until what was got fulfils the condition, or the connection has ended."""
        async def wait():
            while not self.ended and not condition(self.data):
                self.arrived.clear()
                await self.arrived.wait()

        try:
            await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            pass


async def gathered(work, width=8):
    """The results of coroutines, so many at a time."""
    gate = asyncio.Semaphore(width)

    async def one(item):
        async with gate:
            return await item

    return await asyncio.gather(*(one(item) for item in work))


# MARK: What the RFCs demand


async def conforms(port, case, delivery):
    """What is wrong with the answers to a case; None if nothing is."""
    before, send, then = int(delivery == "behind"), fixture_bytes(case["send"]), fixture_bytes(case.get("then"))
    is_cut, finishes, kept = delivery == "cut", case.get("finish", False), case["kept"]
    expected = [[200]] * before + [a if isinstance(a, list) else [a] for a in case["answers"]] + [[200]] * kept
    heads = [before + len(case["answers"]) - 1] if case.get("head") else []
    async with Talk(port) as talk:
        # With what follows in one piece: a connection that ends has it in its kernel by then.
        at_once = not is_cut and not then and not finishes
        await talk.send(GOOD * before + send + GOOD * at_once, is_cut)
        if then:
            await talk.until(lambda data: CONTINUE in data)
            await talk.send(then, is_cut)
        if finishes:
            talk.sock.shutdown(socket.SHUT_WR)
        elif kept and not at_once:
            await talk.send(GOOD)
        await talk.until(lambda data: kept and len(Answers(data, heads).statuses) >= len(expected))
        if kept:
            await asyncio.sleep(QUIET)
        answers = Answers(talk.data, heads)
        if len(answers.statuses) != len(expected) or any(s not in e for s, e in zip(answers.statuses, expected)):
            return f"{answers.statuses} instead of {expected}"
        if answers.rest:
            return f"more than answers: {answers.rest[:80]}"
        if talk.ended == kept:
            return "the connection ended" if kept else "the connection stayed"
        if (case.get("interim") == "must" and answers.interims != 1) or (case.get("interim") == "never" and answers.interims):
            return f"{answers.interims} answers of 100"
        return wrong_fields(case, answers, before + len(case["answers"]) - 1) if case["answers"] else None


def wrong_fields(case, answers, place):
    status, fields = answers.statuses[place], answers.fields[place]
    for name, value in case.get("has", {}).items():
        if name not in fields or value not in (None, fields[name]):
            return f"{name} is {fields.get(name)}"
    present = [name for name in case.get("lacks", []) if name in fields]
    if present or "date" not in fields:
        return f"fields {present or 'without a date'}"
    if status >= 400 and not case.get("head") and "message" not in json.loads(answers.bodies[place]).get("error", {}):
        return f"no error in {answers.bodies[place][:80]}"
    return None


async def conformance(cluster, report, scale):
    cases = json.loads((FIXTURES / "conformance.json").read_text())
    tried = list(itertools.product(cases, ("whole", "cut", "behind")))
    wrong = await gathered(conforms(cluster.http, case, delivery) for case, delivery in tried)
    for (case, delivery), what in zip(tried, wrong):
        if what:
            print(f"    {case['rfc']}: {case['name']}, {delivery}: {what}")
    held = wrong.count(None)
    report.figure("conformance", "requirements, each sent in three ways", f"{len(cases)}", "at least 113", len(cases) >= 113)
    report.figure("conformance", "answers as demanded", f"{held} of {len(tried)}", "all", held == len(tried))


async def smuggled(port, pair, is_cut):
    """How many requests too many were answered, and whether the pair was answered as it has to be."""
    async with Talk(port) as talk:
        await talk.send(fixture_bytes(pair["send"]) + GOOD, is_cut)
        wanted = 1 if "status" in pair else 2
        await talk.until(lambda data: "status" not in pair and len(Answers(data).statuses) >= 2)
        if "status" not in pair:
            await asyncio.sleep(QUIET)
        answers = Answers(talk.data)
        is_right = answers.statuses == [pair["status"]] and talk.ended if "status" in pair else len(answers.statuses) == 2 and not talk.ended
        return max(0, len(answers.statuses) - wanted), is_right and not answers.rest


async def smuggling(cluster, report, scale):
    pairs = json.loads((FIXTURES / "smuggling.json").read_text())
    tried = list(itertools.product(pairs, (False, True)))
    results = await gathered(smuggled(cluster.http, pair, is_cut) for pair, is_cut in tried)
    for (pair, is_cut), (excess, is_right) in zip(tried, results):
        if excess or not is_right:
            print(f"    {pair['kind']}: {pair['name']}{', byte by byte' if is_cut else ''}: {excess} too many")
    refused, right = sum("status" in pair for pair in pairs), sum(is_right for _, is_right in results)
    second = sum(excess for excess, _ in results)
    report.figure("smuggling", "pairs with two readings", f"{refused}", "at least 60", refused >= 60)
    report.figure("smuggling", "hidden or following requests answered", f"{second}", "none", second == 0)
    report.figure("smuggling", "answered once, as they have to be", f"{right} of {len(tried)}", "all", right == len(tried))


# MARK: Bodies made to cost


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
        before = processor_time(cluster.frontend.process.pid)
        async with Talk(cluster.http) as talk:
            await talk.send(head + body)
            await talk.until(lambda data: Answers(data).statuses)
            statuses.update(Answers(talk.data).statuses or [0])
        least = min(least, processor_time(cluster.frontend.process.pid) - before)
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


# MARK: URLs in requests


HOSTS = [
    "127.0.0.1", "localhost", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "[::1]", "[::]",
    "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "user@127.0.0.1", "a.test@127.0.0.1", "LOCALHOST.",
    "%31%32%37.0.0.1",
]  # fmt: skip
FAR = [
    "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/latest/meta-data/", "http://metadata.google.internal/",
    "http://2852039166/", "http://100.100.100.200/", "http://10.0.0.1/", "http://rebind.invalid/", "file:///etc/passwd",
    "ftp://127.0.0.1/", "gopher://127.0.0.1:11211/_stats", "data:image/png;base64,AAAA", "//127.0.0.1/", "dict://127.0.0.1:11211/",
]  # fmt: skip
PARTS = {
    "image_url": lambda url: {"image_url": {"url": url}},
    "input_image": lambda url: {"input_image": {"image_url": url}, "image_url": url},
    "input_audio": lambda url: {"input_audio": {"data": url, "format": "wav"}},
    "audio_url": lambda url: {"audio_url": {"url": url}},
    "video_url": lambda url: {"video_url": {"url": url}},
    "file": lambda url: {"file": {"file_data": url, "file_id": url, "filename": "a"}},
    "input_file": lambda url: {"input_file": {"file_url": url}, "file_url": url},
}


class Listener:
    """Counts who comes, and sends them on to where secrets are."""

    def __init__(self):
        self.visits = 0

    async def start(self):
        self.servers = [await asyncio.start_server(self.visited, "127.0.0.1", 0)]
        self.port = self.servers[0].sockets[0].getsockname()[1]
        try:
            self.servers.append(await asyncio.start_server(self.visited, "::1", self.port))
        except OSError:
            pass  # this machine has no IPv6
        return self

    async def visited(self, reader, writer):
        self.visits += 1
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    def stop(self):
        for server in self.servers:
            server.close()


def sockets_of(pid, listening):
    """What a process has open that it did not accept: names of sockets, by the kernel's tables."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            inodes.add(os.readlink(f"/proc/{pid}/fd/{name}").removeprefix("socket:[").removesuffix("]"))
        except OSError:
            pass  # closed meanwhile
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[9] in inodes and int(words[1].rsplit(":", 1)[1], 16) not in listening:
                found.add((table, words[2] if table.startswith("tcp") else words[9]))
    return found


async def ssrf(cluster, report, scale):
    listener, pid = await Listener().start(), cluster.frontend.process.pid
    listening = {cluster.http, cluster.admin}
    urls = [f"http://{host}:{listener.port}/{word}" for host in HOSTS for word in ("a", "redirect")] + FAR
    known, opened, stop = sockets_of(pid, listening), set(), asyncio.Event()

    async def watch():
        while not stop.is_set():
            opened.update(sockets_of(pid, listening) - known)
            await asyncio.sleep(0.002)

    watcher = asyncio.create_task(watch())
    refused, tried = 0, 0
    for url, (kind, make) in itertools.product(urls, PARTS.items()):
        tried += 1
        body = {"model": cluster.model, "messages": [{"role": "user", "content": [{"type": kind, **make(url)}]}]}
        status, answer = await asked(cluster.http, json.dumps(body).encode())
        error = json.loads(answer).get("error", {})
        if status == 400 and error.get("param") == f"messages[0].content[0].{kind}":
            refused += 1
        else:
            print(f"    {kind} of {url}: {status} {answer[:120]}")
    for request in elsewhere(cluster.model, listener.port):
        async with Talk(cluster.http) as talk:
            await talk.send(request)
            await talk.until(lambda data: Answers(data).statuses)
    await asyncio.sleep(1)
    stop.set()
    await watcher
    listener.stop()
    report.figure("ssrf", "parts with a URL refused, by the name of the part", f"{refused} of {tried}", "all", refused == tried)
    report.figure("ssrf", "visits at the listener", f"{listener.visits}", "none", listener.visits == 0)
    report.figure("ssrf", "sockets that it had before, so that the watch sees some", f"{len(known)}", "some", bool(known))
    report.figure("ssrf", "sockets that the frontend opened meanwhile", f"{len(opened)}", "none", not opened)


def elsewhere(model, port):
    """Requests with URLs where a server might follow them: targets, fields, schemas, and members that nobody knows."""
    url = f"http://127.0.0.1:{port}/a"
    for line in (f"GET {url} HTTP/1.1", f"CONNECT 127.0.0.1:{port} HTTP/1.1", f"GET /{url} HTTP/1.1", f"GET /v1/models/{url} HTTP/1.1"):
        yield f"{line}\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    for name in ("Host", "X-Forwarded-Host", "Forwarded", "Referer", "Origin", "X-Original-URL", "Destination", "traceparent"):
        host = "" if name == "Host" else "Host: a\r\n"
        yield f"GET /version HTTP/1.1\r\n{host}{name}: {f'127.0.0.1:{port}' if name == 'Host' else url}\r\n\r\n".encode()
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"$ref": url, "$schema": url}}}
    for extra in (
        {"response_format": schema}, {"tools": [{"type": "mcp", "server_url": url}]}, {"web_search_options": {"url": url}},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"$ref": url}}}]}, {"metadata": {"url": url}},
        {"chat_template": url}, {"nvext": {"backend": url}}, {"images": [url]}, {"callback_url": url}, {"lora_path": url}, {"model": url},
    ):  # fmt: skip
        body = json.dumps({"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": f"![a]({url})"}], **extra}).encode()
        yield b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def asked(port, body):
    async with Talk(port) as talk:
        await talk.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await talk.until(lambda data: Answers(data).statuses)
        answers = Answers(talk.data)
        return (answers.statuses[0], answers.bodies[0]) if answers.statuses else (0, b"{}")


CASES = {"conformance": conformance, "smuggling": smuggling, "json": costly_json, "ssrf": ssrf}
