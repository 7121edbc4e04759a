#!/usr/bin/env python3
"""Publishes cache events over real ZeroMQ sockets, as an engine does, while a command follows them.

    live.py PORT COMMAND…        such as: live.py 21600 swift test --skip-build --filter LiveEventsTests

Needs the packages pyzmq and msgspec. The command finds the ports in APUS_LIVE_EVENTS (events, then replay). It is told what was before it came, then
batches of which each seventh is lost on its way, then sockets that are closed and opened again in one life, then another life. What must be known at
the end is written in LiveEventsTests.swift.
"""

import os
import signal
import subprocess
import sys
import time

import msgspec
import zmq

TOPIC = b"kv@live"
BLOCK = 2


def bind(socket: zmq.Socket, port: int) -> None:
    """The library lets go of a closed socket's port some time later."""
    for _ in range(100):
        try:
            return socket.bind(f"tcp://127.0.0.1:{port}")
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE:
                raise
            time.sleep(0.05)
    sys.exit(f"kv-events: port {port} is in use")


class Engine:
    def __init__(self, port: int) -> None:
        self.port, self.context, self.life = port, zmq.Context(), 0
        self.history: list[tuple[int, bytes]] = []
        self.questions = 0
        self.open()

    def open(self) -> None:
        self.publisher, self.replay = self.context.socket(zmq.PUB), self.context.socket(zmq.ROUTER)
        bind(self.publisher, self.port)
        bind(self.replay, self.port + 1)

    def close(self) -> None:
        self.publisher.close(linger=0)
        self.replay.close(linger=0)

    def restart(self) -> None:
        self.life, self.history = self.life + 1, []

    def publish(self, number: int, lost: bool = False) -> None:
        """A prompt of one block; each third time it goes at once."""
        name = self.life << 32 | number
        events = [{"type": "BlockStored", "block_hashes": [name.to_bytes(32, "big")], "parent_block_hash": None,
                   "token_ids": [self.life, number], "block_size": BLOCK, "lora_id": None, "medium": "GPU", "lora_name": None,
                   "extra_keys": [None], "group_idx": 0}]
        if number % 3 == 0:
            events.append({"type": "BlockRemoved", "block_hashes": [name.to_bytes(32, "big")], "medium": "GPU", "group_idx": 0})
        payload = msgspec.msgpack.encode([time.time(), events, 0])
        sequence = len(self.history)
        self.history.append((sequence, payload))
        if not lost:
            self.publisher.send_multipart((TOPIC, sequence.to_bytes(8, "big"), payload))

    def serve(self, milliseconds: int) -> None:
        """Answers whoever asks for the past, for so long."""
        end = time.monotonic() + milliseconds / 1000
        while (left := end - time.monotonic()) > 0:
            if not self.replay.poll(left * 1000):
                return
            client, empty, start = self.replay.recv_multipart()
            self.questions += 1
            for sequence, payload in self.history[int.from_bytes(start, "big"):]:
                self.replay.send_multipart((client, empty, TOPIC, sequence.to_bytes(8, "big"), payload))
            self.replay.send_multipart((client, empty, b"", b"\xff" * 8, b""))


def run(engine: Engine, follower: subprocess.Popen) -> None:
    for number in range(50):
        engine.publish(number)
    while engine.questions == 0 and follower.poll() is None:
        engine.serve(200)
    for number in range(50, 150):
        engine.publish(number, lost=number % 7 == 0)
        engine.serve(10)
    engine.close()
    time.sleep(1)
    engine.open()
    for number in range(150, 170):
        engine.publish(number)
        engine.serve(50)
    engine.close()
    engine.restart()
    engine.open()
    for number in range(200):
        engine.publish(number, lost=number % 7 == 0)
        engine.serve(20)
    while follower.poll() is None:
        engine.serve(200)


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    port = int(sys.argv[1])
    engine = Engine(port)
    environment = os.environ | {"APUS_LIVE_EVENTS": f"{port},{port + 1}"}
    # A group of its own: what the command starts ends with it.
    follower = subprocess.Popen(sys.argv[2:], env=environment, start_new_session=True)
    try:
        run(engine, follower)
        return follower.wait()
    finally:
        if follower.poll() is None:
            os.killpg(follower.pid, signal.SIGKILL)
            follower.wait()
        engine.close()
        print(f"asked {engine.questions} times for the past", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
