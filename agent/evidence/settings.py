"""What the evidence room is told; stdlib only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EvidenceSettings:
    """How pictures are made.

    Attributes:
        codec: ``webp`` or ``jpeg`` for pictures that leave the box; the clean ones are always JPEG.
        quality: encoder quality of the pictures that leave.
        max_width_px: no picture that leaves is wider.
        person_score: persons from this score on are pixelated.
        person_memory_s: persons seen within this are pixelated where last seen.
        person_margin: the box is grown by this share on every side first.
        person_blocks: a pixelated person is at most this many blocks across.
    """

    codec: str = "webp"
    quality: int = 55
    max_width_px: int = 480
    person_score: float = 0.15
    person_memory_s: float = 2.0
    person_margin: float = 0.2
    person_blocks: int = 8
