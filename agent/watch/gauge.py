"""How fast the river runs: rates over the last seconds, and the count of every minute."""

from __future__ import annotations

from collections import deque

_WINDOW_US = 10_000_000


class Gauge:
    """Frames judged per camera and the time inference takes, over a sliding 10 s."""

    def __init__(self) -> None:
        self._judged: dict[str, deque[int]] = {}
        self._inference: deque[tuple[int, float]] = deque()
        self._totals: dict[str, int] = {}
        self._gated: dict[str, int] = {}

    def judged(self, camera: str, mono_us: int) -> None:
        """Count one frame of ``camera``."""
        self._judged.setdefault(camera, deque()).append(mono_us)
        self._totals[camera] = self._totals.get(camera, 0) + 1

    def gated(self, camera: str) -> None:
        """Count one frame of ``camera`` that was judged without the network, because nothing had changed."""
        self._gated[camera] = self._gated.get(camera, 0) + 1

    def gated_of(self, camera: str) -> int:
        """Give such frames of ``camera`` since the start."""
        return self._gated.get(camera, 0)

    def inferred(self, mono_us: int, took_s: float) -> None:
        """Note one inference call."""
        self._inference.append((mono_us, took_s * 1000))

    def fps(self, camera: str, now_us: int) -> float:
        """Frames of ``camera`` judged per second."""
        times = self._judged.get(camera, deque())
        while times and times[0] < now_us - _WINDOW_US:
            times.popleft()
        return round(len(times) * 1_000_000 / _WINDOW_US, 1)

    def inference_ms(self, now_us: int) -> float:
        """Mean ms of one inference call; 0 when there was none."""
        while self._inference and self._inference[0][0] < now_us - _WINDOW_US:
            self._inference.popleft()
        return round(sum(ms for _, ms in self._inference) / max(1, len(self._inference)), 1)

    def take_totals(self) -> dict[str, int]:
        """Give the frames judged per camera since the last call."""
        totals, self._totals = self._totals, {}
        return totals
