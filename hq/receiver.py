"""The receiving end: take, judge, commit, then tell box and duty officer; in that order and no other."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass

from agent import journal
from agent.clock import Clock, jitter
from agent.core.message import (
    HQ_BOX,
    HqState,
    Malformed,
    Report,
    Topic,
    decode_box_state,
    decode_report,
    encode_ack,
    encode_hq_state,
    parse_topic,
)
from agent.errors import LinkError, StoreDamaged, StoreError
from hq.acks import AckBook, LogKey
from hq.intake import Arrival, DeadLetter, Fact, Intake
from hq.lines import Voice, plain
from hq.link import Delivery, HqLink
from hq.presence import Presence
from hq.store import HqStore, Outcome

log = logging.getLogger(__name__)

_BATCH_ROWS = 500
_BATCH_US = 100_000
_STEP_S = 0.05
_BACKOFF_S = (1.0, 30.0)
_STUCK_US = 1_000_000
_SAME_COMPLAINT_US = 60_000_000
_ALERTS = ("incident.open", "incident.reopen", "test.alert")


@dataclass(frozen=True)
class ReceiverSettings:
    """What the receiver does with what it gets.

    Attributes:
        area: the unit HQ is.
        once: leave after the first alert is stored, printed and acknowledged.
        seconds: leave after this long; 0 = stay.
        bulk_budget_bps: bits a second each box may spend on pictures; None = no limit, 0 = none now.
        reconnect_spread_s: boxes spread their first reconnection over this long.
    """

    area: str
    once: bool = False
    seconds: float = 0.0
    bulk_budget_bps: int | None = None
    reconnect_spread_s: float = 0.0


class Receiver:
    """One loop over broker, store and the voice that says what arrived."""

    def __init__(
        self, settings: ReceiverSettings, link: HqLink, store: HqStore, intake: Intake, voice: Voice, clock: Clock
    ) -> None:
        self._settings = settings
        self._link = link
        self._store = store
        self._intake = intake
        self._voice = voice
        self._clock = clock
        self._waiting: deque[Delivery] = deque()
        self._first_waiting_us = 0
        self._acks = AckBook()
        self._presence = Presence()
        self._states: dict[str, str] = {}
        self._trouble = ""
        self._retry_us = 0
        self._alerted = False
        self._complained_us: dict[str, int] = {}

    def run(self, stop: threading.Event) -> None:
        """Receive until ``stop`` is set, the time is up, or (with ``once``) an alert came.

        Raises:
            StoreError: the database cannot be used at the start.
            StoreDamaged: it is beyond what trying again can mend.
        """
        began_us = self._clock.now().mono_us
        self._catch_up()
        journal.notify("READY=1")  # with or without a broker: an answer from it is not ours to wait for
        while not stop.is_set() and not self._finished(began_us):
            journal.notify("WATCHDOG=1")
            if self._link.connected or self._connect(stop, began_us):
                self._turn()
        self._flush()
        self._acknowledge(leaving=True)
        self._announce(online=False)
        self._link.close()

    def _catch_up(self) -> None:
        """Show what an earlier run committed and did not live to show."""
        for outcome in self._store.unshown():
            self._tell(outcome)
        self._store.mark_shown()

    def _finished(self, began_us: int) -> bool:
        limit_us = self._settings.seconds * 1_000_000
        over = bool(limit_us) and self._clock.now().mono_us - began_us >= limit_us
        return over or (self._settings.once and self._alerted)

    def _connect(self, stop: threading.Event, began_us: int) -> bool:
        wait_s, told = _BACKOFF_S[0], ""
        if self._link.lost:
            log.warning("lost the broker: %s; trying again", self._link.lost)
        self._flush()
        while not stop.is_set() and not self._finished(began_us):
            journal.notify("WATCHDOG=1")
            try:
                self._link.connect()
            except LinkError as error:
                if str(error) != told:
                    log.error("%s", error)
                    journal.notify(f"STATUS={error}")
                told = str(error)
                stop.wait(min(wait_s, _BACKOFF_S[1]) * (0.5 + jitter() / 2))
                wait_s *= 2
            else:
                log.info("connected; receiving area %s", self._settings.area)
                journal.notify(f"STATUS=connected; receiving area {self._settings.area}")
                self._announce(online=not self._trouble)
                return True
        return False

    def _announce(self, *, online: bool) -> None:
        state = HqState(online, self._settings.bulk_budget_bps, self._settings.reconnect_spread_s)
        self._link.publish(Topic(self._settings.area, HQ_BOX, "s"), encode_hq_state(state), retain=True)

    def _turn(self) -> None:
        self._link.step(_STEP_S)
        now_us = self._clock.now().mono_us
        arrived = self._link.take()
        if arrived and not self._waiting:
            self._first_waiting_us = now_us
        self._waiting.extend(arrived)
        full = len(self._waiting) >= _BATCH_ROWS or now_us - self._first_waiting_us >= _BATCH_US
        if self._waiting and full and now_us >= self._retry_us:
            self._flush()
        self._acknowledge()
        for box, age_s in self._presence.fallen_silent(now_us):
            self._voice.state(box, "silent", age_s)

    def _flush(self) -> None:
        """Work off what waits, in order; what the store refuses stays, and is tried again."""
        try:
            while self._waiting:
                self._work_off()
        except StoreDamaged:
            raise
        except StoreError as error:
            self._stuck(error)
            return
        if self._trouble:
            log.warning("storing again")
            self._trouble = ""
            self._announce(online=True)

    def _stuck(self, error: StoreError) -> None:
        if str(error) != self._trouble:
            log.error("cannot store what arrives, keeping it and trying again: %s", error)
            self._announce(online=False)
        self._trouble = str(error)
        self._retry_us = self._clock.now().mono_us + _STUCK_US

    def _work_off(self) -> None:
        """Commit the leading facts and pictures together, or take in one message of another sort."""
        arrivals: list[Arrival] = []
        done: list[Delivery] = []
        for delivery in self._waiting:
            judged = self._judge(delivery)
            if judged is None or (arrivals and len(arrivals) + len(judged) > _BATCH_ROWS):
                break
            arrivals.extend(judged)
            done.append(delivery)
        if arrivals:
            self._commit(arrivals)
        elif not done:
            done.append(self._waiting[0])
            self._take_in(self._waiting[0])
        for _ in done:
            self._waiting.popleft()
        self._link.settle(done)

    def _judge(self, delivery: Delivery) -> list[Arrival] | None:
        """Judge a fact, a picture or rubbish; None for a message that tells of its box."""
        try:
            topic = parse_topic(delivery.topic)
        except Malformed as error:
            return [DeadLetter(delivery.topic, delivery.payload, str(error))]
        if topic.leaf == "e":
            return self._intake.events(topic, delivery.payload)
        if topic.leaf == "i":
            return self._intake.image(topic, delivery.properties, delivery.content_type, delivery.payload)
        return None

    def _commit(self, arrivals: list[Arrival]) -> None:
        now = self._clock.now()
        for outcome in self._store.commit(arrivals, now.utc_us):
            place = outcome.arrival.position
            if place is not None:
                self._acks.committed(LogKey(place.box, place.epoch, place.stream), 1, now.mono_us)
                self._heard(place.box, now.mono_us)
            self._tell(outcome)
            if isinstance(outcome.arrival, Fact) and outcome.arrival.kind in _ALERTS and not outcome.duplicate:
                self._alerted = True
        self._store.mark_shown()

    def _tell(self, outcome: Outcome) -> None:
        arrival = outcome.arrival
        if isinstance(arrival, DeadLetter) and arrival.claim:
            self._complain(arrival.claim.position.box, arrival.reason)
        elif isinstance(arrival, DeadLetter):
            log.warning("kept as a dead letter, from %s: %s", plain(arrival.topic), plain(arrival.reason))
        elif outcome.fork:
            log.error(
                "box %s: two different things on row %d of log %s: was its disk rolled back or cloned?",
                arrival.position.box, arrival.position.seq, arrival.position.stream,
            )  # fmt: skip
        self._voice.arrived(outcome)

    def _complain(self, box: str, reason: str) -> None:
        """Call for somebody who mends the registry; the box sends again, which must not fill the log."""
        now_us = self._clock.now().mono_us
        if now_us - self._complained_us.get(box, -_SAME_COMPLAINT_US) >= _SAME_COMPLAINT_US:
            self._complained_us[box] = now_us
            log.error("refused, and not acknowledged: %s", plain(reason))

    def _take_in(self, delivery: Delivery) -> None:
        topic = parse_topic(delivery.topic)
        now = self._clock.now()
        if topic.box == HQ_BOX:
            return
        try:
            if topic.leaf == "s":
                self._say_new_state(topic.box, decode_box_state(delivery.payload).state)
            elif topic.leaf in ("h", "hello"):
                self._report(topic, decode_report(delivery.payload), now.utc_us, now.mono_us)
        except Malformed as error:
            self._commit([DeadLetter(delivery.topic, delivery.payload, str(error))])
        self._heard(topic.box, now.mono_us)

    def _report(self, topic: Topic, report: Report, utc_us: int, mono_us: int) -> None:
        for state in report.logs:
            remark = self._store.told(topic.box, state, utc_us, trusted_head=topic.leaf == "hello")
            if remark:
                log.warning("%s", remark)
            if topic.leaf == "hello":
                self._acks.asked(LogKey(topic.box, state.epoch, state.stream), report.nonce, mono_us)

    def _heard(self, box: str, now_us: int) -> None:
        if self._presence.heard(box, now_us):
            self._voice.state(box, "heard")

    def _say_new_state(self, box: str, state: str) -> None:
        if self._states.get(box) != state:
            self._states[box] = state
            self._voice.state(box, state)

    def _acknowledge(self, *, leaving: bool = False) -> None:
        now_us = self._clock.now().mono_us
        for key, nonce in self._acks.due(now_us, leaving=leaving):
            try:
                ack = self._store.ack(key, nonce)
            except StoreError as error:
                self._stuck(error)
                self._acks.asked(key, nonce, now_us + _STUCK_US)
                continue
            self._link.publish(Topic(self._settings.area, key.box, "ack"), encode_ack(ack))
