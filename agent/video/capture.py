"""All cameras of a box, captured side by side and gathered into one hand."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from agent.clock import Clock, jitter, monotonic_us
from agent.core.frame import Frame
from agent.core.source import Opener
from agent.runtime import CameraStatus
from agent.video.feed import CameraFeed
from agent.video.settings import CameraSettings
from agent.video.source import open_source

log = logging.getLogger(__name__)

STOP_S = 2.0
"""How long ``stop`` waits for all capture threads together; one stuck in its driver is left behind."""


class CameraSet:
    """The cameras of a box: one capture thread each, one consumer.

    Args:
        cameras: in configured order.
        backends: video backends by name.
        clock: all time comes from here.
        draw: randomness of the back-off, 0 to 1.
    """

    def __init__(
        self,
        cameras: Sequence[CameraSettings],
        backends: Mapping[str, Opener],
        clock: Clock,
        draw: Callable[[], float] = jitter,
    ) -> None:
        self._arrived = threading.Condition()
        self._feeds = [
            CameraFeed(
                camera,
                partial(open_source, camera.backend, backends=backends),
                clock,
                self._arrived,
                draw,
            )
            for camera in cameras
        ]
        self._queue = list(self._feeds)  # who was served longest ago first

    def start(self) -> None:
        """Begin to capture from every camera; returns at once, whether they answer or not."""
        for feed in self._feeds:
            feed.start()

    def gather(self, timeout_s: float, window_s: float = 0.0, most: int | None = None) -> list[Frame]:
        """Wait until a camera has a new frame that is due, and take the newest one of every camera that has.

        Args:
            timeout_s: longest wait for the first.
            window_s: longest wait for other cameras whose next frame is expected within it, so that one call of the
                network serves several; with nobody to wait for there is no wait.
            most: frames a call; who was served longest ago comes first, so that nobody is left behind twice.

        Returns:
            At most one frame a camera, in configured order; empty when none came in time or all sources have ended.
            Pixels are borrowed: valid until this camera's next frame but one is gathered.
        """
        with self._arrived:
            self._arrived.wait_for(lambda: any(feed.ready for feed in self._feeds) or self._finished(), timeout_s)
            if window_s > 0 and self._ready():
                self._arrived.wait_for(lambda: self._complete(window_s, most), window_s)
            served = self._ready()[:most]
            self._queue = [feed for feed in self._queue if feed not in served] + served
            taken = [feed.take() for feed in self._feeds if feed in served]
        return [frame for frame in taken if frame is not None]

    def slow_down(self, share: float) -> None:
        """Want this share of every camera's configured rate from now on, once a second at least; 1 = all of it."""
        for feed in self._feeds:
            feed.slow_down(share)

    def statuses(self) -> list[CameraStatus]:
        """Say how each camera does, in configured order."""
        return [feed.status() for feed in self._feeds]

    @property
    def finished(self) -> bool:
        """Whether every source is a file that has ended, and every frame of it has been gathered or dropped."""
        with self._arrived:
            return self._finished()

    def stop(self) -> None:
        """End all capture threads, within STOP_S even where a driver hangs."""
        for feed in self._feeds:
            feed.ask_stop()
        end_us = monotonic_us() + round(STOP_S * 1_000_000)
        for feed in self._feeds:
            if not feed.join(max(0.0, (end_us - monotonic_us()) / 1_000_000)):
                log.warning("camera %s: its driver does not return; left behind", feed.settings.id)

    def _ready(self) -> list[CameraFeed]:
        return [feed for feed in self._queue if feed.ready]

    def _complete(self, window_s: float, most: int | None) -> bool:
        """Tell whether nobody is worth waiting for: a call is full, or no other camera is expected soon."""
        within_us = round(window_s * 1_000_000)
        ready = len(self._ready())
        return ready == most or not any(feed.expected(within_us) for feed in self._feeds if not feed.ready)

    def _finished(self) -> bool:
        return bool(self._feeds) and all(feed.finished for feed in self._feeds)
