"""Detector, tracker and rules together on real clips, against facts that people checked by eye."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import pytest
from support.street import rule

from agent.clock import Moment, SimulatedClock
from agent.core.box import Box
from agent.core.detections import Detections
from agent.core.event import Event
from agent.core.frame import Frame
from agent.core.incident import Incident
from agent.core.polygon import polygon
from agent.detect.detector import open_detector
from agent.detect.settings import DetectSettings
from agent.rules.rulebook import Rulebook
from agent.rules.settings import RulebookSettings, RuleSettings, ZoneSettings
from agent.track.settings import TrackSettings
from agent.track.tracker import Tracker

pytestmark = pytest.mark.real

EVERY = 2  # both clips have 10 frames a second; a box judges 5


@dataclass(frozen=True)
class Watched:
    """A clip as the detector saw it once, to be judged by any rules."""

    labels: tuple[str, ...]
    size: tuple[int, int]
    frames: tuple[tuple[Moment, Detections], ...]
    facts: dict
    start_utc_us: int

    def judge(self, rules: RuleSettings, outline: str, blind: Sequence[tuple[float, float]] = ()) -> list[Event]:
        corners = polygon(self.facts["polygons"][outline])
        zones = (ZoneSettings("z", outline, corners),)
        rulebook = Rulebook(RulebookSettings("cam", zones, (rules,)), self.frames[0][0])
        tracker = Tracker(TrackSettings(), self.labels)
        events: list[Event] = []
        for at, detections in self.frames:
            if not any(begin <= self.second(at.utc_us) < end for begin, end in blind):
                tracks = tracker.update(detections, at.mono_us)
                events += rulebook.judge(at, tracks, *self.size).events
        return events

    def second(self, utc_us: int) -> float:
        return (utc_us - self.start_utc_us) / 1e6


def watch(real: Path, clip: str) -> Watched:
    settings = DetectSettings(card="picodet-s", model=real / "models/picodet_s_416_coco.onnx")
    detector = open_detector(settings)
    now = SimulatedClock().now()
    frames = tuple((frame.at, detector.detect([frame])[0]) for frame in every_frame(real / f"videos/{clip}.mp4", now))
    facts = json.loads((real / f"gt/{clip}.json").read_text())
    size = (facts["meta"]["width"], facts["meta"]["height"])
    return Watched(detector.labels, size, frames, facts, now.utc_us)


def every_frame(path: Path, now: Moment) -> Iterator[Frame]:
    video = cv2.VideoCapture(str(path))
    seq = 0
    while True:
        there, pixels = video.read()
        if not there:
            break
        if seq % EVERY == 0:
            clip_us = round(video.get(cv2.CAP_PROP_POS_MSEC) * 1000)
            yield Frame("cam", seq, now.shifted(clip_us), pixels)
        seq += 1
    video.release()


@pytest.fixture(scope="module")
def room(real: Path) -> Watched:
    return watch(real, "room_one_by_one")


@pytest.fixture(scope="module")
def street(real: Path) -> Watched:
    return watch(real, "street_overlook_parked")


def incidents(events: list[Event], kind: str) -> list[Incident]:
    return [event.incident for event in events if event.kind == kind and event.incident is not None]


def test_six_visits_are_six_intrusions_where_the_site_wants_each(room: Watched) -> None:
    each = replace(rule("intrusion"), end_confirm_s=1, reopen_within_s=0)
    events = room.judge(each, "table")
    assert [event.kind for event in events] == ["incident.open", "incident.end"] * 6
    visits = next(fact for fact in room.facts["facts"] if fact["id"] == "visits")["detail"]
    for visit, opened, ended in zip(
        visits, incidents(events, "incident.open"), incidents(events, "incident.end"), strict=True
    ):
        begin, alert = room.second(opened.begin_us), room.second(opened.alert_us)
        assert begin == pytest.approx(visit["enters"], abs=1)
        assert 1.5 <= alert - begin <= 2.5
        assert ended.end_us is not None
        assert visit["stands"][1] <= room.second(ended.end_us) <= visit["gone"]


def test_six_visits_are_one_intrusion_by_default(room: Watched) -> None:
    assert [event.kind for event in room.judge(rule("intrusion"), "table")] == ["incident.open"]


NEAR_CARS = (Box(0.25, 0.60, 0.47, 0.82), Box(0.48, 0.65, 0.74, 0.88))


@pytest.mark.parametrize("blind", [(), ((40, 45),), ((45, 75),), ((8, 12), (33, 38))], ids=str)
def test_the_two_cars_at_the_near_kerb_are_one_preexisting_incident_each(
    street: Watched, blind: Sequence[tuple[float, float]]
) -> None:
    events = street.judge(rule("stopped_vehicle", dwell_s=30), "near_curb", blind)
    assert [event.kind for event in events] == ["incident.open"] * 2
    opened = sorted(incidents(events, "incident.open"), key=lambda incident: incident.box.x1)
    for incident, car in zip(opened, NEAR_CARS, strict=True):
        assert incident.box.iou(car) > 0.8
        assert incident.preexisting


def test_a_long_blindness_repeats_no_open_incident(street: Watched) -> None:
    events = street.judge(rule("stopped_vehicle", dwell_s=15), "near_curb", [(28, 60)])
    assert [event.kind for event in events] == ["incident.open"] * 2


def test_nobody_waits_a_quarter_of_a_minute_on_the_carriageway(street: Watched) -> None:
    assert street.judge(rule("stopped_vehicle", dwell_s=15), "carriageway") == []


def test_the_two_that_wait_at_the_light_stop_for_more_than_five_seconds(street: Watched) -> None:
    events = street.judge(rule("stopped_vehicle", dwell_s=5, min_score=0.35), "carriageway")
    waits = [next(fact for fact in street.facts["facts"] if fact["id"] == name) for name in ("wait_red", "wait_dark")]
    opened = incidents(events, "incident.open")
    assert len(opened) == 2
    for incident, wait in zip(opened, waits, strict=True):
        assert street.second(incident.begin_us) == pytest.approx(wait["t0"], abs=wait["tolerance_s"] + 0.4)
