"""Which cameras are judged too seldom: more than 2 s between two frames is blindness to the rules (rules/sight.py)."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from agent.clock import Moment
from agent.runtime import CameraStatus

log = logging.getLogger(__name__)

LEAST_FPS = 0.9
"""One a second, less the one frame in ten that may fall beyond the edge of the gauge's window."""

_SETTLED_US = 10_000_000  # the rate is measured over 10 s: before that, a camera that has just come looks slow
_WARN_EVERY_US = 60_000_000


class Pace:
    """Follows the judged rate of every running camera."""

    def __init__(self) -> None:
        self._running_since_us: dict[str, int] = {}
        self._warned_us: int | None = None

    def slow(self, now: Moment, statuses: Iterable[CameraStatus]) -> tuple[str, ...]:
        """Name the cameras that have run for 10 s and are judged less than once a second; warned of once a minute.

        Incidents of such a camera may never end, because what is not seen to be missing is not missing.

        Args:
            now: the present.
            statuses: of all cameras, with the rate at which they are really judged.
        """
        running = {status.id: status.fps for status in statuses if status.state == "running"}
        self._running_since_us = {camera: self._running_since_us.get(camera, now.mono_us) for camera in running}
        slow = tuple(
            camera
            for camera, since_us in self._running_since_us.items()
            if now.mono_us - since_us >= _SETTLED_US and running[camera] < LEAST_FPS
        )
        if slow and (self._warned_us is None or now.mono_us - self._warned_us >= _WARN_EVERY_US):
            self._warned_us = now.mono_us
            rates = ", ".join(f"{camera} {running[camera]}/s" for camera in slow)
            log.warning("judged less than once a second, so incidents may not end: %s; use fewer cameras or a "
                        "smaller model, or mend the stream", rates)  # fmt: skip
        return slow
