"""Which boxes are heard of: judged by the age of their messages, since a half-open link keeps its last will waiting."""

from __future__ import annotations

SILENT_US = 180_000_000
"""Three heartbeats."""


class Presence:
    """When each box was last heard, and whom that was said of."""

    def __init__(self) -> None:
        self._heard_us: dict[str, int] = {}
        self._silent: set[str] = set()

    def heard(self, box: str, now_us: int) -> bool:
        """Note a message of ``box`` at monotonic ``now_us``; True when it had been reported silent."""
        self._heard_us[box] = now_us
        if box in self._silent:
            self._silent.discard(box)
            return True
        return False

    def fallen_silent(self, now_us: int) -> list[tuple[str, float]]:
        """Give the boxes that have just become silent, with seconds since their last message; each once."""
        fallen = []
        for box, heard_us in self._heard_us.items():
            if box not in self._silent and now_us - heard_us > SILENT_US:
                self._silent.add(box)
                fallen.append((box, (now_us - heard_us) / 1_000_000))
        return fallen
