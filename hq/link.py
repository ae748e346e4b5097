"""HQ's one connection to its broker: own loop, PUBACK only when the receiver says so."""

from __future__ import annotations

import logging
import select
import ssl
import struct
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.core.message import HQ_BOX, ROOT, Topic, dial_problem, hung_up, is_loopback, refusal
from agent.errors import ConfigError, LinkError

log = logging.getLogger(__name__)

_KEEPALIVE_S = 30
_CONNECT_S = 20.0
_RECEIVE_MAXIMUM = 500
_PACKET_BYTES = 65_536
_BROKE = "the connection broke"
_LEAVES = ("e", "i", "s", "h", "hello")


@dataclass(frozen=True)
class LinkSettings:
    """How HQ reaches its broker.

    Attributes:
        area: the unit HQ is.
        host: broker.
        port: broker.
        ca: PEM file that vouches for the broker; None = plain MQTT.
        cert: PEM file of HQ's own certificate; None when the broker asks none.
        key: PEM file of its key.
        username: empty where the broker asks none.
        password: read from a file.
        insecure: allow plain MQTT to an address that is not loopback.
    """

    area: str
    host: str
    port: int
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    insecure: bool = False


@dataclass(frozen=True)
class Delivery:
    """A message as the broker handed it over; ``generation`` tells of which connection its ``mid`` is."""

    topic: str
    payload: bytes
    properties: tuple[tuple[str, str], ...]
    content_type: str
    mid: int
    qos: int
    generation: int


_PARSE_FAULTS = (ValueError, LookupError, TypeError, AttributeError, struct.error)


def _wishes() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = _RECEIVE_MAXIMUM
    properties.MaximumPacketSize = _PACKET_BYTES
    properties.SessionExpiryInterval = 0
    return properties


def _note(_client: Client, _data: object, _level: int, text: str) -> None:
    log.log(logging.ERROR if text.startswith("Caught exception") else logging.DEBUG, "paho: %s", text)


class HqLink:
    """Connects, hands out what arrived, publishes; one thread calls everything.

    Each connection has a paho client of its own, so that nothing of a broken one (message ids, queued packets) can
    reach the next.

    Raises:
        ConfigError: plain MQTT to another machine without ``insecure``, or unusable TLS files.
    """

    def __init__(self, settings: LinkSettings, will: bytes) -> None:
        if settings.ca is None and not is_loopback(settings.host):
            if not settings.insecure:
                problem = "plain MQTT to another machine shows everything to the network; give --tls-ca, or --insecure"
                raise ConfigError(f"--host {settings.host}", problem)
            log.warning("plain MQTT to %s: everything is readable on the way (--insecure)", settings.host)
        self._settings = settings
        self._will = will
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._arrived: deque[Delivery] = deque()
        self._generation = 0
        self._refused = ""
        self._tls_context()  # unusable files are a fault of the configuration: say so at the start
        self.connected = False
        self.lost = ""

    def connect(self) -> None:
        """Try once, waiting for the broker's answer.

        Raises:
            LinkError: one line with the reason and the remedy.
        """
        self._generation += 1
        self._refused = self.lost = ""
        self._client = self._new_client()
        try:
            self._client.connect(
                self._settings.host, self._settings.port, _KEEPALIVE_S, clean_start=True, properties=_wishes()
            )
        except (OSError, ValueError) as error:
            raise LinkError(dial_problem(error, self._settings.host, self._settings.port)) from error
        for _ in range(round(_CONNECT_S / 0.1)):
            self.step(0.1)
            if self.connected:
                return
            if self._client.socket() is None:
                break
        self._client.disconnect()
        if self._settings.ca is not None and self.lost == _BROKE:
            raise LinkError(hung_up(self._settings.host, self._settings.port))
        problem = self._refused or self.lost or "hung up, or gave no answer: is it an MQTT broker, and without TLS?"
        raise LinkError(f"broker {self._settings.host}:{self._settings.port}: {problem}")

    def step(self, timeout_s: float) -> None:
        """Do the network's work for up to ``timeout_s``, less when something arrives."""
        sock = self._client.socket()
        try:
            if sock is not None:
                self._exchange(sock, timeout_s)
        except _PARSE_FAULTS as error:  # paho met bytes that are no MQTT
            self.lost = f"it sent what is no MQTT ({error}): is it an MQTT broker?"
            self._client.disconnect()
        self.connected = self.connected and self._client.socket() is not None

    def _exchange(self, sock: Any, timeout_s: float) -> None:
        pending = sock.pending() if isinstance(sock, ssl.SSLSocket) else 0
        writers = [sock] if self._client.want_write() else []
        readable, writable, _ = select.select([sock], writers, [], 0 if pending else timeout_s)
        if readable or pending:
            self._client.loop_read()
        if writable:
            self._client.loop_write()
        self._client.loop_misc()

    def take(self) -> list[Delivery]:
        """Hand out what arrived since the last call, in order."""
        taken = list(self._arrived)
        self._arrived.clear()
        return taken

    def settle(self, deliveries: list[Delivery]) -> None:
        """PUBACK what is committed; a message of an earlier connection needs none."""
        for delivery in deliveries:
            if delivery.generation == self._generation and delivery.qos == 1 and self.connected:
                self._client.ack(delivery.mid, delivery.qos)

    def publish(self, topic: Topic, payload: bytes, *, retain: bool = False) -> None:
        """Send, while connected; what gets lost here is asked for again by the boxes."""
        if self.connected:
            self._client.publish(str(topic), payload, qos=1, retain=retain)

    def close(self) -> None:
        """Say goodbye and push out what is queued, for at most two seconds."""
        for _ in range(20):
            if not self._client.want_write():
                break
            self.step(0.1)
        self._client.disconnect()
        self.connected = False

    def _new_client(self) -> Client:
        area = self._settings.area
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"hq-{area}",
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = _CONNECT_S
        client.suppress_exceptions = True  # a fault in a callback is logged; it never ends the loop
        client.on_log = _note
        client.will_set(str(Topic(area, HQ_BOX, "s")), self._will, qos=1, retain=True)
        if self._settings.username:
            client.username_pw_set(self._settings.username, self._settings.password)
        context = self._tls_context()
        if context is not None:
            client.tls_set_context(context)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        return client

    def _tls_context(self) -> ssl.SSLContext | None:
        if self._settings.ca is None:
            return None
        try:
            context = ssl.create_default_context(cafile=str(self._settings.ca))
            if self._settings.cert is not None:
                context.load_cert_chain(self._settings.cert, self._settings.key)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(
                str(path) for path in (self._settings.ca, self._settings.cert, self._settings.key) if path
            )
            raise ConfigError("TLS files", f"{files}: {error}; give readable PEM files") from error
        return context

    def _on_connect(
        self, client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refused = refusal(reason.value)
            return
        self.connected = True
        client.subscribe([(f"{ROOT}/{self._settings.area}/+/{leaf}", 1) for leaf in _LEAVES])

    def _on_disconnect(
        self, _client: Client, _data: object, flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self.connected = False
        told = flags.is_disconnect_packet_from_server
        self.lost = self.lost or (refusal(reason.value) if told else _BROKE)

    def _on_subscribe(
        self, _client: Client, _data: object, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [leaf for leaf, reason in zip(_LEAVES, reasons, strict=False) if reason.is_failure]
        if refused:
            log.error(
                "the broker forbids reading %s/%s/+/%s: let HQ's user read them in its access list",
                ROOT, self._settings.area, "|".join(refused),
            )  # fmt: skip

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = repr(message._topic)
        properties: Any = message.properties
        self._arrived.append(
            Delivery(
                topic=topic,
                payload=bytes(message.payload),
                properties=tuple(getattr(properties, "UserProperty", ())),
                content_type=str(getattr(properties, "ContentType", "")),
                mid=message.mid,
                qos=message.qos,
                generation=self._generation,
            )
        )
