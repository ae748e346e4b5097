"""One camera's river over frames of which no picture can be made: the fact comes out all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.eyes import eye
from support.street import ZONE, rule

from agent.clock import SimulatedClock
from agent.core.detections import Detections
from agent.core.frame import Frame
from agent.detect.settings import DetectSettings
from agent.evidence.settings import EvidenceSettings
from agent.rules.settings import RulebookSettings, ZoneSettings
from agent.store.settings import StoreSettings
from agent.track.settings import TrackSettings
from agent.watch.bulletin import Bulletin
from agent.watch.gauge import Gauge
from agent.watch.river import Catch, River
from agent.watch.settings import WatchSettings

GREY = np.zeros((720, 1280), np.uint8)  # what a driver gives that breaks its promise of three colours
PERSON = Detections(np.array([[0.45, 0.4, 0.55, 0.8]], np.float32), np.array([0.9], np.float32), np.array([0]))


def test_an_event_of_frames_that_cannot_be_drawn_says_that_its_pictures_are_lost() -> None:
    clock = SimulatedClock()
    book = RulebookSettings("gate", (ZoneSettings("z", "Z", ZONE),), (rule("intrusion"),))
    river = River(book, TrackSettings(), EvidenceSettings(), ("person",), ([], clock.now()), eye())
    catches: list[Catch] = []
    for number in range(50):
        found = PERSON if number < 25 else Detections.none()
        catches.append(river.flow(Frame("gate", number, clock.now(), GREY), found))
        clock.sleep(0.2)
    for _ in range(100):
        catches.append(river.flow(Frame("gate", 99, clock.now(), GREY), Detections.none()))
        clock.sleep(0.2)
    told = [(shot.event.kind, shot.event.incident) for catch in catches for shot in catch.shots]
    assert [kind for kind, _ in told] == ["incident.open", "incident.end"]
    assert all("lost(not made)" in (incident.evidence or "") for _, incident in told if incident is not None)


def test_a_preview_that_cannot_be_made_costs_only_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = StoreSettings("box-7", tmp_path)
    settings = WatchSettings((), DetectSettings(), TrackSettings(), (), EvidenceSettings(), store, tmp_path)
    clock = SimulatedClock()
    Bulletin(settings, clock, Gauge(), "demo").show(Frame("gate", 1, clock.now(), np.zeros((0, 9, 3), np.uint8)), ())
    assert "preview of camera gate" in caplog.text
    assert list(tmp_path.iterdir()) == []
