"""A case of URLs in requests: who is visited."""

import asyncio
import itertools
import json
import os
from pathlib import Path

from raw import Answers, Talk


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
    listener, pid = await Listener().start(), cluster.frontend.pid
    listening = {cluster.frontend.http, cluster.frontend.admin}
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
        status, answer = await asked(cluster.frontend.http, json.dumps(body).encode())
        error = json.loads(answer).get("error", {})
        if status == 400 and error.get("param") == f"messages[0].content[0].{kind}":
            refused += 1
        else:
            print(f"    {kind} of {url}: {status} {answer[:120]}")
    for request in elsewhere(cluster.model, listener.port):
        async with Talk(cluster.frontend.http) as talk:
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


CASES = {"ssrf": ssrf}
