"""When to try the broker again, so that a thousand boxes do not try together."""

from __future__ import annotations

from collections.abc import Callable

BASE_S = 2.0
CAP_S = 120.0
PROVEN_US = 60_000_000
"""A connection that lasted this long starts the series anew; one that breaks sooner continues it."""


class Backoff:
    """Full jitter, and a first attempt spread over the time that HQ asks for.

    Args:
        draw: randomness, evenly from 0 to 1.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._attempts = 0
        self.spread_s = 0.0

    def delay_s(self) -> float:
        """Give the wait before the next attempt."""
        limit_s = self.spread_s if self._attempts == 0 else min(CAP_S, BASE_S * 2 ** min(self._attempts - 1, 10))
        self._attempts += 1
        return self._draw() * limit_s

    def lasted(self, connected_us: int) -> None:
        """Note how long a connection lasted that has just broken."""
        if connected_us >= PROVEN_US:
            self._attempts = 0
