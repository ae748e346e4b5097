"""What the page may know at any moment: the status file and the previews, never a fact."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from agent import runtime
from agent.clock import Clock
from agent.core.box import Box
from agent.core.frame import Frame
from agent.evidence.encode import FAULTS, narrowed, preview
from agent.evidence.redact import pixelate
from agent.evidence.settings import EvidenceSettings
from agent.runtime import BoxStatus, CameraStatus, WatchStatus
from agent.watch.gauge import Gauge
from agent.watch.pace import Pace
from agent.watch.settings import WatchSettings

log = logging.getLogger(__name__)

_PREVIEW_EVERY_US = 1_000_000
_NOTHING: Mapping[str, tuple[str, ...]] = {}


class Bulletin:
    """Writes ``watch.json`` and one redacted preview a camera, each at most once a second."""

    def __init__(
        self, settings: WatchSettings, clock: Clock, gauge: Gauge, detector: str, news: Callable[[], str] = str
    ) -> None:
        self._dir = settings.runtime_dir
        self._evidence: EvidenceSettings = settings.evidence
        self._clock = clock
        self._gauge = gauge
        self._detector = detector
        self._news = news
        self._pace = Pace()
        self._shown_us: dict[str, int] = {}

    def clear(self) -> None:
        """Delete the previews of the last run: they may show what a mask drawn since then hides."""
        for path in self._dir.glob(runtime.preview_path(self._dir, "*").name):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("cannot delete the old preview %s: %s", path.name, error)

    def show(self, frame: Frame, persons: Sequence[Box]) -> None:
        """Renew a camera's preview if the last one is a second old; ``persons`` are the areas to pixelate."""
        now_us = self._clock.now().mono_us
        if now_us - self._shown_us.get(frame.camera, -_PREVIEW_EVERY_US) < _PREVIEW_EVERY_US:
            return
        self._shown_us[frame.camera] = now_us
        try:
            pixels = narrowed(frame.pixels, self._evidence.max_width_px)
            picture = preview(pixelate(pixels, persons, self._evidence.person_blocks), self._evidence)
            runtime.write_bytes(runtime.preview_path(self._dir, frame.camera), picture)
        except (OSError, *FAULTS) as error:  # a full runtime directory costs the preview, never the facts
            log.warning("cannot make the preview of camera %s: %s", frame.camera, error)

    def status(
        self,
        cameras: Sequence[CameraStatus],
        trouble: str,
        ailments: Mapping[str, tuple[str, ...]] = _NOTHING,
        box: BoxStatus | None = None,
    ) -> None:
        """Renew the status file; ``ailments`` is what is wrong with each camera's picture."""
        now, news = self._clock.now(), self._news()
        judged = tuple(
            replace(
                camera,
                fps=self._gauge.fps(camera.id, now.mono_us),
                gated=self._gauge.gated_of(camera.id),
                ailments=ailments.get(camera.id, ()),
            )
            for camera in cameras
        )
        status = WatchStatus(
            mono_us=now.mono_us,
            utc_us=now.utc_us,
            clock=now.state.value,
            cameras=judged,
            detector=f"{self._detector} ({news})" if news else self._detector,
            detect_ms=self._gauge.inference_ms(now.mono_us),
            trouble=trouble,
            slow=() if trouble else self._pace.slow(now, judged),  # while nothing can be recorded, nothing is judged
            boot=now.boot_id,
            box=box or BoxStatus(),
        )
        try:
            runtime.write_status(self._dir, "watch", status)
        except OSError as error:
            log.warning("cannot write the status file: %s", error)
