"""A broker that is slow to answer, on a real socket, and counts what it was sent meanwhile."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading


class SlowBroker(threading.Thread):
    """As much of a broker as one box needs, which answers a publish only once nothing more comes.

    Mosquitto answers each publish before it reads the next, so it cannot show who sends too many at once.

    Attributes:
        most: publishes that waited for their answer at the same time.
        taken: publishes answered.
    """

    def __init__(self, receive_maximum: int) -> None:
        super().__init__(daemon=True)
        self._receive_maximum = receive_maximum
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._waiting: list[bytes] = []
        self.most = self.taken = 0

    def run(self) -> None:
        connection, _ = self._listener.accept()
        connection.settimeout(0.2)
        with contextlib.suppress(ConnectionError), connection, self._listener:
            while True:
                try:
                    first = connection.recv(1)
                except TimeoutError:
                    self._answer_oldest(connection)
                    continue
                if not first:
                    return
                self._take_in(connection, first[0])

    def _take_in(self, connection: socket.socket, first: int) -> None:
        body = _read(connection, _length(connection))
        kind, qos = first >> 4, first >> 1 & 3
        if kind == 1:  # CONNECT, answered by CONNACK with the Receive Maximum
            connection.sendall(b"\x20\x06\x00\x00\x03\x21" + struct.pack(">H", self._receive_maximum))
        elif kind == 3 and qos:  # PUBLISH
            topic_bytes = struct.unpack(">H", body[:2])[0]
            self._waiting.append(body[2 + topic_bytes : 4 + topic_bytes])
            self.most = max(self.most, len(self._waiting))
        elif kind == 8:  # SUBSCRIBE to two topics
            connection.sendall(b"\x90\x05" + body[:2] + b"\x00\x01\x01")
        elif kind == 12:  # PINGREQ
            connection.sendall(b"\xd0\x00")

    def _answer_oldest(self, connection: socket.socket) -> None:
        if self._waiting:
            connection.sendall(b"\x40\x02" + self._waiting.pop(0))
            self.taken += 1


def _read(connection: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        got += connection.recv(count - len(got))
    return got


def _length(connection: socket.socket) -> int:
    length = shift = 0
    while True:
        digit = _read(connection, 1)[0]
        length |= (digit & 127) << shift
        shift += 7
        if digit < 128:
            return length
