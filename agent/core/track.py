"""One object followed through the frames of one camera."""

from __future__ import annotations

from dataclasses import dataclass

from agent.core.box import Box


@dataclass(frozen=True, slots=True)
class Track:
    """One object as the tracker knows it after a frame; a value, renewed every frame.

    Attributes:
        id: number, unique per camera and process run; never part of an incident's key.
        label: class by majority vote of the last observations.
        score: median of the last (up to 5) detection scores, 0..1.
        box: where it is: the detection's box when ``seen``, else the predicted one.
        seen: whether a detection supports it in this very frame.
        first_seen_us: monotonic µs of its first detection.
        last_seen_us: monotonic µs of its latest detection.
        samples: how many detections support it so far.
    """

    id: int
    label: str
    score: float
    box: Box
    seen: bool
    first_seen_us: int
    last_seen_us: int
    samples: int
