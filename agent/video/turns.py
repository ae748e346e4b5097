"""Who may build a stream's pipeline now: one camera at a time, and none in haste."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from agent.clock import Clock
from agent.errors import SourceLost

GAP_S = 3.0
"""Between two rebuilds anywhere in the process, as NVIDIA's own RTSP source keeps it: cameras that were lost together
do not come back together, each with a decoder to set up."""

WAIT_S = 60.0
"""Longest wait for a turn: a constructor takes up to 5 s, so a dozen cameras come up in this; beyond, one hangs."""

_NAP_S = 0.05


class Turns:
    """One place for all cameras of a process.

    Args:
        clock: waits are taken from it.
        gap_s: least time between two rebuilds.

    Attributes:
        builds: how many pipelines were built, or tried.
        rebuilds: how many of them were not the first of their camera.
    """

    def __init__(self, clock: Clock, gap_s: float) -> None:
        self._clock = clock
        self._gap_us = round(gap_s * 1_000_000)
        self._building, self._booking = threading.Lock(), threading.Lock()
        self._known: set[str] = set()
        self._last_us: int | None = None
        self.builds = self.rebuilds = 0

    @contextmanager
    def turn(self, camera: str, timeout_s: float = WAIT_S) -> Iterator[None]:
        """Wait for the turn of ``camera`` to build, and hold it.

        Args:
            camera: its id; the first build of each need not keep the distance.
            timeout_s: longest wait for those that are being built; the distance between rebuilds comes on top.

        Raises:
            SourceLost: another camera's pipeline is being built, and does not get done.
        """
        again = camera in self._known
        if again:
            self._keep_distance()
        if not self._building.acquire(timeout=timeout_s):
            raise SourceLost(camera, f"waited {timeout_s:.0f} s for another camera's stream to be set up")
        try:
            self._known.add(camera)
            self.builds += 1
            self.rebuilds += again
            yield
        finally:
            self._building.release()

    def _keep_distance(self) -> None:
        """Book the next free moment for a rebuild, and wait for it."""
        with self._booking:
            now_us = self._clock.now().mono_us
            due_us = now_us if self._last_us is None else max(now_us, self._last_us + self._gap_us)
            self._last_us = due_us
        while (left_us := due_us - self._clock.now().mono_us) > 0:
            self._clock.sleep(min(_NAP_S, left_us / 1_000_000))
