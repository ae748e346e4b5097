"""The pictures of an incident: which, how wide, what is drawn, and that no clean person leaves."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from agent.clock import SimulatedClock
from agent.core.box import Box
from agent.core.event import Event
from agent.core.frame import Frame
from agent.core.image import Image
from agent.core.incident import Incident, Phase, Severity, Slot, SlotKey
from agent.core.polygon import polygon
from agent.evidence.album import Album
from agent.evidence.settings import EvidenceSettings

ZONE = polygon([(0.1, 0.5), (0.9, 0.5), (0.9, 0.95), (0.1, 0.95)])
CAR = Box(0.3, 0.5, 0.6, 0.8)
NOW = SimulatedClock().now()


def frame(width: int = 960, height: int = 540, after_s: float = 0) -> Frame:
    pixels = np.random.default_rng(3).integers(0, 255, (height, width, 3), np.uint8)
    return Frame("gate", 1, NOW.shifted(round(after_s * 1e6)), pixels)


def looked_back(pages: Album, persons: tuple = ()) -> Album:
    """Let the album see an empty street for a while before anything begins at NOW."""
    for before_s in (6, 4, 2):
        pages.keep(frame(after_s=-before_s), [], [], persons)
    return pages


def slot(**changes: object) -> Slot:
    base = Slot(
        SlotKey("gate", "stopped_vehicle", "kerb", 1), Phase.PENDING, "inc-1", 0, NOW.mono_us, NOW.utc_us, NOW.state,
        NOW.boot_id, 0, NOW.mono_us, NOW.utc_us, "car", 1, 0.8, CAR, False, False,
    )  # fmt: skip
    return replace(base, **changes)


def event(kind: str, phase: Phase) -> Event:
    incident = Incident(
        "inc-1", "gate", "stopped_vehicle", "kerb", 1, phase, 1, Severity.ATTENTION, NOW.utc_us, NOW.utc_us,
        None, None, "car", 1, 0.8, CAR, 60.0, False, False,
    )  # fmt: skip
    return Event("ev-1", kind, NOW, incident)


def album(**changes: object) -> Album:
    return Album(replace(EvidenceSettings(), **changes), {"kerb": ZONE}, "Asia/Ho_Chi_Minh")


def decoded(image: Image) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(image.content, np.uint8), cv2.IMREAD_COLOR)


def test_an_opening_incident_has_before_overview_closeup_and_a_clean_original() -> None:
    pages = looked_back(album())
    pages.keep(frame(), [slot()], [slot()], ())
    shot = pages.shoot(frame(), event("incident.open", Phase.OPEN), ())
    assert sorted(image.kind for image in shot.images if image.leaves_box) == ["before", "closeup", "overview"]
    assert [image.kind for image in shot.images if not image.leaves_box] == ["overview"]
    assert {ref.sha256 for ref in shot.event.incident.images} == {i.sha256 for i in shot.images if i.leaves_box}
    assert shot.event.incident.evidence is None


def test_without_a_before_the_event_says_so() -> None:
    shot = album().shoot(frame(), event("incident.open", Phase.OPEN), ())
    assert "before" not in {image.kind for image in shot.images}
    assert shot.event.incident.evidence == "no before"


@pytest.mark.parametrize(("codec", "content_type"), [("webp", "image/webp"), ("jpeg", "image/jpeg")])
def test_what_leaves_is_narrow_and_in_the_chosen_codec(codec: str, content_type: str) -> None:
    shot = album(codec=codec).shoot(frame(), event("incident.open", Phase.OPEN), ())
    for image in shot.images:
        if image.leaves_box:
            assert image.content_type == content_type
            assert decoded(image).shape[1] == image.width <= 480


def test_the_clean_original_is_whole_and_stays() -> None:
    source = frame()
    shot = album().shoot(source, event("incident.open", Phase.OPEN), ())
    original = next(image for image in shot.images if not image.leaves_box)
    assert (original.width, original.height) == (source.width, source.height)


def test_persons_are_unrecognisable_in_every_picture_that_leaves() -> None:
    person = Box(0.35, 0.55, 0.5, 0.78)
    pages = looked_back(album(quality=95), (person,))
    pages.keep(frame(), [slot()], [slot()], [person])
    shot = pages.shoot(frame(), event("incident.open", Phase.OPEN), [person])
    for image in shot.images:
        picture = decoded(image).astype(float)
        if not image.leaves_box:
            continue
        area = person
        if image.kind == "closeup":
            cut = CAR.grown(0.25)
            area = Box(
                (person.x1 - cut.x1) / cut.width, (person.y1 - cut.y1) / cut.height,
                (person.x2 - cut.x1) / cut.width, (person.y2 - cut.y1) / cut.height,
            )  # fmt: skip
        height = picture.shape[0] - (0 if image.kind == "closeup" else 18)
        inside = picture[
            int(area.y1 * height) + 3 : int(area.y2 * height) - 3,
            int(area.x1 * picture.shape[1]) + 3 : int(area.x2 * picture.shape[1]) - 3,
        ]
        steps = np.abs(np.diff(inside, axis=1)).mean()
        assert steps < 8, f"{image.kind}: neighbouring pixels differ by {steps:.1f} grey levels inside the person"


def test_an_ending_incident_has_one_picture_after() -> None:
    ended = event("incident.end", Phase.ENDED)
    shot = album().shoot(frame(), ended, ())
    assert [image.kind for image in shot.images] == ["after"]


def test_an_event_without_an_incident_passes_untouched() -> None:
    lost = Event("ev-2", "camera.lost", NOW, detail={"camera": "gate"})
    shot = album().shoot(frame(), lost, ())
    assert shot.event is lost
    assert shot.images == ()


def test_candidates_are_dropped_with_their_slot() -> None:
    pages = looked_back(album())
    pages.keep(frame(), [slot()], [slot()], ())
    pages.keep(frame(), [], [], ())
    shot = pages.shoot(frame(), event("incident.open", Phase.OPEN), ())
    assert "before" not in {image.kind for image in shot.images}


@pytest.mark.parametrize(("began_s", "before_s"), [(-5.9, None), (-3.8, -6), (-3.5, -4), (0, -2)])
def test_before_is_the_newest_picture_clearly_older_than_the_begin(began_s: float, before_s: float | None) -> None:
    pages = looked_back(album())
    begun = slot(since_mono_us=NOW.mono_us + round(began_s * 1e6))
    pages.keep(frame(), [begun], [begun], ())
    shot = pages.shoot(frame(), event("incident.open", Phase.OPEN), ())
    before = [image for image in shot.images if image.kind == "before"]
    if before_s is None:
        assert before == []
    else:
        expected = album()
        expected.keep(frame(after_s=before_s), [], [], ())
        later = slot(since_mono_us=NOW.mono_us + 10_000_000)
        expected.keep(frame(), [later], [later], ())
        (truth,) = (
            i for i in expected.shoot(frame(), event("incident.open", Phase.OPEN), ()).images if i.kind == "before"
        )
        assert before[0].content == truth.content


GREY = np.zeros((90, 160), np.uint8)  # no colours: nothing can be drawn onto it
WIDE = np.zeros((4, 70_000, 3), np.uint8)  # wider than a JPEG can be, but what leaves is narrowed first


@pytest.mark.parametrize(
    ("pixels", "kind", "phase", "made", "said"),
    [
        (GREY, "incident.open", Phase.OPEN, {"closeup", "before"}, "lost(not made)"),
        (WIDE, "incident.open", Phase.OPEN, {"closeup", "overview", "before"}, "lost(not made)"),
        (GREY, "incident.end", Phase.ENDED, set(), "lost(not made)"),
        (WIDE, "incident.end", Phase.ENDED, {"after"}, None),
    ],
)
def test_a_picture_that_cannot_be_made_never_holds_back_its_event(
    pixels: np.ndarray, kind: str, phase: Phase, made: set[str], said: str | None
) -> None:
    pages = looked_back(album())
    pages.keep(frame(), [slot()], [slot()], ())
    shot = pages.shoot(Frame("gate", 1, NOW, pixels), event(kind, phase), ())
    assert {ref.kind for ref in shot.event.incident.images} == made
    assert {image.kind for image in shot.images if image.leaves_box} == made
    assert shot.event.incident.evidence == said


def test_frames_that_give_no_pictures_are_told_once_and_leave_the_good_ones(caplog: pytest.LogCaptureFixture) -> None:
    pages = looked_back(album())
    for after_s in (0, 1, 2):
        pages.keep(Frame("gate", 1, frame(after_s=after_s).at, GREY), [slot()], [slot()], ())
    assert len(caplog.records) == 1
    shot = pages.shoot(frame(), event("incident.open", Phase.OPEN), ())
    assert "before" in {image.kind for image in shot.images}
