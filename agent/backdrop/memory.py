"""How a camera's picture usually looks: learnt from good looks alone, and held against the present one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.backdrop.edges import Anchor, Shift
from agent.backdrop.reading import Reading
from agent.backdrop.reference import ANY_HOUR, Reference

ENOUGH = 30
"""Looks that a median needs before it is believed: half a minute, in which nobody stands still everywhere."""

_KEPT = 45
_FIRST_EVERY_US = 1_000_000
_LATER_EVERY_US = 20_000_000  # so that the kept ones tell of the last quarter of an hour: light changes, people go
_RENEW_EVERY_US = 60_000_000


@dataclass(frozen=True, eq=False)
class _Sample:
    grey: NDArray[np.uint8]
    edges: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    mean: float
    hour: int
    frame_px: tuple[int, int]


class _Lately:
    """The last good looks in one kind of light, and their median."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=_KEPT)
        self._sampled_us = self._renewed_us = -(2**62)
        self.usual: Reference | None = None

    def learn(self, reading: Reading, hour: int, infrared: bool) -> None:
        look = reading.look
        if self._samples and self._samples[-1].frame_px != look.frame_px:
            self._samples.clear()  # at another size, the same street is sharper or softer
        every_us = _FIRST_EVERY_US if len(self._samples) < ENOUGH else _LATER_EVERY_US
        if look.mono_us - self._sampled_us < every_us:
            return
        self._sampled_us = look.mono_us
        grey = np.where(look.valid, look.grey, np.uint8(0))
        self._samples.append(_Sample(grey, reading.edges, reading.sharpness, reading.mean, hour, look.frame_px))
        if len(self._samples) >= ENOUGH and look.mono_us - self._renewed_us >= _RENEW_EVERY_US:
            self._renewed_us = look.mono_us
            self.usual = self._median(infrared, look.frame_px)

    @property
    def whole_hour(self) -> int | None:
        """The hour that every kept look belongs to, once there are as many as are kept; None otherwise."""
        hours = {sample.hour for sample in self._samples}
        return hours.pop() if len(self._samples) == _KEPT and len(hours) == 1 else None

    def _median(self, infrared: bool, frame_px: tuple[int, int]) -> Reference:
        samples = list(self._samples)
        return Reference(
            hour=samples[-1].hour,
            infrared=infrared,
            grey=np.asarray(np.partition([s.grey for s in samples], len(samples) // 2, axis=0)[len(samples) // 2]),
            edges=np.median([s.edges for s in samples], axis=0).astype(np.float32),
            sharpness=_median_known([s.sharpness for s in samples]),
            mean=float(np.median([s.mean for s in samples])),
            frame_px=frame_px,
        )


class Memory:
    """What is known of one camera: the last quarter of an hour, and the accepted reference view of each hour.

    A reference view stays as it was accepted until the camera is recalibrated: one that followed the picture would
    follow a mount that sinks.

    Args:
        references: those that were kept; of each hour and light one.
    """

    def __init__(self, references: Iterable[Reference] = ()) -> None:
        self._references = {(view.hour, view.infrared): view for view in references}
        self._lately = {False: _Lately(), True: _Lately()}
        self._anchors: dict[int, tuple[Reference, Anchor]] = {}
        self._fresh: list[Reference] = []

    def learn(self, reading: Reading, hour: int, *, infrared: bool) -> None:
        """Take in a look that is known to be good."""
        lately = self._lately[infrared]
        lately.learn(reading, hour, infrared)
        accepted = self._references.get((hour, infrared))
        if lately.usual is None or (accepted is not None and _fits(accepted, reading)):
            return
        if lately.whole_hour == hour or not self._usable(reading):
            self._accept(replace(lately.usual, hour=hour))

    def usual(self, reading: Reading, hour: int, *, infrared: bool, within_h: int = 0) -> Reference | None:
        """Give how the picture usually looks now: lately, else at this hour; None while that is being learnt.

        Args:
            reading: of the present picture.
            hour: of it.
            infrared: its light.
            within_h: where this hour is not known, one that is as many hours away will do.
        """
        lately = self._lately[infrared].usual
        if lately is not None and _fits(lately, reading):
            return lately
        known = [view for view in self._usable(reading) if view.infrared == infrared]
        known = [view for view in known if view.hour == ANY_HOUR or _apart(view.hour, hour) <= within_h]
        return min(known, key=lambda view: _apart(view.hour, hour), default=None)

    def shift(self, reading: Reading, hour: int, *, infrared: bool) -> Shift | None:
        """Tell how the picture lies against the accepted view of this hour, or of the hour next to it that has one."""
        views = self._usable(reading)
        if not views:
            return None
        view = min(views, key=lambda known: (known.infrared != infrared, _apart(known.hour, hour)))
        return self._anchor(view, reading).shift_of(reading.slopes, reading.look.valid)

    def resembles_lately(self, reading: Reading, hour: int, *, infrared: bool) -> float | None:
        """Tell how well the picture, shifted or not, matches the last quarter of an hour; None while unknown.

        After a restart the view of this or the next hour in this light stands for it: a turn meanwhile must be found.
        """
        lately = self.usual(reading, hour, infrared=infrared, within_h=1)
        if lately is None:
            return None
        return self._anchor(lately, reading).shift_of(reading.slopes, reading.look.valid).match

    def forget(self) -> None:
        """Drop everything: the camera shows something else from now on."""
        self.__init__()  # type: ignore[misc]

    def take_fresh(self) -> tuple[Reference, ...]:
        """Give the reference views that were accepted since the last call, to be kept on disk."""
        fresh, self._fresh = tuple(self._fresh), []
        return fresh

    def _accept(self, view: Reference) -> None:
        self._references[view.hour, view.infrared] = view
        self._fresh.append(view)

    def _usable(self, reading: Reading) -> list[Reference]:
        return [view for view in self._references.values() if _fits(view, reading)]

    def _anchor(self, view: Reference, reading: Reading) -> Anchor:
        if id(view) not in self._anchors:
            known = [*self._references.values(), *(lately.usual for lately in self._lately.values())]
            alive = {id(each) for each in known}
            self._anchors = {name: kept for name, kept in self._anchors.items() if name in alive}
            self._anchors[id(view)] = view, Anchor(view.grey, reading.look.valid)  # held, lest another gets its id
        return self._anchors[id(view)][1]


def _fits(view: Reference, reading: Reading) -> bool:
    """Tell whether a view can be compared at all: not once the camera sends another picture size."""
    return view.frame_px == reading.look.frame_px and view.grey.shape == reading.look.grey.shape


def _apart(hour: int, other: int) -> int:
    if ANY_HOUR in (hour, other):
        return 0 if hour == other else 12
    return min((hour - other) % 24, (other - hour) % 24)


def _median_known(fields: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Median of each cell over the looks in which it was known; NaN where it was in less than half of them."""
    stack = np.stack(fields)
    known = ~np.isnan(stack)
    ordered = np.sort(np.where(known, stack, np.inf), axis=0)
    middle = np.take_along_axis(ordered, np.maximum(known.sum(0) - 1, 0)[None] // 2, axis=0)[0]
    return np.where(known.sum(0) * 2 >= len(fields), middle, np.nan).astype(np.float32)
