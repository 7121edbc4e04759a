"""HTTP by hand, with Python's own library alone: what no client library would show."""

import socket

# No answer here takes longer.
SECONDS = 30


def exchange(port, request, seconds=SECONDS):
    """Sends bytes on a connection of their own; all that comes back until the server has ended, or is quiet past its answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(request)
        answer = Answer()
        while not answer.is_whole:
            data = connection.recv(65536)
            if not data:
                break
            answer.take(data)
        answer.end()
        return answer


class Malformed(Exception):
    """An answer that a strict reader does not take."""


class Answer:
    """An HTTP answer, read strictly as its bytes come: the head, then a body by length or by chunks."""

    def __init__(self):
        self.data, self.status, self.headers, self.body, self.chunks = b"", None, None, b"", []
        self.is_whole = False

    def take(self, data):
        if self.is_whole:
            raise Malformed(f"{len(data)} bytes behind the answer")
        self.data += data
        if self.headers is None:
            head, found, rest = self.data.partition(b"\r\n\r\n")
            if not found:
                return
            self.read_head(head)
            self.data = rest
        if "content-length" in self.headers:
            self.by_length(int(self.headers["content-length"]))
        elif self.headers.get("transfer-encoding") == "chunked":
            self.by_chunks()
        elif self.status != 204:
            raise Malformed("neither a length nor chunks: the end of this body cannot be told")

    def read_head(self, head):
        lines = head.split(b"\r\n")
        if b"\r" in head.replace(b"\r\n", b"") or b"\n" in head.replace(b"\r\n", b""):
            raise Malformed("a bare CR or LF in the head")
        version, status, _ = lines[0].split(b" ", 2)
        if version != b"HTTP/1.1" or len(status) != 3:
            raise Malformed(f"status line {lines[0]!r}")
        self.status, self.headers = int(status), {}
        for line in lines[1:]:
            name, found, value = line.partition(b":")
            if not found or not name or name != name.strip() or not all(0x20 <= byte < 0x7F or byte == 9 for byte in value):
                raise Malformed(f"header line {line!r}")
            key = name.decode().lower()
            if key in self.headers and key != "set-cookie":
                raise Malformed(f"two headers {key}")
            self.headers[key] = value.strip().decode()
        if "content-length" in self.headers and "transfer-encoding" in self.headers:
            raise Malformed("a length and chunks")

    def by_length(self, length):
        if len(self.data) > length:
            raise Malformed(f"{len(self.data) - length} bytes behind the body")
        if len(self.data) == length:
            self.body, self.data, self.is_whole = self.data, b"", True

    def by_chunks(self):
        while True:
            line, found, rest = self.data.partition(b"\r\n")
            if not found:
                return
            if not line or not all(byte in b"0123456789abcdefABCDEF" for byte in line):
                raise Malformed(f"chunk size {line!r}")
            size = int(line, 16)
            if len(rest) < size + 2:
                return
            if rest[size : size + 2] != b"\r\n":
                raise Malformed("a chunk without its line end")
            self.data = rest[size + 2 :]
            if size == 0:
                if self.data:
                    raise Malformed(f"{len(self.data)} bytes behind the last chunk")
                self.is_whole = True
                return
            self.chunks.append(rest[:size])
            self.body += rest[:size]

    def end(self):
        if not self.is_whole:
            raise Malformed("the connection ended before the answer")
