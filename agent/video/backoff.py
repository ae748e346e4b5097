"""How long to wait before a lost camera is tried again."""

from __future__ import annotations

from collections.abc import Callable

BASE_S = 1.0
CAP_S = 10.0
"""Asking a camera on the same switch costs nothing, and every second without it is a second unseen."""
GOOD_US = 10_000_000


class Backoff:
    """Exponential back-off with full jitter: many cameras lost in one power cut do not come back in step.

    The method is "full jitter" of M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).

    Args:
        draw: gives numbers from 0 to 1, evenly spread.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._failures = 0
        self._good_since_us: int | None = None

    def next_s(self) -> float:
        """Note a failure and say how long to wait: somewhere between nothing and a ceiling that doubles to CAP_S."""
        ceiling_s = min(CAP_S, BASE_S * (1 << min(self._failures, 16)))
        self._failures += 1
        self._good_since_us = None
        return self._draw() * ceiling_s

    def good(self, now_us: int) -> None:
        """Note a picture; GOOD_US of them without a loss forgive all failures."""
        if self._good_since_us is None:
            self._good_since_us = now_us
        elif now_us - self._good_since_us >= GOOD_US:
            self._failures = 0
