"""As much of WebSocket (RFC 6455) as it takes to talk to a browser on this machine: text messages, masked as clients must."""

import base64
import os
import socket
import struct
from urllib.parse import urlparse


class WebSocket:
    def __init__(self, url, timeout=30):
        place = urlparse(url)
        self.socket = socket.create_connection((place.hostname, place.port), timeout)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self.rest = b""
        head = self._until(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise OSError(f"the browser takes no socket: {head[:100]!r}")

    def send(self, text):
        data = text.encode()
        mask = os.urandom(4)
        size = len(data)
        head = bytes([0x81]) + (
            bytes([0x80 | size]) if size < 126 else bytes([0xFE]) + struct.pack(">H", size) if size < 65536 else bytes([0xFF]) + struct.pack(">Q", size))
        self.socket.sendall(head + mask + bytes(byte ^ mask[index & 3] for index, byte in enumerate(data)))

    def receive(self, timeout):
        """The next message; TimeoutError if none comes in time."""
        self.socket.settimeout(timeout)
        parts = []
        while True:
            first, second = self._take(2)
            size = second & 0x7F
            if size == 126:
                size = struct.unpack(">H", self._take(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self._take(8))[0]
            data = self._take(size)
            kind = first & 0x0F
            if kind == 8:
                raise OSError("the browser ended the conversation")
            if kind in (0, 1, 2):
                parts.append(data)
                if first & 0x80:
                    return b"".join(parts).decode()

    def close(self):
        self.socket.close()

    def _until(self, mark):
        while mark not in self.rest:
            self._more()
        head, self.rest = self.rest.split(mark, 1)
        return head

    def _take(self, size):
        # What has come stays if the rest does not come in time.
        while len(self.rest) < size:
            self._more()
        data, self.rest = self.rest[:size], self.rest[size:]
        return data

    def _more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise OSError("the browser is gone")
        self.rest += data
