"""A camera that is judged less than once a second is told: in the log now and then, on the page all the time."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import runtime
from agent.clock import SimulatedClock
from agent.detect.settings import DetectSettings
from agent.evidence.settings import EvidenceSettings
from agent.runtime import CameraStatus
from agent.store.settings import StoreSettings
from agent.track.settings import TrackSettings
from agent.watch.bulletin import Bulletin
from agent.watch.gauge import Gauge
from agent.watch.settings import WatchSettings


class Box:
    """Cameras judged at their own rates, and what the page is told of them."""

    def __init__(self, folder: Path, **rates: float) -> None:
        self.clock, self.gauge, self.rates, self.folder = SimulatedClock(), Gauge(), rates, folder
        store = StoreSettings("box-7", folder)
        settings = WatchSettings((), DetectSettings(), TrackSettings(), (), EvidenceSettings(), store, folder)
        self.bulletin = Bulletin(settings, self.clock, self.gauge, "demo")
        self.slow: list[tuple[str, ...]] = []

    def run(self, seconds: int, state: str = "running", trouble: str = "") -> None:
        """Judge at each camera's rate, and renew the status once a second."""
        for tick in range(seconds * 20):
            self.clock.sleep(0.05)
            for camera, fps in self.rates.items():
                if tick % round(20 / fps) == 0:
                    self.gauge.judged(camera, self.clock.now().mono_us)
            if tick % 20 == 19:
                self.bulletin.status([CameraStatus(camera, state) for camera in self.rates], trouble)
                told = runtime.read_watch(self.folder)
                assert told is not None
                self.slow.append(told.slow)


def test_a_slow_camera_is_on_the_page_and_in_the_log_once_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    box = Box(tmp_path, gate=0.5, yard=5)
    box.run(150)
    assert set(box.slow[:10]) == {()}
    assert set(box.slow[11:]) == {("gate",)}
    assert len(caplog.records) == 3
    assert "gate 0.5/s" in caplog.records[0].getMessage()


def test_one_a_second_is_not_slow(tmp_path: Path) -> None:
    box = Box(tmp_path, gate=1)
    box.run(60)
    assert set(box.slow) == {()}


def test_a_camera_that_is_lost_or_has_just_come_back_is_not_called_slow(tmp_path: Path) -> None:
    box = Box(tmp_path, gate=5)
    box.run(20)
    box.rates = {"gate": 0.01}
    box.run(5)
    box.run(30, "lost")
    box.rates = {"gate": 5}
    box.run(30)
    assert set(box.slow) == {()}


def test_what_waits_for_the_store_is_not_called_slow(tmp_path: Path) -> None:
    box = Box(tmp_path, gate=0.5)
    box.run(30, trouble="no space")
    assert set(box.slow) == {()}
