"""Before watch can watch: the detector, whose engine a GPU may first have to be given."""

from __future__ import annotations

import logging
import threading

from agent import journal, runtime
from agent.clock import Clock
from agent.detect.commission import commission
from agent.detect.detector import Detector, open_detector
from agent.detect.engine import PlanMissing, PlanRefused
from agent.detect.trt.builder import BuildCancelled
from agent.detect.trt.construction import BuildNews
from agent.runtime import CameraStatus, WatchStatus
from agent.watch.settings import WatchSettings

log = logging.getLogger(__name__)

_LOG_EVERY_S = 60.0


def obtain_detector(settings: WatchSettings, clock: Clock, stop: threading.Event) -> Detector | None:
    """Open the detector; have its engine built first where this machine has none that serves.

    That takes minutes in which nothing is watched: the status file says so, and the service manager is kept content.
    Where an older engine of the same model loads, it serves meanwhile, and this returns at once.

    Returns:
        None when ``stop`` was set before there was one.

    Raises:
        AgentError: a person must mend something first.
    """
    try:
        return open_detector(settings.detect, renew=True)
    except (PlanMissing, PlanRefused) as error:
        log.warning("%s; building it now, nothing is watched until then", error)
    journal.notify("READY=1")
    waiting = _Waiting(settings, clock)
    try:
        commission(settings.detect, waiting.told, stop)
    except BuildCancelled:
        return None
    return open_detector(settings.detect, renew=True)


class _Waiting:
    """Tells of a build wherever people look: the log, the service manager, the status file."""

    def __init__(self, settings: WatchSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._next_log_s = 0.0

    def told(self, news: BuildNews) -> None:
        journal.notify("WATCHDOG=1")
        journal.notify(f"STATUS=building the engine: {news}")
        if news.running_s >= self._next_log_s:
            self._next_log_s = news.running_s + _LOG_EVERY_S
            log.info("building the engine: %s", news)
        now = self._clock.now()
        status = WatchStatus(
            mono_us=now.mono_us,
            utc_us=now.utc_us,
            clock=now.state.value,
            cameras=tuple(CameraStatus(camera.id, "connecting") for camera in self._settings.cameras),
            detector=f"{self._settings.detect.card} on {self._settings.detect.engine}",
            detect_ms=0.0,
            boot=now.boot_id,
            building=str(news),
        )
        try:
            runtime.write_status(self._settings.runtime_dir, "watch", status)
        except OSError as error:
            log.warning("cannot write the status file: %s", error)
