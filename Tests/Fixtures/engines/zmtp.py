"""Just enough of ZMTP 3.0 to see the bytes that a ZeroMQ publisher and router send: https://rfc.zeromq.org/spec/23/."""

import socket

# That a peer may be silent before it has said all.
SILENCE_SECONDS = 2
CONNECT_SECONDS = 10
GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)


def ready(kind):
    body = b"\x05READY" + b"\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind
    return b"\x04" + bytes([len(body)]) + body


def frame(body, more=False):
    return bytes([1 if more else 0, len(body)]) + body


class Connection:
    def __init__(self, port, kind):
        self.sent, self.received = [], b""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=CONNECT_SECONDS)
        self.send(GREETING)
        self.read(64)
        self.send(ready(kind))
        # The peer's READY: flags, size, body.
        self.read(66)
        self.read(66 + self.received[65])

    def send(self, data):
        self.sent.append(data.hex())
        self.socket.sendall(data)

    def read(self, total):
        while len(self.received) < total:
            got = self.socket.recv(total - len(self.received))
            if not got:
                raise EOFError
            self.received += got

    def exchange(self):
        """All that was sent, and all that came until the peer fell silent."""
        self.socket.settimeout(SILENCE_SECONDS)
        try:
            while got := self.socket.recv(65536):
                self.received += got
        except TimeoutError:
            pass
        self.socket.close()
        return {"sent": self.sent, "received": self.received.hex()}


class Subscriber(Connection):
    def __init__(self, port):
        super().__init__(port, b"SUB")
        self.send(frame(b"\x01"))


def replay(port, start):
    connection = Connection(port, b"DEALER")
    connection.send(frame(b"", more=True) + frame(start.to_bytes(8, "big")))
    return connection.exchange()
