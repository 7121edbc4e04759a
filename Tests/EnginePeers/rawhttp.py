"""HTTP as bytes: what was sent and what came, each as it stood on the rawhttp."""

import json
import socket
from dataclasses import dataclass, field

# That one read may take: a busy machine computes a prompt.
READ_SECONDS = 120
HEAD_LIMIT = 64 << 10


@dataclass
class Answer:
    """`raw` is all of it, `body` without the framing of chunks. An answer that was left early is not `whole`."""

    status: int = 0
    headers: dict = field(default_factory=dict)
    raw: bytes = b""
    body: bytes = b""
    whole: bool = False

    def json(self):
        return json.loads(self.body)

    def events(self):
        """The data of server-sent events, read as JSON but for the last one."""
        data = [line[6:] for line in self.body.decode().splitlines() if line.startswith("data: ")]
        return [json.loads(one) for one in data if one != "[DONE]"]


def request_bytes(port, method, path, body=None, headers=()):
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class Reader:
    def __init__(self, connection):
        self.connection, self.buffer, self.raw = connection, b"", b""

    def more(self):
        got = self.connection.recv(4096)
        if not got:
            raise EOFError
        self.buffer += got
        self.raw += got

    def line(self):
        while b"\r\n" not in self.buffer:
            if len(self.buffer) > HEAD_LIMIT:
                raise ValueError("a line does not end")
            self.more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def take(self, count):
        while len(self.buffer) < count:
            self.more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken


LEAVE = object()


def exchange(port, request, at_third=None):
    """Sends bytes and reads the answer. `at_third` is called when the third event has come; if it gives `LEAVE`, the connection is closed."""
    answer = Answer()
    with socket.create_connection(("127.0.0.1", port), timeout=READ_SECONDS) as connection:
        connection.sendall(request)
        reader = Reader(connection)
        try:
            answer.status = int(reader.line().split(b" ")[1])
            while line := reader.line():
                name, value = line.decode().split(":", 1)
                answer.headers[name.lower()] = value.strip()
            if "content-length" in answer.headers:
                answer.body = reader.take(int(answer.headers["content-length"]))
            elif answer.headers.get("transfer-encoding") == "chunked":
                while count := int(reader.line(), 16):
                    answer.body += reader.take(count)
                    reader.take(2)
                    if at_third is not None and answer.body.count(b"\n\n") >= 3:
                        if at_third() is LEAVE:
                            answer.raw = reader.raw
                            return answer
                        at_third = None
                reader.take(2)
            elif answer.status not in (204, 304):
                while True:
                    answer.body += reader.take(1)
            answer.whole = True
        except EOFError:
            answer.whole = "content-length" not in answer.headers and "transfer-encoding" not in answer.headers
        answer.raw = reader.raw
    return answer


def get(port, path, headers=()):
    return exchange(port, request_bytes(port, "GET", path, headers=headers))


def post(port, path, body, headers=(), at_third=None):
    return exchange(port, request_bytes(port, "POST", path, body, headers), at_third)
