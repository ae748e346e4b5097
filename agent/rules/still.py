"""``still``: an object that stands, told from one that creeps, through the jitter of a real detector's boxes."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from agent.core.box import Box
from agent.rules.shape import Size, foot_drift, median_box, shift

WINDOW_US = 5_000_000
STILL_DRIFT = 0.10  # of the box's diagonal: a bonnet's length of a car
MOVED_SHIFT = 0.25  # of the diagonal: more than a driver straightening up within the bay
MOVED_FOR_US = 2_000_000
_STILL_IOU = 0.7
_EARLY_US = 1_000_000  # the start of the window, whose median is compared ...
_LATE_US = 2_500_000  # ... with that of its end
_LEAST_TOLERANCE = 0.04
_JITTER_QUANTILE = 0.9
_BEYOND_JITTER = 2.0  # times that quantile: hardly ever three of five samples of something that stands
_RUN = 5


class Sample(NamedTuple):
    """Where an object was at one time."""

    mono_us: int
    box: Box


@dataclass(frozen=True, slots=True)
class Rest:
    """A place where something stands.

    Attributes:
        box: the median box at rest.
        since_us: monotonic µs of the first sample that supports it.
    """

    box: Box
    since_us: int


class Still:
    """Follows whether one object stands.

    Attributes:
        rest: where and since when; None while it moves or is not known for 5 s.
    """

    def __init__(self) -> None:
        self.rest: Rest | None = None
        self._moved_since_us: int | None = None

    def update(self, history: Sequence[Sample], size: Size) -> None:
        """Take the newest samples, oldest first; the last is new."""
        if self.rest is None:
            self.rest = at_rest(history, size)
            self._moved_since_us = None
            return
        now_us = history[-1].mono_us
        if shift(median_box([sample.box for sample in history[-3:]]), self.rest.box, size) <= MOVED_SHIFT:
            self._moved_since_us = None
        elif self._moved_since_us is None:
            self._moved_since_us = now_us
        elif now_us - self._moved_since_us >= MOVED_FOR_US:
            self.forget()

    def forget(self) -> None:
        """Begin anew: whatever it does from now on is another stay."""
        self.rest = None
        self._moved_since_us = None


def at_rest(history: Sequence[Sample], size: Size) -> Rest | None:
    """Tell where the object has stood for the last 5 s, or None.

    Its place is the median box of the window's second half. It stands if the median of the window's first second has
    its foot within 10 % of the diagonal of that place, and the typical box of the window overlaps it by 0.7.
    """
    start_us = history[-1].mono_us - WINDOW_US
    if history[0].mono_us > start_us:
        return None
    before = max(i for i, sample in enumerate(history) if sample.mono_us <= start_us)
    window = history[before:]
    early = [sample.box for sample in window if sample.mono_us <= start_us + _EARLY_US]
    late = [sample.box for sample in window if sample.mono_us >= history[-1].mono_us - _LATE_US]
    place = median_box(late)
    if foot_drift(median_box(early), place, size) >= STILL_DRIFT:
        return None
    if statistics.median(sample.box.iou(place) for sample in window) < _STILL_IOU:
        return None
    jitter = sorted(foot_drift(box, place, size) for box in late)[int(_JITTER_QUANTILE * (len(late) - 1))]
    return Rest(
        place, _back_dated(history, place, size, min(STILL_DRIFT, max(_LEAST_TOLERANCE, _BEYOND_JITTER * jitter)))
    )


def _back_dated(history: Sequence[Sample], place: Box, size: Size, tolerance: float) -> int:
    """Find the first sample of the unbroken run at ``place``: as near as the object jitters once it stands.

    The run goes on backwards while the median of five samples is near, so that a few wild boxes do not cut it.
    """
    drifts = [foot_drift(sample.box, place, size) for sample in history]
    end = len(history)
    while end > 1 and statistics.median(drifts[max(0, end - _RUN) : end]) <= tolerance:
        end -= 1
    run = range(max(0, end + 1 - _RUN), len(history))  # the last five that were near, and all after
    return next((history[i].mono_us for i in run if drifts[i] <= tolerance), history[-1].mono_us)
