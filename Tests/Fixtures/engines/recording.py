"""Writes exchanges into files that people and tests can read."""

import json
import re

import rawhttp

# Between a request and its answer.
SEPARATOR = b"\n=== answer ===\n"


class Recorder:
    def __init__(self, folder, port):
        self.folder, self.port = folder, port

    def exchange(self, name, method, path, body=None, headers=(), at_third=None):
        """Writes NAME.http: the request, a line that separates, and the answer as it came."""
        request = rawhttp.request_bytes(self.port, method, path, body, headers)
        answer = rawhttp.exchange(self.port, request, at_third)
        self.write(name, request, answer.raw)
        return answer

    def get(self, name, path, **more):
        return self.exchange(name, "GET", path, **more)

    def post(self, name, path, body, **more):
        return self.exchange(name, "POST", path, body, **more)

    def metrics(self, name, wanted, path="/metrics"):
        """Only the lines that match, of the hundreds that there are; Content-Length is made to fit."""
        request = rawhttp.request_bytes(self.port, "GET", path)
        answer = rawhttp.exchange(self.port, request)
        lines = [line for line in answer.body.decode().splitlines() if re.search(wanted, line)]
        body = ("\n".join(lines) + "\n").encode()
        head = answer.raw.split(b"\r\n\r\n", 1)[0]
        head = re.sub(rb"(?i)content-length: \d+", b"content-length: %d" % len(body), head)
        head = re.sub(rb"(?i)transfer-encoding: chunked", b"content-length: %d" % len(body), head)
        self.write(name, request, head + b"\r\n\r\n" + body)
        return body.decode()

    def write(self, name, request, raw):
        # What this machine calls the server is of no interest, and differs from run to run.
        request = request.replace(f"127.0.0.1:{self.port}".encode(), b"127.0.0.1:8000")
        (self.folder / f"{name}.http").write_bytes(request + SEPARATOR + raw)

    def note(self, name, value):
        """Writes NAME.json."""
        text = json.dumps(value, indent=1, ensure_ascii=False)
        # Lists of numbers, one line each.
        text = re.sub(r"\[\s+((?:-?\d+,\s+)*-?\d+)\s+\]", lambda found: "[" + re.sub(r"\s+", " ", found[1]) + "]", text)
        (self.folder / f"{name}.json").write_text(text + "\n")
