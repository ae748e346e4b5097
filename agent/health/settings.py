"""What the health room is told; stdlib only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class HealthSettings:
    """How the box looks after itself.

    Attributes:
        throttle: look at the cameras less often while the box is too hot or its supply gives way.
        root: directory under which ``sys``, ``proc`` and ``var`` lie; ``/`` on a box, a folder in a test.
    """

    throttle: bool = True
    root: Path = Path("/")
