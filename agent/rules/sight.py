"""When the camera could see, and when it was blind: a gap between frames is time about which nothing is known."""

from __future__ import annotations

_BLIND_AFTER_US = 2_000_000  # as long as a track coasts; a camera is judged at least once a second
_LONG_BLIND_US = 30_000_000  # longer, another car may have taken the place: a dwell that is running starts anew


class Sight:
    """Follows the frame times of one camera.

    Attributes:
        begun_us: first good frame after the start or after the last long blindness.
        resumed_us: first good frame after the last blindness of any length.
        blind_us: blindness right before the newest frame, 0 for an ordinary interval.
        long_blind: whether that blindness was longer than 30 s.
    """

    def __init__(self) -> None:
        self.begun_us = 0
        self.resumed_us = 0
        self.blind_us = 0
        self.long_blind = False
        self._last_us: int | None = None

    def look(self, now_us: int) -> bool:
        """Take the monotonic time of the next frame; False, and nothing changed, unless it is later than the last."""
        if self._last_us is not None and now_us <= self._last_us:
            return False
        first = self._last_us is None
        gap_us = 0 if self._last_us is None else now_us - self._last_us
        self._last_us = now_us
        self.blind_us = gap_us if gap_us > _BLIND_AFTER_US else 0
        self.long_blind = gap_us > _LONG_BLIND_US
        if first or self.blind_us:
            self.resumed_us = now_us
        if first or self.long_blind:
            self.begun_us = now_us
        return True
