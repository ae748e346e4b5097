"""Decides what is sent next and keeps book of what became of it; talks to logs and link store, not to the network."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from agent.core.message import FORMAT_INVALID, NO_SUBSCRIBER, NOT_AUTHORIZED, PACKET_TOO_LARGE, Ack, LogState, refusal
from agent.store.link_store import LinkStore
from agent.store.reader import Head
from agent.uplink import lanes
from agent.uplink.flights import Flight, Flights
from agent.uplink.lanes import BulkBudget, ImagePace, Load, Turn, Waiting
from agent.uplink.quarantine import QUICK_US, Quarantine
from agent.uplink.session import Connected
from agent.uplink.shelf import TOO_LARGE, Fetched, Parcel, Shelf
from agent.uplink.window import LogKey, Window

log = logging.getLogger(__name__)

NO_HQ_US = 30_000_000
FORBIDDEN_US = 600_000_000
_BUSY_US = 2_000_000
_BUSY_LIMIT_US = 120_000_000
_SETTLE_US = 5_000_000
_BATCH_ROWS = 16
_EVENT_GUESS_BYTES = 600
_IMAGE_GUESS_BYTES = 16_000


class Courier:
    """All logs on the way to HQ.

    Attributes:
        trouble: why the broker takes nothing although connected, in words for a person; empty when it does.
        budget: HQ's limit on pictures.
    """

    def __init__(self, shelf: Shelf, link: LinkStore, *, broker_is_enough: bool) -> None:
        self._shelf = shelf
        self._link = link
        self._broker_is_enough = broker_is_enough
        self._heads: dict[LogKey, Head] = {}
        self._windows: dict[LogKey, Window] = {}
        self._flights = Flights()
        self._limits = Connected(0, 0)
        self._pace = ImagePace()
        self._quarantine = Quarantine()
        self._held_until_us = {"e": 0, "i": 0}
        self._busy_us = _BUSY_US
        self._asked = ("", 0)
        self._unsettled: set[LogKey] = set()
        self._usual_us = 2_000_000
        self._hq_online: bool | None = None
        self._forks: dict[LogKey, int] = {}
        self.trouble = ""
        self.budget = BulkBudget()

    # --- what there is -----------------------------------------------------------------------------------------------

    def refresh(self) -> bool:
        """Look for new rows, new logs and logs that are gone.

        Returns:
            True when there is a log that HQ has not been told of.

        Raises:
            StoreError: a log cannot be read.
        """
        heads = self._shelf.heads()
        if heads is None:
            return False
        self._heads = {LogKey(head.stream, head.epoch): head for head in heads}
        for key in [key for key in self._windows if key not in self._heads]:
            del self._windows[key]
            self._unsettled.discard(key)
        new = self._heads.keys() - self._windows.keys()
        for key, head in self._heads.items():
            if key in new:
                self._windows[key] = Window(self._acked(key, head), head.head_seq)
            self._windows[key].stands(head.oldest_seq, head.head_seq)
        return bool(new)

    def states(self, *, with_ids: bool) -> tuple[LogState, ...]:
        """Tell how far every log has come, for a heartbeat or (with the ids of what comes next) a hello.

        Raises:
            StoreError: a log cannot be read.
        """
        return tuple(self._state(key, head, with_ids) for key, head in self._heads.items())

    def _state(self, key: LogKey, head: Head, with_id: bool) -> LogState:
        acked = self._acked(key, head)
        next_id = self._shelf.event_id(key, acked + 1) if with_id and acked < head.head_seq else ""
        return LogState(key.stream, key.epoch, head.first_seq, head.oldest_seq, acked, head.head_seq, next_id)

    def backlog(self) -> dict[str, int]:
        """Count what HQ has not acknowledged, by stream."""
        waiting: dict[str, int] = {}
        for key, head in self._heads.items():
            missing = head.head_seq - max(self._acked(key, head), head.oldest_seq - 1)
            waiting[key.stream] = waiting.get(key.stream, 0) + max(0, missing)
        return waiting

    def backlog_bytes(self) -> int:
        """Estimate the size of the backlog."""
        guess = {"m": _IMAGE_GUESS_BYTES}
        return sum(rows * guess.get(stream, _EVENT_GUESS_BYTES) for stream, rows in self.backlog().items())

    def _acked(self, key: LogKey, head: Head) -> int:
        return min(self._link.watermark(key.stream, key.epoch), head.head_seq)

    # --- what goes next ----------------------------------------------------------------------------------------------

    def next_parcel(self, now_us: int) -> Parcel | None:
        """Choose and make the next message; None when nothing may or can be sent at monotonic ``now_us``.

        Raises:
            StoreError: a log cannot be read.
        """
        for window in self._windows.values():
            window.release_overdue(now_us, self._usual_us)
        while True:
            turn = lanes.next_turn(self._waiting(now_us), self._load(), self._images_at_once(now_us))
            if turn is None:
                return None
            key, seqs = self._rows_of(turn)
            fetched = self._fetch(key, seqs, turn)
            if fetched is None:
                return None
            self._windows[key].absent(fetched.absent)
            if fetched.parcel is not None:
                return fetched.parcel

    def sent(self, parcel: Parcel, mid: int, now_us: int) -> None:
        """Note that ``parcel`` was handed to the connection as message ``mid``."""
        window = self._windows[parcel.log]
        for seq, size_bytes in parcel.sizes.items():
            window.sent(seq, size_bytes, now_us)
        self._flights.start(mid, parcel, now_us)
        if parcel.image:
            self.budget.spend(len(parcel.message.payload))
        if self._hq_away:  # one try now and then, in case its sign is out of date
            self._hold(("e", "i"), now_us + NO_HQ_US)

    def _waiting(self, now_us: int) -> dict[str, Waiting]:
        held = {leaf for leaf, until_us in self._held_until_us.items() if now_us < until_us}
        if "e" in held:
            return {}
        if self._unsettled and now_us - self._asked[1] < _SETTLE_US:  # HQ is about to say what it has
            return {"a": Waiting(fresh=any(window.fresh(1) for _, window in self._lane("a")))}
        waiting = {}
        for lane in lanes.LANES:
            if lane != "m" or "i" not in held:
                windows = [window for _, window in self._lane(lane)]
                waiting[lane] = Waiting(any(w.fresh(1) for w in windows), any(w.backlog(1) for w in windows))
        return waiting

    def _lane(self, lane: str) -> Iterable[tuple[LogKey, Window]]:
        return ((key, window) for key, window in self._windows.items() if key.stream == lane)

    def _load(self) -> Load:
        return Load(
            rows=sum(window.outstanding_rows for window in self._windows.values()),
            size_bytes=sum(window.outstanding_bytes for window in self._windows.values()),
            flight=len(self._flights),
            flight_bytes=self._flights.size_bytes,
            flight_images=self._flights.images,
            flight_limit=self._limits.flight_limit,
        )

    def _images_at_once(self, now_us: int) -> int:
        return 0 if self._hq_away or not self.budget.allows(now_us) else self._pace.at_once

    def _rows_of(self, turn: Turn) -> tuple[LogKey, list[int]]:
        limit = 1 if turn.lane == "m" else min(turn.rows, _BATCH_ROWS)
        for key, window in self._lane(turn.lane):
            seqs = window.fresh(limit) if turn.fresh else window.backlog(limit) or window.fresh(limit)
            if seqs:
                return key, seqs
        raise AssertionError(f"lane {turn.lane} had rows a moment ago")

    def _fetch(self, key: LogKey, seqs: list[int], turn: Turn) -> Fetched | None:
        if turn.lane != "m":
            return self._shelf.events(key, seqs, turn.size_bytes, self._limits.packet_bytes)
        seq = seqs[0]
        gone = TOO_LARGE if self._quarantine.condemned(key.epoch, seq) else ""
        if self._quarantine.suspected(key.epoch, seq) and not gone and len(self._flights):
            return None  # wait until it can travel alone
        return self._shelf.image(key, seq, gone, self._limits.packet_bytes)

    # --- what became of it -------------------------------------------------------------------------------------------

    def connected(self, limits: Connected) -> None:
        """Start on a new connection."""
        self._limits = limits
        self._hq_online = None
        self._busy_us = _BUSY_US
        self._held_until_us = {"e": 0, "i": 0}
        self.trouble = ""
        for window in self._windows.values():
            window.reconnected()

    def asked(self, nonce: str, now_us: int) -> None:
        """Note that a hello was sent: until HQ answers, or for 5 s, only what is new and urgent is sent."""
        self._asked = (nonce, now_us)
        self._unsettled = set() if self._broker_is_enough else set(self._windows)

    def lost(self, now_us: int) -> None:
        """Note that the connection broke at monotonic ``now_us``."""
        for flight in self._flights.crash():
            if flight.parcel.image and now_us - flight.at_us <= QUICK_US:
                self._strike(flight)
        self._hq_online = None

    def taken(self, mid: int, code: int, now_us: int) -> None:
        """Note the broker's answer to message ``mid``."""
        flight = self._flights.end(mid)
        if flight is None:
            if code == NO_SUBSCRIBER and not self._broker_is_enough:  # a hello that nobody heard
                self._nobody_there(now_us)
            return
        window = self._windows.get(flight.parcel.log)
        if code == 0:
            self._accepted(flight, window, now_us)
            return
        if window is not None:
            window.release(flight.parcel.sizes)
        self._refused(flight, code, now_us)

    def _accepted(self, flight: Flight, window: Window | None, now_us: int) -> None:
        self.trouble = ""
        self._busy_us = _BUSY_US
        key, seqs = flight.parcel.log, flight.parcel.sizes
        if flight.parcel.image:
            self._pace.took(now_us - flight.at_us)
            self._quarantine.cleared(key.epoch, next(iter(seqs)))
        if window is not None:
            window.taken(seqs)
            if self._broker_is_enough:
                window.received(seqs)
                self._link.advance(key.stream, key.epoch, window.upto, window.head)

    def _refused(self, flight: Flight, code: int, now_us: int) -> None:
        leaf = flight.parcel.message.leaf
        if code == NO_SUBSCRIBER:
            self._nobody_there(now_us)
        elif flight.parcel.image and code in (PACKET_TOO_LARGE, FORMAT_INVALID):
            self._strike(flight)
        elif code in (NOT_AUTHORIZED, PACKET_TOO_LARGE, FORMAT_INVALID):
            self._complain(f"topic …/{leaf}: {refusal(code)}")
            self._hold((leaf,), now_us + FORBIDDEN_US)
        else:
            log.warning("topic …/%s: %s; trying again in %d s", leaf, refusal(code), self._busy_us // 1_000_000)
            self._hold((leaf,), now_us + self._busy_us)
            self._busy_us = min(_BUSY_LIMIT_US, self._busy_us * 2)

    def _nobody_there(self, now_us: int) -> None:
        if self._hq_online is not False:
            log.info("nobody at HQ receives; trying again every %d s", NO_HQ_US // 1_000_000)
        self._hq_online = False
        self._hold(("e", "i"), now_us + NO_HQ_US)

    def _complain(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.error("%s", trouble)
        self.trouble = trouble

    def _hold(self, leaves: Iterable[str], until_us: int) -> None:
        for leaf in leaves:
            self._held_until_us[leaf] = until_us

    def _strike(self, flight: Flight) -> None:
        epoch, seq = flight.parcel.log.epoch, next(iter(flight.parcel.sizes))
        self._quarantine.strike(epoch, seq, alone=flight.alone)
        if self._quarantine.condemned(epoch, seq):
            log.error("picture %d: the broker chokes on it; HQ gets a tombstone in its place", seq)

    # --- what HQ says ------------------------------------------------------------------------------------------------

    @property
    def hq_online(self) -> bool:
        """Whether HQ's receiver is known to be there."""
        return self._hq_online is True

    @property
    def _hq_away(self) -> bool:
        return self._hq_online is False and not self._broker_is_enough

    def hq_said(self, *, online: bool, budget_bps: int | None) -> None:
        """Take in HQ's state."""
        if online:
            self._hold(("e", "i"), 0)
        self._hq_online = online
        self.budget.bps = budget_bps

    def acked(self, ack: Ack, now_us: int, *, retained: bool) -> bool:
        """Take HQ's word of what it has.

        Returns:
            True when HQ claims rows that were never written here: this disk was rolled back, or its twin is about.

        Raises:
            StoreError: the claim could not be written down.
        """
        key = LogKey(ack.stream, ack.epoch)
        claimed = max([ack.upto, *(b for _, b in ack.have)])
        if key in self._windows and claimed > self._windows[key].head:
            self.refresh()
        window = self._windows.get(key)
        if window is None or (retained and ack.upto < window.upto):
            return False
        if claimed > window.head:
            return self._forked(key, claimed, window.head)
        if not retained:
            self._hq_online = True
        if ack.upto < window.upto:
            log.warning("HQ has log %s only up to %d, no longer %d: sending again", ack.stream, ack.upto, window.upto)
        self._link.advance(ack.stream, ack.epoch, ack.upto, window.head)
        answer = bool(ack.nonce) and ack.nonce == self._asked[0]
        self._learn(window.acked(ack.upto, ack.have, now_us, whole=answer))
        if answer:
            window.release_before(self._asked[1])
            self._unsettled.discard(key)
        return False

    def _forked(self, key: LogKey, claimed: int, head: int) -> bool:
        known = claimed <= self._forks.get(key, 0)
        if not known:
            self._forks[key] = claimed
            self._link.advance(key.stream, key.epoch, claimed, head)
        self._unsettled.discard(key)
        return not known

    def _learn(self, took_us: list[int]) -> None:
        if took_us:
            self._usual_us = (4 * self._usual_us + sum(took_us) // len(took_us)) // 5
