"""What goes next on the one connection: urgent before old, old before bulk; pure."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from agent.core.event import BODY_LIMIT_BYTES

ROWS = 256
BYTES = 512 * 1024
"""Sent and not acknowledged by HQ, over all logs together."""

LANES = ("a", "d", "u", "w", "m")
_SHARE = {"a": 1.0, "d": 0.75, "u": 0.75, "w": 0.5, "m": 0.5}
"""How full a lane may see the window and still add to it: the less urgent always leave room for the more urgent."""

_LARGEST_IMAGE_BYTES = 65_536  # a larger packet is refused by the broker

BACKLOG_FLIGHT_BYTES = 16 * 1024
"""Backlog handed to the connection and not yet taken by the broker: at 64 kbit/s an alert waits 2 s behind it."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is under way.

    Attributes:
        rows: sent and not acknowledged by HQ.
        size_bytes: the same in bytes.
        flight: messages the broker has not taken yet.
        flight_bytes: the same in bytes.
        flight_images: pictures among them.
        flight_limit: messages the broker takes at once (its Receive Maximum, or our own bound).
    """

    rows: int = 0
    size_bytes: int = 0
    flight: int = 0
    flight_bytes: int = 0
    flight_images: int = 0
    flight_limit: int = 20


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a lane has to send: rows committed since connecting, and older ones."""

    fresh: bool = False
    old: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is, and at most how many rows and bytes it may send."""

    lane: str
    fresh: bool
    rows: int
    size_bytes: int


def next_turn(waiting: Mapping[str, Waiting], load: Load, images_at_once: int) -> Turn | None:
    """Choose the lane that sends next; None when nothing may be sent now.

    Args:
        waiting: by lane.
        load: what is under way.
        images_at_once: pictures that may be in flight; 0 = no picture may start.
    """
    if load.flight >= load.flight_limit:
        return None
    if waiting.get("a", Waiting()).fresh:
        return _turn("a", True, load)
    for lane in ("a", "d", "u", "w"):
        lane_waits = waiting.get(lane, Waiting())
        if lane_waits.fresh or lane_waits.old:
            # Also when the window has no room for this lane: nothing less urgent overtakes an event that waits.
            return _turn(lane, False, load) if load.flight_bytes < BACKLOG_FLIGHT_BYTES else None
    pictures = waiting.get("m", Waiting())
    if (pictures.fresh or pictures.old) and load.flight_images < images_at_once:
        return _turn("m", False, load)
    return None


def _turn(lane: str, fresh: bool, load: Load) -> Turn | None:
    rows = int(ROWS * _SHARE[lane]) - load.rows
    size_bytes = int(BYTES * _SHARE[lane]) - load.size_bytes
    largest = _LARGEST_IMAGE_BYTES if lane == "m" else BODY_LIMIT_BYTES
    return Turn(lane, fresh, rows, size_bytes) if rows > 0 and size_bytes >= largest else None


class ImagePace:
    """How many pictures may be in flight: one, or two while the broker takes them quickly.

    Measured at 256 kbit/s: with one an alert waits 1 s (p99) and a fifth of the link is idle, with two 1.6 s and none.
    """

    QUICK_US = 1_000_000
    SLOW_US = 1_500_000

    def __init__(self) -> None:
        self._took_us: deque[int] = deque(maxlen=5)
        self.at_once = 1

    def took(self, time_us: int) -> None:
        """Note how long the broker took for a picture."""
        self._took_us.append(time_us)
        usual_us = statistics.median(self._took_us)
        if len(self._took_us) == 5 and usual_us < self.QUICK_US:
            self.at_once = 2
        elif usual_us > self.SLOW_US:
            self.at_once = 1


class BulkBudget:
    """HQ's limit on pictures: bits per second, saved up for at most one picture of the largest kind.

    Attributes:
        bps: None = no limit, 0 = no pictures now.
    """

    _SAVED_BITS = 65_536 * 8

    def __init__(self) -> None:
        self.bps: int | None = None
        self._bits = 0.0
        self._at_us: int | None = None

    def allows(self, now_us: int) -> bool:
        """Tell whether a picture may start at monotonic ``now_us``."""
        if self.bps is None:
            return True
        if self._at_us is not None:
            self._bits = min(self._SAVED_BITS, self._bits + self.bps * (now_us - self._at_us) / 1_000_000)
        self._at_us = now_us
        return self.bps > 0 and self._bits >= 0

    def spend(self, size_bytes: int) -> None:
        """Count a picture; what it overdraws is waited for before the next."""
        if self.bps is not None:
            self._bits -= size_bytes * 8
