"""A plain MQTT 5 client with a certificate, for asking a broker what it lets whom do."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

WAIT_S = 10.0


class Caller:
    """One connection; a context manager that ends it.

    Attributes:
        refused: why no connection came about, or how it ended; empty while it stands.
        heard: topics and payloads of every message, in order.
    """

    def __init__(self, port: int, ca: Path, cert: Path, key: Path, client_id: str = "") -> None:
        self.refused = ""
        self.heard: list[tuple[str, bytes]] = []
        self._answers: dict[int, int] = {}
        self._changed = threading.Condition()
        self._connected = False
        self._port = port
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
        context = ssl.create_default_context(cafile=str(ca))
        context.load_cert_chain(cert, key)
        self._client.tls_set_context(context)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *told: self._note(refused=str(told[3]))
        self._client.on_publish = lambda *told: self._answer(told[2], told[3].value)
        self._client.on_subscribe = lambda *told: self._answer(told[2], told[3][0].value)
        self._client.on_message = self._on_message

    def __enter__(self) -> Caller:
        try:
            self._client.connect("localhost", self._port, keepalive=30)
        except OSError as error:
            self.refused = str(error)
            return self
        self._client.loop_start()
        self._wait(lambda: self._connected or self.refused)
        return self

    def __exit__(self, *_: object) -> None:
        client = self._client
        client.disconnect()
        client.loop_stop()
        # Callbacks make a cycle with us; broken, so that paho closes its own sockets here and not when gc comes by.
        client.on_connect = client.on_disconnect = client.on_publish = client.on_subscribe = client.on_message = None

    @property
    def connected(self) -> bool:
        return self._connected and not self.refused

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> int:
        """Give the broker's reason code."""
        return self._await(self._client.publish(topic, payload, qos=1, retain=retain).mid)

    def subscribe(self, topic: str) -> int:
        """Give the broker's reason code; 0 and 1 grant it."""
        _, mid = self._client.subscribe(topic, qos=1)
        assert mid is not None
        return self._await(mid)

    def hears(self, topic: str, payload: bytes) -> bool:
        """Wait for a message."""
        return bool(self._wait(lambda: (topic, payload) in self.heard))

    def lost(self) -> bool:
        """Wait for the connection to end."""
        return bool(self._wait(lambda: self.refused))

    def _await(self, mid: int) -> int:
        assert self._wait(lambda: mid in self._answers or self.refused), "the broker does not answer"
        assert mid in self._answers, self.refused
        return self._answers[mid]

    def _wait(self, condition: Any) -> Any:
        with self._changed:
            return self._changed.wait_for(condition, WAIT_S)

    def _on_connect(self, client: Client, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            self._note(refused=str(reason))
            return
        with self._changed:
            self._connected = True
            self._changed.notify_all()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        with self._changed:
            self.heard.append((message.topic, message.payload))
            self._changed.notify_all()

    def _answer(self, mid: int, code: int) -> None:
        with self._changed:
            self._answers[mid] = code
            self._changed.notify_all()

    def _note(self, refused: str) -> None:
        with self._changed:
            self.refused = self.refused or refused
            self._changed.notify_all()
