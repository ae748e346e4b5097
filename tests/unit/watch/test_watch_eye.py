"""One camera's river with its eye open: what the detector loses, what a turned camera must not show, what HQ hears."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.eyes import Picture, between, covered, elsewhere, eye, infrared, shifted, street
from support.store_world import World
from support.street import rule

from agent.backdrop.health import Change
from agent.backdrop.settings import BackdropSettings, CameraHealthSettings
from agent.clock import SimulatedClock
from agent.core.ailment import Ailment
from agent.core.box import Box
from agent.core.detections import Detections
from agent.core.event import Event
from agent.core.frame import Frame
from agent.core.image import Image
from agent.core.polygon import polygon
from agent.detect.settings import DetectSettings
from agent.evidence.settings import EvidenceSettings
from agent.rules.settings import RulebookSettings, RuleSettings, ZoneSettings
from agent.stage.render import Renderer
from agent.stage.script import load_scene
from agent.stage.truth import box_at
from agent.store.settings import StoreSettings
from agent.track.settings import TrackSettings
from agent.watch.bulletin import Bulletin
from agent.watch.complaints import Complaints
from agent.watch.gauge import Gauge
from agent.watch.reaches import leftovers
from agent.watch.river import Catch, Eye, River
from agent.watch.settings import WatchSettings

WHOLE = polygon([(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99)])
STOP = rule("stopped_vehicle", dwell_s=10)
LABELS = ("person", "car")
SCENE = Renderer(load_scene("demo_road"))
MASK = polygon([(0.6, 0.0), (1.0, 0.0), (1.0, 0.4), (0.6, 0.4)])


def car(t: float) -> Detections:
    """The detector sees the car that stops, and nothing else."""
    box = box_at(SCENE, "stopper", t)
    if box is None:
        return Detections.none()
    return Detections(np.array([box], np.float32), np.array([0.9], np.float32), np.array([1]))


@dataclass
class Box1:
    """One camera of a box, on a clock of its own."""

    eye: Eye
    rules: tuple[RuleSettings, ...] = (STOP,)
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    step_s: float = 0.5
    catches: list[Catch] = field(default_factory=list)

    def __post_init__(self) -> None:
        book = RulebookSettings("gate", (ZoneSettings("z", "Z", WHOLE),), self.rules)
        self.start_us = self.clock.now().mono_us
        self.river = River(book, TrackSettings(), EvidenceSettings(), LABELS, ([], self.clock.now()), self.eye)

    @property
    def t(self) -> float:
        return (self.clock.now().mono_us - self.start_us) / 1e6

    def play(self, picture: Picture, until_s: float, detect=lambda t: Detections.none()) -> Box1:
        while self.t < until_s - 1e-6:
            self.catches.append(self.river.flow(Frame("gate", 0, self.clock.now(), picture(self.t)), detect(self.t)))
            self.clock.sleep(self.step_s)
        return self

    @property
    def events(self) -> list[Event]:
        return [shot.event for catch in self.catches for shot in catch.shots]

    @property
    def pictures(self) -> list[Image]:
        return [image for catch in self.catches for shot in catch.shots for image in shot.images]

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def second(self, utc_us: int) -> float:
        return (utc_us - self.clock.now().utc_us) / 1e6 + self.t


def road(t: float) -> np.ndarray:
    """The scene once; then its empty end stands still, with some noise."""
    return SCENE.render(min(t, 58.0)).pixels


@functools.cache
def _parked(half_seconds: int) -> np.ndarray:
    return SCENE.render(13 + half_seconds / 2).pixels


def parked(t: float) -> np.ndarray:
    """While the car stands: traffic goes by, again and again."""
    return _parked(round(2 * t) % 64)


@pytest.mark.parametrize(("grace_s", "believed_until_s"), [(600, 46), (0, 28)])
def test_a_parked_car_that_the_detector_loses_is_still_there_while_the_picture_says_so(
    grace_s: float, believed_until_s: float
) -> None:
    """The car stops at 12 and drives off at 46; from 28 on no detector sees it."""
    box = Box1(eye(), (replace(STOP, backdrop_grace_s=grace_s),))
    box.play(road, believed_until_s + 32, lambda t: car(t) if t < 28 else Detections.none())
    assert box.kinds() == ["incident.open", "incident.end"]
    ended = box.events[1].incident
    assert ended is not None
    assert ended.end_reason == "lost"
    assert box.second(ended.end_us or 0) == pytest.approx(believed_until_s, abs=1.6)


def test_a_state_is_one_event_at_its_begin_and_one_at_its_end_with_the_store_in_step() -> None:
    box = Box1(eye()).play(between(60, 90, covered, street()), 120)
    impaired, restored = box.events
    assert (impaired.kind, restored.kind) == ("camera.impaired", "camera.restored")
    detail = impaired.detail
    assert (detail["camera"], detail["state"], detail["severity"]) == ("gate", "covered", "urgent")
    assert box.second(int(str(detail["since_us"]))) == pytest.approx(60, abs=1.1)
    assert detail["measured"]["bare_cells"] > 0.85  # type: ignore[call-overload,index,operator]
    assert restored.detail["re"] == impaired.id
    assert [ref.kind for ref in (*impaired.images, *restored.images)] == ["overview", "overview"]
    assert {image.sha256 for image in box.pictures} == {ref.sha256 for ref in (*impaired.images, *restored.images)}
    assert restored.detail["lasted_s"] == pytest.approx(30, abs=2)
    ailing = [ailment for catch in box.catches for ailment in catch.ailing]
    cured = [ailment for catch in box.catches for ailment in catch.cured]
    assert ailing == cured == [Ailment("gate", "covered", impaired.id, int(str(detail["since_us"])))]


def test_a_clock_that_is_set_meanwhile_makes_no_state_last_for_years() -> None:
    clock = SimulatedClock()
    changes = [Change("dark", began, clock.now().mono_us + seconds * 1_000_000, {}) for began, seconds in
               ((True, 0), (False, 40))]  # fmt: skip
    complaints = Complaints("gate")
    complaints.tell(changes[:1], clock.now())
    clock.step_wall(50 * 365 * 86_400_000_000)
    clock.sleep(50)
    (restored,) = complaints.tell(changes[1:], clock.now()).events
    assert restored.detail["lasted_s"] == 40


def test_over_a_restart_a_state_is_told_once_and_ended_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    store = world.watch()
    first = Box1(eye()).play(between(60, 200, covered, street()), 100)
    for catch in first.catches:
        events = [shot.event for shot in catch.shots]
        store.record(events, catch.taken, catch.freed, (), ailing=catch.ailing, cured=catch.cured)
    views = [view for catch in first.catches for view in catch.views]
    store.close()
    store = world.watch()
    (known,) = store.ailments()
    assert (known.camera, known.state, known.event_id) == ("gate", "covered", first.events[0].id)
    again = Box1(eye(known=[known], views=views)).play(between(0, 60, covered, street()), 90)
    assert again.kinds() == ["camera.restored"]
    for catch in again.catches:
        events = [shot.event for shot in catch.shots]
        store.record(events, catch.taken, catch.freed, (), ailing=catch.ailing, cured=catch.cured)
    assert store.ailments() == []
    store.close()


def test_a_moved_camera_ends_incidents_and_a_person_takes_it_up_again() -> None:
    box = Box1(eye()).play(street(), 60, lambda t: Detections.none())
    box.play(between(90, 999, shifted(0.2), parked), 130, lambda t: car(20))
    assert box.kinds() == ["incident.open", "camera.impaired", "incident.end"]
    assert box.events[2].incident is not None
    assert box.events[2].incident.end_reason == "camera_moved"
    assert box.river.states == ("moved",)
    told = box.river.recalibrate(box.clock.now(), "0199c0de-7a11-7000-8000-000000000001", "lan")
    assert [shot.event.kind for shot in told.shots] == ["camera.recalibrated", "camera.restored"]
    assert told.shots[0].event.detail == {
        "camera": "gate",
        "re": "0199c0de-7a11-7000-8000-000000000001",
        "by": "lan",
    }
    assert told.shots[1].event.detail["reason"] == "recalibrated"
    assert [ailment.state for ailment in told.cured] == ["moved"]
    assert box.river.states == ()


def test_a_car_in_a_frozen_picture_is_not_alerted_and_one_under_a_cover_not_alerted_twice() -> None:
    still = parked(0)
    frozen = Box1(eye(), (replace(STOP, dwell_s=40),)).play(lambda _: still, 80, lambda t: car(20))
    assert frozen.kinds() == ["camera.impaired"]
    box = Box1(eye()).play(parked, 60, lambda t: car(20))
    box.play(between(60, 120, covered, parked), 120).play(parked, 140, lambda t: car(20))
    assert box.kinds() == ["incident.open", "camera.impaired", "camera.restored"]


# A masked camera that is turned: what the mask hid now lies beside it.

SECRET = (255, 0, 255)


def masked(pixels: np.ndarray) -> np.ndarray:
    """As the capture thread hands it over."""
    shown = pixels.copy()
    shown[: round(0.4 * 360) + 1, round(0.6 * 640) - 1 :] = 0
    return shown


def with_secret(turned_by: float) -> Picture:
    """A street with something magenta where the mask is, seen by a camera turned by a share of its width."""

    def picture(t: float) -> np.ndarray:
        pixels = (street()(t) if t < 60 else parked(t)).copy()
        pixels[20:120, 420:600] = SECRET
        return masked(shifted(turned_by)(pixels, t) if turned_by else pixels)

    return picture


def is_magenta(pixels: np.ndarray) -> np.ndarray:
    blue, green, red = (pixels[..., channel].astype(int) for channel in range(3))
    return (blue > 140) & (red > 140) & (green < 110)


def turned_after(begin: float) -> Picture:
    straight, turned = with_secret(0.0), with_secret(0.2)
    return lambda t: straight(t) if t < begin else turned(t)


def test_the_secret_is_seen_once_the_camera_is_turned_and_not_before() -> None:
    assert not is_magenta(with_secret(0.0)(61)).any()
    assert is_magenta(with_secret(0.2)(61)).sum() > 5000


def test_no_picture_leaves_while_a_masked_camera_is_turned(tmp_path: Path) -> None:
    settings = BackdropSettings("gate", masks=(MASK,))
    box = Box1(eye(settings)).play(with_secret(0.0), 60)
    box.play(turned_after(90), 300, lambda t: car(20))
    assert box.kinds() == ["incident.open", "camera.impaired", "incident.end"]
    ended = box.events[2].incident
    assert ended is not None
    assert (ended.images, ended.evidence) == ((), "withheld(camera moved)")
    assert (box.events[1].images, box.events[1].evidence) == ((), "withheld(camera moved)")
    assert {image.kind for image in box.pictures} == {"overview", "closeup", "before"}  # all from before the turn
    for image in box.pictures:
        assert not is_magenta(cv2.imdecode(np.frombuffer(image.content, np.uint8), cv2.IMREAD_COLOR)).any()


def test_after_a_short_turn_no_picture_of_that_time_is_used_as_before() -> None:
    # At these steps a picture is put by at 62.0, after the turn and before the first reading that can know of it.
    box = Box1(eye(BackdropSettings("gate", masks=(MASK,))), step_s=0.4)
    box.play(turned_after(61.3), 66).play(with_secret(0.0), 90, lambda t: car(20))
    assert box.kinds() == ["incident.open"]
    assert box.pictures
    for image in box.pictures:
        assert not is_magenta(cv2.imdecode(np.frombuffer(image.content, np.uint8), cv2.IMREAD_COLOR)).any()


def in_the_night(pixels: np.ndarray, t: float) -> np.ndarray:
    return infrared(pixels, t + 9)


@pytest.mark.parametrize("light", [lambda pixels, t: pixels, in_the_night], ids=["by day", "while the light switches"])
def test_a_masked_camera_that_is_turned_far_away_gives_no_picture_from_the_first_second_on(light) -> None:
    """That nothing matches is doubt only after 2 s, and none for a minute at the switch to infrared: too late here."""

    def turned(t: float) -> np.ndarray:
        return elsewhere(street()(t), t) if t >= 45 else masked(street()(t))

    box = Box1(eye(BackdropSettings("gate", masks=(MASK,)))).play(between(41, 99, light, turned), 45)
    assert box.river.private_areas == ()
    box.play(between(41, 99, light, turned), 46)
    for until in range(47, 60):
        assert box.river.private_areas == (Box(0, 0, 1, 1),)
        box.play(between(41, 99, light, turned), until)
    assert box.river.recalibrate(box.clock.now(), "0199c0de-7a11-7000-8000-000000000001", "lan").shots
    assert box.river.private_areas == ()


@pytest.mark.parametrize("with_mask", [True, False])
def test_the_preview_of_a_masked_camera_that_is_turned_shows_nothing_but_tiles(tmp_path: Path, with_mask: bool) -> None:
    store = World(tmp_path).settings
    settings = WatchSettings((), DetectSettings(), TrackSettings(), (), EvidenceSettings(), store, tmp_path)
    box = Box1(eye(BackdropSettings("gate", masks=(MASK,) if with_mask else ())))
    box.play(turned_after(60), 66)
    frame = Frame("gate", 0, box.clock.now(), with_secret(0.2)(66))
    Bulletin(settings, box.clock, Gauge(), "demo").show(frame, box.river.private_areas)
    shown = cv2.imread(str(tmp_path / "preview-gate.jpg"))
    sharp = np.abs(np.diff(shown[:, :, 1].astype(int), axis=1)) > 24
    # Eight tiles across leave at most seven edges in a row of pixels; a street has dozens.
    assert bool(sharp.sum(axis=1).max() <= 8) is with_mask


def test_a_state_that_is_not_looked_for_any_more_ends_at_the_next_start() -> None:
    clock = SimulatedClock()
    book = RulebookSettings("gate", (), ())
    store, nowhere = StoreSettings("box-7", Path("/nowhere")), Path("/nowhere")
    settings = WatchSettings((), DetectSettings(), TrackSettings(), (book,), EvidenceSettings(), store, nowhere)
    known = [Ailment("gate", "covered", "e" * 36, 5), Ailment("gone", "moved", "f" * 36, 5)]
    catch = leftovers(settings, [], known, clock.now())
    assert [(shot.event.detail["camera"], shot.event.detail["reason"]) for shot in catch.shots] == [
        ("gone", "unwatched")
    ]
    assert catch.cured == (known[1],)
    deaf = BackdropSettings("gate", health=CameraHealthSettings(states=frozenset()))
    assert len(leftovers(replace(settings, backdrops=(deaf,)), [], known, clock.now()).cured) == 2
