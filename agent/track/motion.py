"""Where one followed object is, where it will be, and what it has been called; the tracker's memory of it."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable

from agent.core.box import Box, Point
from agent.core.track import Track

_VELOCITY_MEMORY_S = 0.4  # a person turns within a few tenths; shorter follows the detector's jitter instead
_COAST_MEMORY_S = 1.0  # unseen, an object is believed to slow down: the jitter of a parked car must not carry it away
_VOTES = 15  # >= 10 observations decide the class, and a van that turned its side is believed within 3 s at 5 fps
_SCORES = 5


class Motion:
    """One object, renewed in place; dies with its track.

    Args:
        number: the track's id.
        box: the first detection's box.
        score: its confidence.
        class_id: its class.
        mono_us: when.

    Attributes:
        class_id: what most of the last observations call it.
    """

    def __init__(self, number: int, box: Box, score: float, class_id: int, mono_us: int) -> None:
        self.number = number
        self.box = box
        self.first_seen_us = mono_us
        self.last_seen_us = mono_us
        self.hits = 1
        self._velocity = Point(0.0, 0.0)  # per second
        self._anchor = box  # the last box that was detected, not predicted
        self._scores: deque[float] = deque([score], maxlen=_SCORES)
        self._votes: deque[int] = deque([class_id], maxlen=_VOTES)
        self.class_id = class_id

    def predict(self, elapsed_s: float) -> None:
        """Move the box on by ``elapsed_s`` at the velocity it was last seen with, slowing down while unseen."""
        (vx, vy), (x1, y1, x2, y2) = self._velocity, self.box
        dx, dy = vx * elapsed_s, vy * elapsed_s
        slowing = math.exp(-elapsed_s / _COAST_MEMORY_S)
        self.box = Box(x1 + dx, y1 + dy, x2 + dx, y2 + dy)
        self._velocity = Point(vx * slowing, vy * slowing)

    def observe(self, box: Box, score: float, class_id: int, mono_us: int) -> None:
        """Take the detection that continues this object; one of the same instant moves it but tells no speed."""
        elapsed_s = (mono_us - self.last_seen_us) / 1e6
        if elapsed_s > 0:
            weight = max(1 - math.exp(-elapsed_s / _VELOCITY_MEMORY_S), 1 / self.hits)  # the first speed is believed
            (vx, vy), here, before = self._velocity, box.centre, self._anchor.centre
            measured_x, measured_y = (here.x - before.x) / elapsed_s, (here.y - before.y) / elapsed_s
            self._velocity = Point(vx + weight * (measured_x - vx), vy + weight * (measured_y - vy))
        self.box = self._anchor = box
        self.last_seen_us = mono_us
        self.hits += 1
        self._scores.append(score)
        self._votes.append(class_id)
        self.class_id = self._voted()

    def stay(self, mono_us: int) -> None:
        """Note that it is where it was last seen, by a picture that shows no change: no new score, vote or hit."""
        self.box = self._anchor
        self.last_seen_us = mono_us
        self._velocity = Point(0.0, 0.0)

    @property
    def speed(self) -> float:
        """How fast it moves, in diagonals of its box per second."""
        return math.hypot(*self._velocity) / max(self.box.diagonal, 1e-9)

    def _voted(self) -> int:
        """Give the class most of the last observations name; of equals, the one named last."""
        if len(set(self._votes)) == 1:
            return self._votes[-1]
        counts = Counter(self._votes)
        best = max(counts.values())
        return next(vote for vote in reversed(self._votes) if counts[vote] == best)

    def track(self, label: str, mono_us: int) -> Track:
        """Give this object as the value the rules read; ``mono_us`` is the frame's time."""
        return Track(
            id=self.number,
            label=label,
            score=_median(self._scores),
            box=self.box,
            seen=self.last_seen_us == mono_us,
            first_seen_us=self.first_seen_us,
            last_seen_us=self.last_seen_us,
            samples=self.hits,
        )


def _median(values: Iterable[float]) -> float:
    ranked = sorted(values)
    middle = len(ranked) // 2
    return ranked[middle] if len(ranked) % 2 else (ranked[middle - 1] + ranked[middle]) / 2
