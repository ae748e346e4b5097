"""The link to HQ as a loop sees it: dial, greet, send, listen."""

from __future__ import annotations

import logging

from agent.clock import Clock, jitter, uuid7
from agent.core.message import Malformed, Report, decode_ack, decode_hq_state, encode_report, parse_topic
from agent.errors import StoreDamaged, StoreError, StoreVersion
from agent.store.link_store import LinkStore
from agent.uplink.backoff import Backoff
from agent.uplink.courier import Courier
from agent.uplink.link_facts import LinkFacts
from agent.uplink.session import Connected, Happening, Lost, Outgoing, Received, Session, Taken
from agent.uplink.settings import UplinkSettings
from agent.uplink.shelf import Shelf

log = logging.getLogger(__name__)

_TURN_S = 0.2
_HELLO_AGAIN_S = 60.0


class Link:
    """One box's link to HQ; it decides when, its courier decides what.

    Attributes:
        courier: what is on the way.
        state: ``connecting``, ``connected``, ``lost`` or ``refused``.
        reason: why not connected; empty otherwise.
        since_utc_us: when the state began.
        last_ack_utc_us: HQ's latest word; 0 for never.
    """

    def __init__(
        self, settings: UplinkSettings, session: Session, store: LinkStore, shelf: Shelf, clock: Clock
    ) -> None:
        self._settings = settings
        self._session = session
        self._store = store
        self._clock = clock
        self._facts = LinkFacts(store, clock)
        self._backoff = Backoff(jitter)
        self._dial_us = clock.now().mono_us
        self._connected_us = 0
        self._hello_us = 0
        self._owes_hello = False
        self.courier = Courier(shelf, store, broker_is_enough=settings.delivery == "broker")
        self.state = "connecting"
        self.reason = ""
        self.since_utc_us = clock.now().utc_us
        self.last_ack_utc_us = 0

    @property
    def hung(self) -> bool:
        """Whether the process is beyond helping itself."""
        return self._session.hung

    def turn(self) -> None:
        """Do what can be done now, then wait a moment for the network.

        Raises:
            StoreError: a log cannot be read or written.
        """
        if self.courier.refresh():
            self._owes_hello = True
        if self._session.connected:
            self._send()
        elif self._session.idle and self._clock.now().mono_us >= self._dial_us:
            self._session.dial()
        if self._session.idle:
            self._clock.sleep(_TURN_S)
        for happening in self._session.step(_TURN_S):
            self._take_in(happening)
        self._flush()

    def heartbeat(self, disk_free_bytes: int) -> None:
        """Tell HQ how far every log has come, without waiting for an answer."""
        if self._session.connected:
            payload = encode_report(self._report("", disk_free_bytes))
            self._session.publish(Outgoing("h", payload, qos=0))

    def _send(self) -> None:
        """Send what the broker has room for, a greeting before all else: what HQ answers decides what is sent."""
        if self._owes_hello and self._session.has_room:
            self._hello()
        now_us = self._clock.now().mono_us
        while self._session.connected and self._session.has_room and not self._owes_hello:
            parcel = self.courier.next_parcel(now_us)
            if parcel is None:
                return
            self.courier.sent(parcel, self._session.publish(parcel.message), now_us)

    def _flush(self) -> None:
        try:
            self._store.flush()
        except (StoreDamaged, StoreVersion):
            raise
        except StoreError as error:  # only costs a resend after the next start
            log.warning("watermarks are not written: %s", error)

    def _take_in(self, happening: Happening) -> None:
        now_us = self._clock.now().mono_us
        if isinstance(happening, Taken):
            self.courier.taken(happening.mid, happening.code, now_us)
        elif isinstance(happening, Received):
            self._hear(happening, now_us)
        elif isinstance(happening, Connected):
            self._up(happening, now_us)
        else:
            self._down(happening, now_us)

    def _up(self, limits: Connected, now_us: int) -> None:
        log.info("connected to %s:%d", self._settings.host, self._settings.port)
        self._connected_us = now_us
        self._turn_to("connected", "")
        self._facts.up()
        self.courier.connected(limits)
        self._session.tell_state("online")
        self._owes_hello = True

    def _down(self, lost: Lost, now_us: int) -> None:
        if self._connected_us:
            self._facts.down(lost.reason)
            self._backoff.lasted(now_us - self._connected_us)
            self._connected_us = 0
        self.courier.lost(now_us)
        if lost.reason != self.reason:
            log.log(logging.ERROR if lost.mendable else logging.WARNING, "no link to HQ: %s", lost.reason)
        self._turn_to("refused" if lost.mendable else "lost", lost.reason)
        self._dial_us = now_us + round(self._backoff.delay_s() * 1_000_000)

    def _turn_to(self, state: str, reason: str) -> None:
        if state != self.state:
            self.since_utc_us = self._clock.now().utc_us
        self.state, self.reason = state, reason

    def _hello(self) -> None:
        now = self._clock.now()
        nonce = uuid7(now.utc_us)
        self._hello_us = now.mono_us
        self._owes_hello = False
        self.courier.asked(nonce, now.mono_us)
        self._session.publish(Outgoing("hello", encode_report(self._report(nonce, 0))))

    def _report(self, nonce: str, disk_free_bytes: int) -> Report:
        now = self._clock.now()
        return Report(
            utc_us=now.utc_us,
            clock=now.state.value,
            logs=self.courier.states(with_ids=bool(nonce)),
            nonce=nonce,
            backlog_bytes=self.courier.backlog_bytes(),
            disk_free_bytes=disk_free_bytes,
        )

    def _hear(self, message: Received, now_us: int) -> None:
        try:
            if parse_topic(message.topic).leaf == "ack":
                self._hear_ack(message, now_us)
            else:
                self._hear_state(message)
        except Malformed as error:
            log.warning("ignoring what came on %s: %s", message.topic[:120], error)

    def _hear_ack(self, message: Received, now_us: int) -> None:
        ack = decode_ack(message.payload)
        if not message.retained:
            self.last_ack_utc_us = self._clock.now().utc_us
        if self.courier.acked(ack, now_us, retained=message.retained):
            log.error(
                "HQ knows log %s further than this box wrote it: was this disk rolled back or cloned?", ack.stream
            )
            self._facts.forked(ack.stream, ack.epoch, ack.upto)
            if now_us - self._hello_us > _HELLO_AGAIN_S * 1_000_000:
                self._owes_hello = True

    def _hear_state(self, message: Received) -> None:
        state = decode_hq_state(message.payload)
        self.courier.hq_said(online=state.online, budget_bps=state.bulk_budget_bps)
        self._backoff.spread_s = state.reconnect_spread_s
        if state.online and not message.retained:  # it came after our hello and did not hear it
            self._owes_hello = True
