"""``inside``: an object in a zone, with hysteresis, so that nobody who stands on the line goes in and out."""

from __future__ import annotations

from agent.core.box import Box, Point
from agent.core.polygon import Polygon, contains, distance
from agent.rules.shape import Size

_ENTER_SAMPLES = 3
_ENTER_US = 300_000
LEAVE_US = 2_000_000
_MARGIN_OF_HEIGHT = 0.05
_FRAME_EDGE = 0.001


class Area:
    """A zone on the ground, asked where feet stand.

    Args:
        outline: normalised corners.
    """

    def __init__(self, outline: Polygon) -> None:
        self._outline = outline
        self._size = Size(1, 1)
        self._outline_px = outline

    def holds(self, box: Box) -> bool:
        """Tell whether the foot of ``box`` lies inside.

        A foot on the frame's own edge is drawn in by a thousandth: whoever walks in from below is cut by the edge, and
        a zone that reaches down to it means him too.
        """
        return contains(self._outline, _drawn_in(box.foot))

    def almost_holds(self, box: Box, size: Size) -> bool:
        """Tell whether the foot lies inside or within 5 % of the box's height of the outline, measured in px."""
        if self.holds(box):
            return True
        if size != self._size:
            self._size = size
            self._outline_px = tuple(_in_px(corner, size) for corner in self._outline)
        margin_px = _MARGIN_OF_HEIGHT * box.height * size.height_px
        return distance(self._outline_px, _in_px(_drawn_in(box.foot), size)) <= margin_px


class Inside:
    """Whether one object is inside one area.

    Attributes:
        entered: True from the third sample in a row inside, 0.3 s after the first at the earliest, until it has been
            2 s outside the area and its margin.
        since_us: monotonic µs of the first sample inside of this stay; None while outside.
        last_us: monotonic µs of the latest sample inside or on the margin.
    """

    def __init__(self, area: Area) -> None:
        self._area = area
        self._samples = 0
        self.entered = False
        self.since_us: int | None = None
        self.last_us = 0

    def sample(self, now_us: int, box: Box, size: Size) -> None:
        """Take where the object was seen."""
        if self.entered:
            if self._area.almost_holds(box, size):
                self.last_us = now_us
            elif now_us - self.last_us >= LEAVE_US:
                self._reset()
        elif self._area.holds(box):
            if self.since_us is None or now_us - self.last_us > LEAVE_US:
                self._samples, self.since_us = 0, now_us
            self.last_us = now_us
            self._samples += 1
            self.entered = self._samples >= _ENTER_SAMPLES and now_us - self.since_us >= _ENTER_US
        else:
            self._reset()

    def _reset(self) -> None:
        self._samples = 0
        self.entered = False
        self.since_us = None


def _drawn_in(point: Point) -> Point:
    low, high = _FRAME_EDGE, 1 - _FRAME_EDGE
    return Point(min(max(point.x, low), high), min(max(point.y, low), high))


def _in_px(point: Point, size: Size) -> Point:
    return Point(point.x * size.width_px, point.y * size.height_px)
