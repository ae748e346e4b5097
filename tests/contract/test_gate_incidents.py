"""The motion gate saves looks and changes no incident: the same film judged with and without it tells the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.gating import QUIET, Shift, both, clip_film, scene_film, whole_picture
from support.street import rule

from agent.detect.detector import open_detector
from agent.detect.settings import DetectSettings

BLIND_US = 2_000_000
TOLERANCE_S = 0.5


def story(shift: Shift) -> list[tuple[str, str, str | None]]:
    """What was told, in order."""
    incidents = [(event.kind, event.incident) for event in shift.events]
    return [(kind, told.rule, told.end_reason) for kind, told in incidents if told is not None]


def times_s(shift: Shift) -> list[tuple[float, float]]:
    """When each was told, and the dwell it told of."""
    return [(event.at.mono_us / 1e6, event.incident.dwell_s) for event in shift.events if event.incident is not None]


def tell_the_same(plain: Shift, gated: Shift) -> None:
    assert plain.gated == 0
    assert gated.longest_us < BLIND_US
    assert story(gated) == story(plain)
    for now, then in zip(times_s(gated), times_s(plain), strict=True):
        assert now == pytest.approx(then, abs=TOLERANCE_S)


def test_one_who_parks_and_one_who_stands_are_told_at_the_same_times() -> None:
    detector = open_detector(DetectSettings(card="demo"))
    book = whole_picture(rule("stopped_vehicle", dwell_s=10), rule("intrusion"))
    plain, gated = both(scene_film("empty_street", 5, QUIET), detector, book)
    assert gated.gated > 0.3 * gated.frames, "the gate has hardly been closed: this shows nothing"
    assert [kind for kind, _, _ in story(plain)] == ["incident.open", "incident.open", "incident.end", "incident.end"]
    tell_the_same(plain, gated)


@pytest.mark.real
def test_parked_cars_on_a_real_street_are_told_at_the_same_times(real: Path, long_run: bool) -> None:
    detector = open_detector(DetectSettings(card="yolox-nano", model=real / "models/yolox_nano_416.onnx"))
    book = whole_picture(rule("stopped_vehicle", dwell_s=8), rule("intrusion"))
    film = clip_film(real / "videos/street_overlook_parked.mp4", 5, 60 if long_run else 16)
    plain, gated = both(film, detector, book)
    assert gated.gated > 0
    assert len(story(plain)) >= 3
    tell_the_same(plain, gated)
