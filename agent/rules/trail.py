"""What the rules remember of each object for the last seconds, carried across the tracker's changes of mind.

A track id may change at any frame (a miss, an occlusion, two tracks swapped). A trail therefore continues by the
track's id only while the object is where it was expected, and otherwise by the place.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

from agent.core.box import Box
from agent.core.classes import same_kind
from agent.core.track import Track
from agent.rules.shape import Size, centre_distance, median_box, shift
from agent.rules.still import MOVED_SHIFT, STILL_DRIFT, Sample, Still

_SAME_PLACE_IOU = 0.5
_IDLE_US = 5_000_000  # a slot that is pending waits as long
_HISTORY_US = 10_000_000
_SPACING_US = 190_000  # 5 samples a second are enough for a median, whatever the camera's rate
_REACH_PER_S = 3.0  # diagonals that an object may move in a second (a runner: 6 m/s), one at least between samples
_ACCEPTED_SAMPLES = 3


class Trail:
    """One object in the last seconds.

    Attributes:
        number: unique within the rulebook; never used again.
        track_id: id of the track that was last seen on it.
        label: that track's class.
        score: that track's median score.
        samples: times it was seen.
        first: where it was first seen.
        last: where it was last seen.
        still: whether it stands.
    """

    def __init__(self, number: int, track: Track, now_us: int) -> None:
        self.number = number
        self.track_id = track.id
        self.label = track.label
        self.score = track.score
        self.samples = 1
        self.first = self.last = Sample(now_us, track.box)
        self.still = Still()
        self._history: list[Sample] = [self.first]

    def follow(self, track: Track, now_us: int, size: Size) -> None:
        """Take the track that continues this object in a frame."""
        self.track_id, self.label, self.score = track.id, track.label, track.score
        self.samples += 1
        self.last = Sample(now_us, track.box)
        if now_us - self._history[-1].mono_us < _SPACING_US:
            return
        self._history.append(self.last)
        while self._history[1].mono_us < now_us - _HISTORY_US:
            self._history.pop(0)
        self.still.update(self._history, size)

    @property
    def settled(self) -> bool:
        """Whether it was seen often enough to have a median score."""
        return self.samples >= _ACCEPTED_SAMPLES

    def since(self, mono_us: int) -> list[Sample]:
        """Samples from ``mono_us`` on and the one before, oldest first; empty if it is not known for so long."""
        if self._history[0].mono_us > mono_us:
            return []
        start = max(i for i, sample in enumerate(self._history) if sample.mono_us <= mono_us)
        return self._history[start:]

    def moved_off(self, place: Box, stood_since_us: int, size: Size) -> int | None:
        """Tell when it was last where it had stood, before it began to move away from ``place``.

        Where it had stood is the median of the oldest second remembered there: it may have crept since it came. None
        if nothing is remembered of it on the place.
        """
        stay = [sample for sample in self._history if sample.mono_us >= stood_since_us]
        stay = [sample for sample in stay if shift(sample.box, place, size) <= MOVED_SHIFT]
        if not stay:
            return None
        home = median_box([sample.box for sample in stay[:5]])
        near_us = [sample.mono_us for sample in stay if shift(sample.box, home, size) <= STILL_DRIFT]
        return max(near_us, default=stay[0].mono_us)


_Rank = Callable[[Track, Trail, int, Size], float]
"""How well a track fits a trail; 0 = not at all."""


class Trails:
    """All objects of one camera.

    Attributes:
        live: those seen within the last 5 s in which the camera could see.
    """

    def __init__(self) -> None:
        self.live: list[Trail] = []
        self._numbers = itertools.count(1)

    def follow(self, tracks: Iterable[Track], now_us: int, resumed_us: int, size: Size) -> None:
        """Take a frame's tracks; each seen one continues a trail or starts one, idle trails end."""
        self.live = [trail for trail in self.live if now_us - max(trail.last.mono_us, resumed_us) <= _IDLE_US]
        tracks = [track for track in tracks if track.seen]
        free = list(self.live)
        for rank, by_id in ((_by_place, True), (_by_place, False), (_in_reach, True)):
            tracks, free = self._continue(rank, tracks, free, now_us, size, by_id=by_id)
        self.live.extend(Trail(next(self._numbers), track, now_us) for track in tracks)

    def forget(self) -> None:
        """Begin anew, as after a long blindness; numbers go on."""
        self.live.clear()

    def _continue(
        self, rank: _Rank, tracks: Sequence[Track], free: Sequence[Trail], now_us: int, size: Size, *, by_id: bool
    ) -> tuple[list[Track], list[Trail]]:
        """Let tracks continue trails, the best fits first; with ``by_id`` only those that carry the trail's own id."""
        named: dict[int, list[Trail]] = {}
        for trail in free if by_id else ():
            named.setdefault(trail.track_id, []).append(trail)
        fits = [
            (fit, track.id, trail.number, track, trail)
            for track in tracks
            for trail in (named.get(track.id, ()) if by_id else free)
            if (fit := rank(track, trail, now_us, size)) > 0
        ]
        done: set[int] = set()
        gone: set[int] = set()
        for _, _, _, track, trail in sorted(fits, key=lambda fit: (-fit[0], fit[1], fit[2])):
            if track.id not in done and trail.number not in gone:
                trail.follow(track, now_us, size)
                done.add(track.id)
                gone.add(trail.number)
        return [t for t in tracks if t.id not in done], [t for t in free if t.number not in gone]


def _by_place(track: Track, trail: Trail, now_us: int, size: Size) -> float:
    del now_us, size
    overlap = track.box.iou(trail.last.box)
    return overlap if overlap >= _SAME_PLACE_IOU and same_kind(track.label, trail.label) else 0.0


def _in_reach(track: Track, trail: Trail, now_us: int, size: Size) -> float:
    if not same_kind(track.label, trail.label):
        return 0.0
    reach = max(1.0, _REACH_PER_S * (now_us - trail.last.mono_us) / 1e6)
    return 1.0 if centre_distance(track.box, trail.last.box, size) <= reach else 0.0
