"""Real clips: as they are they pass without a word; frozen, covered, defocused, turned and darkened they do not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.clips import through_codec
from support.eyes import (
    Picture,
    Pixels,
    Watcher,
    between,
    bus,
    clip,
    covered,
    defocused,
    dimmed,
    infrared,
    out_of_focus,
    shifted,
    taped,
    told_once,
)

from agent.backdrop.backdrop import Backdrop
from agent.backdrop.places import Places
from agent.backdrop.settings import BackdropSettings
from agent.clock import SimulatedClock
from agent.core.box import Box
from agent.core.frame import Frame
from agent.core.view import Geometry, Place

pytestmark = pytest.mark.real

CALM = ["jamcam_625_day", "jamcam_625_night", "jamcam_625_queue", "street_overlook_parked", "overhead_cars"]
SPOILT = ["jamcam_625_night", "street_overlook_parked"]
NEAR_CARS = (Box(0.25, 0.60, 0.47, 0.82), Box(0.48, 0.65, 0.74, 0.88))


def watch(picture: Picture, until_s: float) -> Watcher:
    return Watcher(Backdrop(BackdropSettings("gate"))).play(picture, until_s)


@pytest.mark.parametrize("name", CALM)
def test_a_real_street_passes_without_a_word(real: Path, name: str) -> None:
    watcher = watch(clip(real / f"videos/{name}.mp4"), 150)
    assert watcher.said == []
    assert {seen.view.geometry for seen in watcher.seen} == {Geometry.VALID}


def test_on_bare_asphalt_the_noise_of_a_covered_sensor_is_no_texture(real: Path) -> None:
    watcher = watch(between(60, 999, covered, clip(real / "videos/overhead_cars.mp4")), 80)
    assert watcher.begins() == [("covered", pytest.approx(70, abs=3))]


def standing_still(picture: Picture) -> Callable[[Pixels, float], Pixels]:
    return lambda pixels, t: picture(60.0)


@pytest.mark.parametrize(
    ("spoilt", "state", "after_s"),
    [
        (covered, "covered", 10),
        (taped, "covered", 10),
        (defocused, "blurred", 30),
        (shifted(0.05), "moved", 10),
        (shifted(0.2), "moved", 10),
        (standing_still, "frozen", 30),
    ],
    ids=["covered", "taped", "defocused", "shifted", "panned", "frozen"],
)
@pytest.mark.parametrize("name", SPOILT)
def test_what_happens_to_it_is_found_in_time(real: Path, name: str, spoilt, state: str, after_s: float) -> None:
    picture = clip(real / f"videos/{name}.mp4")
    how = standing_still(picture) if spoilt is standing_still else spoilt
    watcher = watch(between(60, 999, how, picture), 60 + after_s + 12)
    assert [found for found, _ in watcher.begins()] == [state]
    assert watcher.begins()[0][1] == pytest.approx(60 + after_s, abs=3)


@pytest.mark.parametrize(
    ("name", "px"),
    [
        *(("street_overlook_parked", px) for px in (8, 9, 10, 12, 15, 25)),
        *(("jamcam_625_day", px) for px in (12, 18, 20)),
        ("jamcam_625_night", 25),
    ],
)
def test_a_defocus_of_any_strength_is_told_once_as_blurred_or_as_covered(real: Path, name: str, px: int) -> None:
    watcher = watch(between(40, 999, out_of_focus(px), clip(real / f"videos/{name}.mp4")), 120)
    assert told_once(watcher, 40), watcher.said


@pytest.mark.parametrize("name", ["jamcam_625_day", "jamcam_625_night", "street_overlook_parked"])
def test_lost_focus_is_found_in_what_a_codec_left_of_the_picture(real: Path, name: str) -> None:
    fps = 2
    picture = between(60, 999, defocused, clip(real / f"videos/{name}.mp4"))
    shown = through_codec((picture(number / fps) for number in range(100 * fps)), fps, gop=2 * fps)
    watcher = Watcher(Backdrop(BackdropSettings("gate")))
    for number, pixels in enumerate(shown):
        watcher.play(lambda _, pixels=pixels: pixels, (number + 0.5) / fps, fps)
    assert watcher.begins() == [("blurred", pytest.approx(90, abs=4))]


@pytest.mark.parametrize("name", SPOILT)
@pytest.mark.parametrize(
    ("spoilt", "lasts_s"),
    [(bus(0.7), 6), (dimmed(0.6, within_s=5), 60), (infrared, 60)],
    ids=["bus", "dimmed", "infrared"],
)
def test_what_only_looks_bad_is_left_alone(real: Path, name: str, spoilt, lasts_s: float) -> None:
    watcher = watch(between(60, 60 + lasts_s, spoilt, clip(real / f"videos/{name}.mp4")), 140)
    assert watcher.said == []


@functools.cache
def parked(path: Path) -> list[Pixels]:
    return [clip(path)(second) for second in range(60)]


def test_a_parked_car_is_known_by_its_picture_and_its_empty_place_is_not(real: Path) -> None:
    frames = parked(real / "videos/street_overlook_parked.mp4")
    places, clock = Places(), SimulatedClock()
    there = [Place(f"car {number}", box, True) for number, box in enumerate(NEAR_CARS)]
    gone = [Place(place.name, place.box, False) for place in there]
    for pixels in frames[:10]:
        places.look(Frame("gate", 0, clock.now(), pixels), there)
        clock.sleep(1)
    held = []
    for pixels in frames[10:]:
        held.append(len(places.look(Frame("gate", 0, clock.now(), pixels), gone)))
        clock.sleep(1)
    assert np.mean(held) > 1.8, held  # both, but for what passes in front of them
    for pixels in frames[10:20]:
        empty = pixels.copy()
        height, width = empty.shape[:2]
        for box in NEAR_CARS:  # the carriageway above them, where nobody stands, shows what an empty place looks like
            x1, x2 = round(box.x1 * width), round(box.x2 * width)
            y1, y2 = round(box.y1 * height), round(box.y2 * height)
            empty[y1:y2, x1:x2] = cv2.resize(empty[y1 - 60 : y1 - 10, x1:x2], (x2 - x1, y2 - y1))
        assert places.look(Frame("gate", 0, clock.now(), empty), gone) == frozenset()
        clock.sleep(1)
