"""What the track room is told; stdlib only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrackSettings:
    """How detections are tied into tracks.

    Attributes:
        high_score: detections from here on may start a track (ByteTrack's first pass).
        low_score: detections from here on may continue one (second pass).
        max_lost_s: a track not seen for longer is dropped.
    """

    high_score: float = 0.4
    low_score: float = 0.15
    max_lost_s: float = 2.0
