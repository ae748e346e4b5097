"""Persons out of every picture that leaves: who was seen lately, and how they are made unrecognisable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.core.box import Box
from agent.core.detections import Detections
from agent.core.track import Track
from agent.evidence.settings import EvidenceSettings

_SAME_PLACE_IOU = 0.5  # a person seen again here renews the memory instead of adding to it


@dataclass(frozen=True, slots=True)
class _Seen:
    box: Box
    mono_us: int


class PersonMemory:
    """Where persons are, and were within ``person_memory_s``, in the picture of one camera.

    The detector blinks: a person it saw a second ago and misses now still stands there. The memory answers for that,
    and nothing answers for a person it never saw.
    """

    def __init__(self, settings: EvidenceSettings, labels: Sequence[str]) -> None:
        self._settings = settings
        self._is_person = np.array([label == "person" for label in labels], np.bool_)
        self._seen: list[_Seen] = []

    def observe(self, mono_us: int, detections: Detections, tracks: Sequence[Track]) -> None:
        """Take in what one frame shows: detected persons from ``person_score`` on, and tracks held to be persons."""
        wanted = self._is_person[detections.class_ids] & (detections.scores >= self._settings.person_score)
        boxes = [Box(*row) for row in detections.boxes[wanted].tolist()]
        boxes += [track.box for track in tracks if track.label == "person"]
        horizon_us = mono_us - round(self._settings.person_memory_s * 1_000_000)
        kept = [
            old
            for old in self._seen
            if old.mono_us >= horizon_us and not any(old.box.iou(box) > _SAME_PLACE_IOU for box in boxes)
        ]
        self._seen = kept + [_Seen(box, mono_us) for box in boxes]

    @property
    def areas(self) -> tuple[Box, ...]:
        """What must be pixelated now: every remembered box, grown by ``person_margin`` on each side."""
        return tuple(seen.box.grown(self._settings.person_margin) for seen in self._seen)


def pixelate(pixels: NDArray[np.uint8], areas: Sequence[Box], blocks: int) -> NDArray[np.uint8]:
    """Copy a picture with each area reduced to at most ``blocks`` × ``blocks`` flat tiles.

    Args:
        pixels: (H, W, 3) uint8; untouched.
        areas: normalised; rounded outward to whole pixels.
        blocks: most tiles along the longer side of an area.
    """
    picture: NDArray[np.uint8] = pixels.copy()
    height, width = picture.shape[:2]
    for area in areas:
        x1, y1 = max(0, int(area.x1 * width)), max(0, int(area.y1 * height))
        x2, y2 = min(width, int(np.ceil(area.x2 * width))), min(height, int(np.ceil(area.y2 * height)))
        if x2 <= x1 or y2 <= y1:
            continue
        side = max(x2 - x1, y2 - y1)
        tiles = (max(1, (x2 - x1) * blocks // side), max(1, (y2 - y1) * blocks // side))
        small = cv2.resize(picture[y1:y2, x1:x2], tiles, interpolation=cv2.INTER_AREA)
        picture[y1:y2, x1:x2] = cv2.resize(small, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)
    return picture
