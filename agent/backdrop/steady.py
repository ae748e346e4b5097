"""A state that begins and ends only after its sign has been there, or been missing, for long enough."""

from __future__ import annotations

_BLIND_US = 5_000_000  # looks farther apart say nothing of the time between them
_AGAIN_US = 3_600_000_000
_LONGEST_END_US = 900_000_000


class Steady:
    """One state of one camera.

    A state that begins again within an hour of its end must be missing for twice as long as before, up to a quarter of
    an hour, until it ends: a lamp that goes on with every passer-by is some facts a night, and not hundreds.

    Args:
        begin_s: how long the sign must be there.
        end_s: how long it must be missing.
        active: whether the state is on already.

    Attributes:
        active: whether the state is on.
        since_us: monotonic µs of the first sign of a change that is under way; None where none is.
    """

    def __init__(self, begin_s: float, end_s: float, *, active: bool = False) -> None:
        self.active = active
        self.since_us: int | None = None
        self._begin_us = round(begin_s * 1e6)
        self._end_us = self._first_end_us = round(end_s * 1e6)
        self._ended_us: int | None = None
        self._against = 0
        self._last_us: int | None = None

    def take(self, now_us: int, sign: bool | None) -> int | None:
        """Take whether the sign is there (None: nobody can tell).

        Returns:
            monotonic µs since when the state is what it has just become; None where it did not change.
        """
        if self._last_us is not None and now_us - self._last_us > _BLIND_US:
            self.since_us = None
        self._last_us = now_us
        if sign is None:
            self.since_us = None
        elif sign is self.active:
            self._against += 1
            if self._against > 1:  # one odd look is no news
                self.since_us = None
        else:
            self._against = 0
            self.since_us = now_us if self.since_us is None else self.since_us
            limit_us = self._end_us if self.active else self._begin_us
            if now_us - self.since_us >= limit_us:
                since_us, self.since_us, self.active = self.since_us, None, not self.active
                self._calm(now_us)
                return since_us
        return None

    @property
    def beginning(self) -> bool:
        """Whether its sign is there and has not been for long enough."""
        return not self.active and self.since_us is not None

    def _calm(self, now_us: int) -> None:
        """Ask for a longer end of a state that has come back soon."""
        if not self.active:
            self._ended_us = now_us
        elif self._ended_us is not None and now_us - self._ended_us <= _AGAIN_US:
            self._end_us = min(2 * self._end_us, max(self._first_end_us, _LONGEST_END_US))
        else:
            self._end_us = self._first_end_us
