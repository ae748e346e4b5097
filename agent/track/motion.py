"""Where one followed object is, where it will be, and what it has been called; the tracker's memory of it."""

from __future__ import annotations

import math
import statistics
from collections import Counter, deque

import numpy as np
from numpy.typing import NDArray

from agent.core.box import Box
from agent.core.track import Track

_VELOCITY_MEMORY_S = 0.4  # a person turns within a few tenths; shorter follows the detector's jitter instead
_COAST_MEMORY_S = 1.0  # unseen, an object is believed to slow down: the jitter of a parked car must not carry it away
_VOTES = 15  # >= 10 observations decide the class, and a van that turned its side is believed within 3 s at 5 fps
_SCORES = 5


class Motion:
    """One object, renewed in place; dies with its track.

    Args:
        number: the track's id.
        box: (4,) float64, the first detection's box, normalised.
        score: its confidence.
        class_id: its class.
        mono_us: when.

    Attributes:
        class_id: what most of the last observations call it.
    """

    def __init__(self, number: int, box: NDArray[np.float64], score: float, class_id: int, mono_us: int) -> None:
        self.number = number
        self.box = box
        self.first_seen_us = mono_us
        self.last_seen_us = mono_us
        self.hits = 1
        self._velocity = np.zeros(2)
        self._anchor = box  # the last box that was detected, not predicted
        self._scores: deque[float] = deque([score], maxlen=_SCORES)
        self._votes: deque[int] = deque([class_id], maxlen=_VOTES)
        self.class_id = class_id

    def predict(self, elapsed_s: float) -> None:
        """Move the box on by ``elapsed_s`` at the velocity it was last seen with, slowing down while unseen."""
        shift = self._velocity * elapsed_s
        self.box = self.box + np.concatenate([shift, shift])
        self._velocity = self._velocity * math.exp(-elapsed_s / _COAST_MEMORY_S)

    def observe(self, box: NDArray[np.float64], score: float, class_id: int, mono_us: int) -> None:
        """Take the detection that continues this object; one of the same instant moves it but tells no speed."""
        elapsed_s = (mono_us - self.last_seen_us) / 1e6
        if elapsed_s > 0:
            measured = (_centre(box) - _centre(self._anchor)) / elapsed_s
            weight = max(1 - math.exp(-elapsed_s / _VELOCITY_MEMORY_S), 1 / self.hits)  # the first speed is believed
            self._velocity = self._velocity + weight * (measured - self._velocity)
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
        self._velocity = np.zeros(2)

    @property
    def speed(self) -> float:
        """How fast it moves, in diagonals of its box per second."""
        x1, y1, x2, y2 = self.box.tolist()
        return math.hypot(*self._velocity.tolist()) / max(math.hypot(x2 - x1, y2 - y1), 1e-9)

    def _voted(self) -> int:
        """Give the class most of the last observations name; of equals, the one named last."""
        if len(set(self._votes)) == 1:
            return self._votes[-1]
        counts = Counter(self._votes)
        best = max(counts.values())
        return next(vote for vote in reversed(self._votes) if counts[vote] == best)

    def track(self, label: str, mono_us: int) -> Track:
        """Give this object as the value the rules read; ``mono_us`` is the frame's time."""
        x1, y1, x2, y2 = self.box.tolist()
        return Track(
            id=self.number,
            label=label,
            score=statistics.median(self._scores),
            box=Box(x1, y1, x2, y2),
            seen=self.last_seen_us == mono_us,
            first_seen_us=self.first_seen_us,
            last_seen_us=self.last_seen_us,
            samples=self.hits,
        )


def _centre(box: NDArray[np.float64]) -> NDArray[np.float64]:
    middle: NDArray[np.float64] = (box[:2] + box[2:]) / 2
    return middle
