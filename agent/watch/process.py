"""PROCESS 1: cameras in, facts out. It passes values from room to room and decides nothing itself."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace

from agent import journal
from agent.clock import Clock, Moment, uuid7
from agent.core.event import Event, Json
from agent.core.source import Opener
from agent.detect.detector import Detector
from agent.errors import StoreDamaged, StoreVersion, WornOut
from agent.stage.source import open_rendered
from agent.store.signing import signer_of
from agent.store.watch_store import WatchStore
from agent.video import source as video
from agent.video.capture import CameraSet
from agent.video.jetson import open_jetson
from agent.video.settings import CameraSettings
from agent.watch.asks import Asks
from agent.watch.bulletin import Bulletin
from agent.watch.commission import obtain_detector
from agent.watch.gate import Gate
from agent.watch.gauge import Gauge
from agent.watch.lookout import Batch, Lookout
from agent.watch.presence import Presence
from agent.watch.reaches import leftovers, rivers
from agent.watch.recorder import Recorder
from agent.watch.settings import WatchSettings
from agent.watch.views import ViewShelf
from agent.watch.warden import Warden

log = logging.getLogger(__name__)

BACKENDS: Mapping[str, Opener] = {**video.BACKENDS, "rendered": open_rendered}

TURN_S = 0.0005
"""How long a thread may go on while another wants its turn; Python's own 5 ms would let the judge keep the network
waiting after every call."""

_STATUS_S = 1.0
_MINUTE_S = 60.0
_RETAIN_S = 600.0


def run(settings: WatchSettings, clock: Clock, stop: threading.Event) -> int:
    """Watch the cameras until ``stop`` is set or every file source has been read to its end.

    Returns:
        0, or the error's exit code when the store must first go through ``migrate``.

    Raises:
        AgentError: something a person must mend before the program can start.
    """
    sys.setswitchinterval(TURN_S)
    store = WatchStore(settings.store, signer_of(settings.store, "watch"), clock)
    try:
        detector = obtain_detector(settings, clock, stop)
        if detector is None:
            return 0
        watch = Watch(settings, clock, stop, store, detector)
        try:
            watch.start()
            watch.loop()
        finally:
            if watch.close():
                detector.close()
    except (StoreDamaged, StoreVersion) as error:
        log.error("the store cannot be used: %s", error)
        return error.exit_code
    finally:
        store.close()
    return 0


class Watch:
    """The running program: one loop over the newest looks at all cameras."""

    def __init__(
        self,
        settings: WatchSettings,
        clock: Clock,
        stop: threading.Event,
        store: WatchStore,
        detector: Detector,
        backends: Mapping[str, Opener] = BACKENDS,
    ) -> None:
        now = clock.now()
        self._settings = settings
        self._clock = clock
        self._stop = stop
        self._store = store
        self._detector = detector
        self._gauge = Gauge()
        self._cameras = CameraSet([sized(camera, detector) for camera in settings.cameras], backends, clock)
        self._gates = {camera.id: Gate(wanted=settings.detect.motion_gate) for camera in settings.cameras}
        self._lookout = Lookout(self._cameras, detector, self._gates, stop)
        masks = {camera.id: camera.masks for camera in settings.cameras}
        self._views = ViewShelf(settings.store.views_dir, masks)
        self._rivers = rivers(settings, detector.labels, (store.slots(), store.ailments(), now), self._views.load)
        self._presence = Presence([camera.id for camera in settings.cameras], now, store.cameras_lost())
        self._bulletin = Bulletin(settings, clock, self._gauge, detector.describe(), detector.news)
        self._recorder = Recorder(store, stop, self._tell)
        self._asks = Asks(settings.store.ask_dir("watch"), self._recorder, self._rivers, self._views)
        self._warden = Warden(settings.health, self._cameras.slow_down)
        self._next_us = {"status": 0, "minute": now.mono_us + round(_MINUTE_S * 1e6), "retain": 0}

    def start(self) -> None:
        """Record the start, then open the cameras."""
        detail: dict[str, Json] = {
            "version": self._settings.version,
            "config": self._settings.config_hash,
            "model": self._detector.model_hash,
            "detector": self._detector.describe(),
        }
        self._recorder.note(self._fact("agent.start", detail))
        self._recorder.catch(leftovers(self._settings, self._store.slots(), self._store.ailments(), self._clock.now()))
        self._views.tidy(self._rivers)
        self._bulletin.clear()
        self._cameras.start()
        self._lookout.start()
        log.info("watching %d cameras with %s", len(self._settings.cameras), self._detector.describe())
        journal.notify("READY=1")

    def loop(self) -> None:
        """Run until stopped or all sources have ended."""
        for batch in self._lookout.batches():
            self._judge(batch)
            self._routine()
        self._tell()

    def close(self) -> bool:
        """Stop looking and the cameras; False when the detector does not return and must be left alone."""
        returned = self._lookout.close()
        self._cameras.stop()
        return returned

    def _judge(self, batch: Batch) -> None:
        if batch.took_s:
            self._gauge.inferred(batch.began_us, batch.took_s)
        for look in batch.looks:
            frame, river = look.frame, self._rivers[look.frame.camera]
            catch = river.hold(frame) if look.found is None else river.flow(frame, look.found)
            self._recorder.catch(catch)
            if look.found is None:
                self._gauge.gated(frame.camera)
            else:
                self._gates[frame.camera].judged(frame, calm=river.calm)
            self._views.keep(frame.camera, catch.views)
            now = self._clock.now()
            self._presence.heard(frame.camera, now)
            self._gauge.judged(frame.camera, now.mono_us)
            self._bulletin.show(frame, river.private_areas)

    def _routine(self) -> None:
        journal.notify("WATCHDOG=1")
        worn = open_jetson.worn(self._settings.max_rebuilds)
        if worn:
            raise WornOut(f"starting afresh, nothing is lost by it: {worn}")
        now = self._clock.now()
        for event in self._presence.changes(now, self._cameras.statuses()):
            log.warning("%s: %s", event.kind, event.detail["camera"])
            self._recorder.alert(event)
        for event in self._warden.check(now):
            self._recorder.note(event)
        if self._due("status", now, _STATUS_S):
            self._tell()
            self._asks.answer(self._clock)
        if self._due("minute", now, _MINUTE_S):
            self._recorder.note(self._fact("health.minute", self._counts(now)))
        if self._due("retain", now, _RETAIN_S):
            self._store.retain(now)

    def _due(self, what: str, now: Moment, every_s: float) -> bool:
        if now.mono_us < self._next_us[what]:
            return False
        self._next_us[what] = now.mono_us + round(every_s * 1_000_000)
        return True

    def _tell(self) -> None:
        ailments = {camera: river.states for camera, river in self._rivers.items()}
        self._bulletin.status(self._cameras.statuses(), self._recorder.trouble, ailments, self._warden.status)

    def _counts(self, now: Moment) -> dict[str, Json]:
        judged: dict[str, Json] = dict(self._gauge.take_totals())
        dropped: dict[str, Json] = {status.id: status.dropped for status in self._cameras.statuses()}
        gated: dict[str, Json] = {camera.id: self._gauge.gated_of(camera.id) for camera in self._settings.cameras}
        return {
            "judged": judged,
            "dropped": dropped,
            "gated": gated,
            "detect_ms": self._gauge.inference_ms(now.mono_us),
            **self._warden.counts,
        }

    def _fact(self, kind: str, detail: dict[str, Json]) -> Event:
        now = self._clock.now()
        return Event(uuid7(now.utc_us), kind, now, detail=detail)


def sized(camera: CameraSettings, detector: Detector) -> CameraSettings:
    """Tell a camera that scales in hardware how much room its pictures have in the model's input."""
    if camera.backend != "jetson" or camera.scale != "detector":
        return camera
    return replace(camera, fit=(detector.card.input.width, detector.card.input.height))
