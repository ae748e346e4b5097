"""Detections of one camera in, tracks out: ByteTrack's two passes, in numpy, by real time instead of frame count.

After Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box" (ECCV 2022), with three
changes: the elapsed time is the frames' own, boxes of different class groups are never tied together, and the pass
over low scores serves established tracks only (see ``_SETTLED_HITS``).
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from agent.core.box import Box
from agent.core.classes import group_ids
from agent.core.detections import Detections
from agent.core.track import Track
from agent.track.associate import overlaps, pair
from agent.track.motion import Motion
from agent.track.settings import TrackSettings

_HIGH_IOU = 0.3  # lower, a car parked beside a larger false box swaps tracks with it
_LOW_IOU = 0.5  # a doubtful box must lie where the track is
_SETTLED_HITS = 3  # below, a 0.1-score shadow beside a newcomer steals its track and the true box starts another
_STANDS = 0.25  # diagonals per second: the jitter of a parked car's box, and too slow to leave a place unnoticed
_REORDER_US = 1_000_000  # a timestamp this far back is a hiccup of the source; farther, another time line


class Tracker:
    """Follows the objects of one camera; ids are unique within the instance and never used again.

    Args:
        settings: thresholds.
        labels: names of the model card's classes, in the order of ``Detections.class_ids``.
    """

    def __init__(self, settings: TrackSettings, labels: tuple[str, ...]) -> None:
        self._settings = settings
        self._labels = labels
        self._groups = np.array(group_ids(labels), np.int64)
        self._numbers = itertools.count(1)
        self._live: list[Motion] = []
        self._now_us: int | None = None

    def update(self, detections: Detections, mono_us: int) -> list[Track]:
        """Take one frame's detections and tell every live track, those coasting unseen included.

        The result does not depend on the order of the rows. A frame of the same time as the last, or up to 1 s before
        it, is taken as of the last one's time; one from farther back starts everything anew, for nothing about speed
        or absence is known across it.

        Args:
            detections: what the detector found, unfiltered.
            mono_us: monotonic µs of the frame.
        """
        now_us = self._advance(mono_us)
        found = _in_order(detections.where(_usable(detections) & (detections.scores >= self._settings.low_score)))
        sure = found.scores >= self._settings.high_score
        high, low = np.nonzero(sure)[0], np.nonzero(~sure)[0]

        waiting, fresh = self._tie(self._live, found, high, _HIGH_IOU, now_us)
        self._tie([motion for motion in waiting if motion.hits >= _SETTLED_HITS], found, low, _LOW_IOU, now_us)
        for row in fresh.tolist():
            box, score, class_id = _row(found, row)
            self._live.append(Motion(next(self._numbers), box, score, class_id, now_us))
        return [motion.track(self._labels[motion.class_id], now_us) for motion in self._live]

    def hold(self, mono_us: int) -> list[Track]:
        """Tell every live track in a picture that shows what the last one showed: each is where it was, and seen.

        Nothing is learned from such a picture: scores, votes and the number of sightings stay as they are.

        Args:
            mono_us: monotonic µs of the frame.
        """
        now_us = self._now_us = mono_us if self._now_us is None else max(mono_us, self._now_us)
        for motion in self._live:
            motion.stay(now_us)
        return [motion.track(self._labels[motion.class_id], now_us) for motion in self._live]

    @property
    def calm(self) -> bool:
        """Whether the last frame left nothing in doubt: every live track was seen in it, is no newcomer, and stands."""
        return all(
            motion.last_seen_us == self._now_us and motion.hits >= _SETTLED_HITS and motion.speed <= _STANDS
            for motion in self._live
        )

    def _advance(self, mono_us: int) -> int:
        """Bring every track to the time of the frame; drop those unseen for too long."""
        before_us = mono_us if self._now_us is None else self._now_us
        if mono_us < before_us - _REORDER_US:
            self._live.clear()
            before_us = mono_us
        self._now_us = now_us = max(mono_us, before_us)
        oldest_us = now_us - round(self._settings.max_lost_s * 1e6)
        self._live = [motion for motion in self._live if motion.last_seen_us >= oldest_us]
        for motion in self._live:
            motion.predict((now_us - before_us) / 1e6)
        return now_us

    def _tie(
        self, motions: list[Motion], found: Detections, rows: NDArray[np.int64], gate: float, now_us: int
    ) -> tuple[list[Motion], NDArray[np.int64]]:
        """Continue ``motions`` with the ``rows`` of ``found`` that fit; return what is left of both."""
        if not motions or not len(rows):
            return motions, rows
        closeness = overlaps(np.array([motion.box for motion in motions]), found.boxes[rows].astype(np.float64))
        known = self._groups[[motion.class_id for motion in motions]]
        closeness[known[:, None] != self._groups[found.class_ids[rows]][None, :]] = 0
        pairs = pair(closeness, gate)
        for i, j in pairs:
            motions[i].observe(*_row(found, int(rows[j])), now_us)
        tied = {i for i, _ in pairs}
        left = np.delete(rows, [j for _, j in pairs])
        return [motion for i, motion in enumerate(motions) if i not in tied], left


def _usable(detections: Detections) -> NDArray[np.bool_]:
    """Tell which rows are boxes at all: finite, with some area."""
    boxes = detections.boxes
    spread = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(np.isfinite(boxes).all(axis=1) & (spread > 0).all(axis=1), np.bool_)


def _in_order(detections: Detections) -> Detections:
    """Sort the rows by what they say, best score first, so that the detector's order cannot matter."""
    keys = (detections.class_ids, *detections.boxes.T[::-1], -detections.scores)
    return detections.where(np.lexsort(keys).astype(np.int64))


def _row(detections: Detections, row: int) -> tuple[Box, float, int]:
    return Box(*detections.boxes[row].tolist()), float(detections.scores[row]), int(detections.class_ids[row])
