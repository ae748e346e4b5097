"""The one connection to the broker: paho-mqtt, tamed; the agent's only importer of it.

Every connection gets a paho client of its own, used by one thread through paho's outer-loop calls. So nothing of a
broken connection (queued packets, message ids, in-flight counts) can reach the next one, and no lock is shared with a
callback: callbacks only append to a queue that the same thread empties.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
import struct
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.clock import Clock
from agent.core.message import (
    HQ_BOX,
    BoxState,
    Topic,
    dial_problem,
    encode_box_state,
    hung_up,
    is_loopback,
    needs_a_person,
    refusal,
)
from agent.errors import ConfigError
from agent.uplink.settings import UplinkSettings

log = logging.getLogger(__name__)

_KEEPALIVE_S = 30
_CONNECT_S = 20.0  # a handshake with client certificates over a rural link was seen to need more than 5 s
_USER_TIMEOUT_MS = 25_000
_RECEIVE_MAXIMUM = 20
_FLIGHT_LIMIT = 20
_PACKET_BYTES = 65_536
_DIAL_US = 90_000_000
_STALLED_US = 60_000_000
_GOODBYE_S = 2.0
_PARSE_FAULTS = (ValueError, LookupError, TypeError, AttributeError, struct.error)


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker took us; its limits.

    Attributes:
        flight_limit: messages it takes at once.
        packet_bytes: the largest packet it takes.
    """

    flight_limit: int
    packet_bytes: int


@dataclass(frozen=True, slots=True)
class Lost:
    """There is no connection (any more); ``mendable`` when only a person can help."""

    reason: str
    mendable: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """The broker answered a publish; only ``code`` 0 means that it took it."""

    mid: int
    code: int


@dataclass(frozen=True, slots=True)
class Received:
    """A message from HQ."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish below this box's topic.

    Attributes:
        leaf: last level of the topic.
        payload: its bytes.
        qos: 0 or 1.
        retain: whether the broker keeps it for whoever subscribes later.
        user: MQTT 5 user properties.
        content_type: MQTT 5 content type; empty for none.
    """

    leaf: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    user: tuple[tuple[str, str], ...] = ()
    content_type: str = ""


Happening = Connected | Lost | Taken | Received


class Session:
    """Dials, publishes and reports what happened; all calls from one thread.

    Raises:
        ConfigError: plain MQTT to another machine without ``insecure``, or TLS files that cannot be used.
    """

    def __init__(self, settings: UplinkSettings, clock: Clock) -> None:
        if settings.tls is None and not is_loopback(settings.host):
            if not settings.insecure:
                problem = f"plain MQTT to {settings.host} shows everything to the network; set uplink.tls, or insecure"
                raise ConfigError("uplink.tls", f"{problem} = true for a private test network")
            log.warning("uplink.insecure: everything sent to %s can be read and changed on the way", settings.host)
        self._settings = settings
        self._clock = clock
        self._context()
        self._client: Client | None = None
        self._dialling: _Dial | None = None
        self._happened: deque[Happening] = deque()
        self._unanswered: dict[int, int] = {}
        self._flight_limit = _FLIGHT_LIMIT
        self.connected = False

    @property
    def idle(self) -> bool:
        """Whether neither a connection nor an attempt exists."""
        return self._client is None

    @property
    def has_room(self) -> bool:
        """Whether the broker takes one more message now: its Receive Maximum counts all that it has not answered."""
        return len(self._unanswered) < self._flight_limit

    @property
    def hung(self) -> bool:
        """Whether an attempt neither succeeds nor fails within any time-out; only a restart helps then."""
        return self._dialling is not None and self._clock.now().mono_us - self._dialling.since_us > _DIAL_US

    def dial(self) -> None:
        """Begin an attempt; its outcome comes out of ``step``."""
        try:
            self._client = self._new_client()
        except ConfigError as error:  # a certificate that was there at the start has gone
            self._happened.append(Lost(str(error), mendable=True))
            return
        self._dialling = _Dial(self._client, self._settings, self._clock.now().mono_us)

    def step(self, timeout_s: float) -> list[Happening]:
        """Do the network's work for up to ``timeout_s`` and tell what happened."""
        if self._dialling is not None:
            self._wait_for_dial(timeout_s)
        elif self._client is not None:
            self._exchange(self._client, timeout_s)
        happened = list(self._happened)
        self._happened.clear()
        return happened

    def publish(self, message: Outgoing) -> int:
        """Hand a message to the connection; call only while connected and, unless its qos is 0, while ``has_room``.

        Returns:
            the number under which ``Taken`` will tell of it; 0 when the connection broke a moment ago.
        """
        if self._client is None:
            return 0
        topic = str(Topic(self._settings.area, self._settings.box, message.leaf))
        properties = _properties(message)
        mid = self._client.publish(topic, message.payload, message.qos, message.retain, properties).mid
        if message.qos and self._client is not None:  # a connection that broke in this very call has told so
            self._unanswered[mid] = self._clock.now().mono_us
        return mid

    def tell_state(self, state: str) -> None:
        """Publish ``s``: ``online`` or ``stopped``; the broker says ``offline`` for us when we cannot."""
        self.publish(Outgoing("s", self._state(state), retain=True))

    def hang_up(self, reason: str) -> None:
        """Drop the connection at once, without goodbye: the broker then publishes our last will."""
        if self._client is not None:
            sock = self._client.socket()
            if sock is not None:
                sock.close()
            self._end(Lost(reason, mendable=False))

    def close(self) -> None:
        """Say ``stopped``, wait a moment for what is on its way, disconnect."""
        if self._client is not None and self.connected:
            deadline_us = self._clock.now().mono_us + round(_GOODBYE_S * 1_000_000)
            while not self.has_room and self.connected and self._clock.now().mono_us < deadline_us:
                self.step(0.05)
            if self.has_room:
                self.tell_state("stopped")
            while self._unanswered and self.connected and self._clock.now().mono_us < deadline_us:
                self.step(0.05)
            if self._client is not None:
                self._client.disconnect()
        self._client = None
        self.connected = False

    def _wait_for_dial(self, timeout_s: float) -> None:
        assert self._dialling is not None
        error = self._dialling.outcome(timeout_s)
        if error is _STILL_DIALLING:
            return
        self._dialling = None
        if error is not None:
            self._end(Lost(dial_problem(error, self._settings.host, self._settings.port), mendable=False))

    def _exchange(self, client: Client, timeout_s: float) -> None:
        try:
            self._move_bytes(client, timeout_s)
        except _PARSE_FAULTS as error:  # paho met bytes that are no MQTT
            self._end(Lost(f"the broker sent what is no MQTT 5 ({error})", mendable=True))
            return
        if self._client is client and client.socket() is None:
            self._end(Lost(self._broken(), mendable=False))
        elif self._stalled():
            self.hang_up("the broker has taken nothing for a minute")

    def _move_bytes(self, client: Client, timeout_s: float) -> None:
        sock: Any = client.socket()
        if sock is None:
            return
        pending = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        writers = [sock] if client.want_write() else []
        readable, writable, _ = select.select([sock], writers, [], 0 if pending or self._happened else timeout_s)
        if readable or pending:
            client.loop_read()
        if writable and client.socket() is not None:
            client.loop_write()
        client.loop_misc()

    def _stalled(self) -> bool:
        """Tell whether the oldest publish has waited for the broker longer than any working link takes."""
        if not self._unanswered:
            return False
        return self._clock.now().mono_us - next(iter(self._unanswered.values())) > _STALLED_US

    def _broken(self) -> str:
        if self.connected or self._settings.tls is None:
            return "the connection broke"
        return hung_up(self._settings.host, self._settings.port)

    def _end(self, lost: Lost) -> None:
        if self._client is None:
            return
        self._client = None
        self._dialling = None
        self.connected = False
        self._unanswered.clear()
        self._happened.append(lost)

    def _state(self, state: str) -> bytes:
        settings = self._settings
        return encode_box_state(BoxState(state, settings.version, settings.config_hash, settings.model_hash))

    def _new_client(self) -> Client:
        settings = self._settings
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.box,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _CONNECT_S
        client.suppress_exceptions = True  # a fault in a callback is logged; it never ends the loop
        client.on_log = _note
        client.will_set(str(Topic(settings.area, settings.box, "s")), self._state("offline"), qos=1, retain=True)
        if settings.username:
            client.username_pw_set(settings.username, settings.password)
        context = self._context()
        if context is not None:
            client.tls_set_context(context)
        client.on_socket_open = _tune
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _context(self) -> ssl.SSLContext | None:
        """Read the TLS files anew for each connection: a renewed certificate needs no restart."""
        tls = self._settings.tls
        if tls is None:
            return None
        try:
            context = ssl.create_default_context(cafile=str(tls.ca))
            context.load_cert_chain(tls.cert, tls.key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                "uplink.tls", f"{tls.ca}, {tls.cert}, {tls.key}: {error}; give readable PEM files"
            ) from error
        return context

    def _on_connect(
        self, client: Client, _data: object, _flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if client is not self._client:
            return
        if reason.is_failure:
            self._end(Lost(refusal(reason.value), needs_a_person(reason.value)))
            return
        self.connected = True
        area = self._settings.area
        client.subscribe([(str(Topic(area, self._settings.box, "ack")), 1), (str(Topic(area, HQ_BOX, "s")), 1)])
        self._flight_limit = min(_FLIGHT_LIMIT, int(getattr(properties, "ReceiveMaximum", 65_535)))
        packet_bytes = int(getattr(properties, "MaximumPacketSize", _PACKET_BYTES))
        self._happened.append(Connected(self._flight_limit, min(packet_bytes, _PACKET_BYTES)))

    def _on_disconnect(
        self, client: Client, _data: object, flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if client is self._client:
            told = flags.is_disconnect_packet_from_server
            reason_text = refusal(reason.value) if told else self._broken()
            self._end(Lost(reason_text, told and needs_a_person(reason.value)))

    def _on_publish(
        self, client: Client, _data: object, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if client is self._client and self._unanswered.pop(mid, None) is not None:
            self._happened.append(Taken(mid, reason.value))

    def _on_message(self, client: Client, _data: object, message: MQTTMessage) -> None:
        if client is self._client:
            self._happened.append(Received(message.topic, bytes(message.payload), bool(message.retain)))


def _note(_client: Client, _data: object, _level: int, text: str) -> None:
    """Pass on what paho says: only a fault in our own callbacks is an error, a broken connection is everyday."""
    log.log(logging.ERROR if text.startswith("Caught exception") else logging.DEBUG, "paho: %s", text)


def _properties(message: Outgoing) -> Properties | None:
    if not message.user and not message.content_type:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if message.user:
        properties.UserProperty = list(message.user)
    if message.content_type:
        properties.ContentType = message.content_type
    return properties


def _tune(_client: Client, _data: object, sock: Any) -> None:
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)


_STILL_DIALLING = RuntimeError("still dialling")


class _Dial:
    """One attempt in a thread of its own: name look-up and handshake may block; the client is its alone until then."""

    def __init__(self, client: Client, settings: UplinkSettings, since_us: int) -> None:
        self.since_us = since_us
        self._client = client
        self._address = settings.host, settings.port
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._connect, name="dial", daemon=True)
        self._thread.start()

    def outcome(self, timeout_s: float) -> Exception | None:
        """Wait up to ``timeout_s``: None once connected, the error once failed, ``_STILL_DIALLING`` before."""
        self._thread.join(timeout_s)
        return _STILL_DIALLING if self._thread.is_alive() else self._error

    def _connect(self) -> None:
        wishes = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        wishes.ReceiveMaximum = _RECEIVE_MAXIMUM
        wishes.MaximumPacketSize = _PACKET_BYTES
        wishes.SessionExpiryInterval = 0
        try:
            code = self._client.connect(*self._address, keepalive=_KEEPALIVE_S, clean_start=True, properties=wishes)
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._error = OSError(f"the connection broke while greeting ({code.name})")
        except (OSError, ValueError) as error:
            self._error = error
