"""What stands in the picture and was not there before: found, measured, and told from everything that only looks so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from support.eyes import Picture, Watcher, between, dimmed, infrared, noise, shaken, street, swaying

from agent.backdrop.backdrop import Backdrop
from agent.backdrop.look import Lens
from agent.backdrop.settings import BackdropSettings
from agent.backdrop.still_life import StillLife
from agent.clock import SimulatedClock
from agent.core.box import Box
from agent.core.frame import Frame
from agent.core.polygon import Polygon, polygon
from agent.core.view import Standing

SACK = Box(0.35, 0.62, 0.42, 0.74)


class Scene:
    """Plays a script to a still life, two looks a second."""

    def __init__(self, picture: Picture, masks: tuple[Polygon, ...] = ()) -> None:
        self.picture = picture
        self.life = StillLife(BackdropSettings("gate", masks))
        self.lens = Lens(masks)
        self.clock = SimulatedClock()
        self.start_us = self.clock.now().mono_us
        self.t = 0.0

    def play(self, until_s: float, explained: Callable[[float], Sequence[Box]] = lambda t: ()) -> tuple[Standing, ...]:
        while self.t < until_s:
            look = self.lens.look(Frame("gate", 0, self.clock.now(), self.picture(self.t)))
            assert look is not None
            self.life.update(look, explained(self.t), steady=True)
            self.clock.sleep(0.5)
            self.t += 0.5
        return self.life.standing

    def second(self, mono_us: int) -> float:
        return (mono_us - self.start_us) / 1e6


def ground(t: float) -> np.ndarray:
    """An empty street with its noise."""
    return street("empty_street")(0.0) // 2 + noise(t, (360, 640, 3)) // 8 + 40


def put(box: Box, begin: float, end: float, picture: Picture = ground, colour=(40, 90, 160)) -> Picture:
    """A sack with folds lies in ``box`` from ``begin`` to ``end``."""

    def shown(t: float) -> np.ndarray:
        pixels = picture(t).copy()
        if begin <= t < end:
            part = pixels[round(box.y1 * 360) : round(box.y2 * 360), round(box.x1 * 640) : round(box.x2 * 640)]
            part[:] = colour
            part[::9] = (20, 40, 80)
        return pixels

    return shown


def test_a_sack_put_down_is_told_once_it_has_settled_with_where_and_since_when() -> None:
    scene = Scene(put(SACK, 30, 999))
    assert scene.play(39) == ()
    (sack,) = scene.play(60)
    assert sack.box.iou(SACK) > 0.6
    assert scene.second(sack.since_us) == pytest.approx(30.5, abs=1)
    assert sack.area == pytest.approx(SACK.area, rel=0.35)
    assert sack.change > 20
    assert not sack.removed
    assert len(scene.play(600)) == 1  # it does not sink into the background


def test_it_is_gone_when_it_is_taken_away() -> None:
    scene = Scene(put(SACK, 30, 90))
    assert len(scene.play(85)) == 1
    assert scene.play(95) == ()


def test_what_is_taken_away_of_the_background_is_a_hole_and_heals() -> None:
    scene = Scene(put(SACK, 0, 60))
    assert scene.play(59) == ()
    (hole,) = scene.play(80)
    assert hole.removed
    assert hole.box.iou(SACK) > 0.6
    assert scene.play(110) == ()


def test_what_a_detection_explains_is_not_told_until_the_detector_has_lost_it_for_a_while() -> None:
    scene = Scene(put(SACK, 30, 999))
    assert scene.play(90, lambda t: [SACK] if t >= 30 else []) == ()
    assert scene.play(98) == ()
    assert len(scene.play(125)) == 1


def test_somebody_who_walks_by_in_front_does_not_end_it_and_is_not_told() -> None:
    def passing(t: float) -> np.ndarray:
        pixels = put(SACK, 30, 999)(t)
        left = round(40 * (t - 60))
        if 60 <= t < 75:
            pixels[150:300, max(0, left) : left + 40] = (200, 60, 60)
        return pixels

    scene = Scene(passing)
    (before,) = scene.play(58)
    (after,) = scene.play(90)
    assert after.since_us == pytest.approx(before.since_us, abs=1_000_000)


def shadow(pixels: np.ndarray, t: float) -> np.ndarray:
    shaded = pixels.copy()
    shaded[140:300, 100 : 220 + round(t / 4)] = (shaded[140:300, 100 : 220 + round(t / 4)] * 0.6).astype(np.uint8)
    return shaded


def sunbeam(pixels: np.ndarray, t: float) -> np.ndarray:
    lit = pixels.copy()
    lit[180:260, 300:420] = np.minimum(lit[180:260, 300:420].astype(int) * 14 // 10, 255).astype(np.uint8)
    return lit


@pytest.mark.parametrize(
    ("spoilt", "begin"),
    [(shadow, 60), (sunbeam, 60), (dimmed(0.6, within_s=5), 60), (dimmed(0.6), 60), (swaying, 0), (shaken, 0)],
    ids=lambda case: getattr(case, "__qualname__", None),
)
def test_light_wind_and_shaking_put_nothing_down(spoilt, begin: float) -> None:
    scene = Scene(between(begin, 999, spoilt, ground))
    while scene.t < 200:
        assert scene.play(scene.t + 5) == (), scene.t


def test_a_switch_to_the_night_picture_puts_nothing_down_and_things_are_found_in_it() -> None:
    night = between(60, 999, infrared, put(SACK, 180, 999, colour=(240, 240, 240)))
    watcher = Watcher(Backdrop(BackdropSettings("gate"))).play(night, 175, fps=2)
    assert [seen.view.standing for seen in watcher.seen if seen.view.standing] == []
    watcher.play(night, 210, fps=2)
    assert max(thing.box.iou(SACK) for thing in watcher.seen[-1].view.standing) > 0.5


def test_s09_a_swaying_tree_a_building_shadow_and_a_cloud_are_nothing_at_all() -> None:
    def shaded(pixels: np.ndarray, t: float) -> np.ndarray:
        edge = round(640 * min(1.0, t / 300))
        dark = pixels.copy()
        dark[200:330, :edge] = (dark[200:330, :edge] * 0.55).astype(np.uint8)
        return dark

    picture = between(0, 999, shaded, between(0, 999, swaying, ground))
    watcher = Watcher(Backdrop(BackdropSettings("gate"))).play(between(120, 180, dimmed(0.6, within_s=5), picture), 300)
    assert watcher.said == []
    assert [seen.view.standing for seen in watcher.seen if seen.view.standing] == []


def test_headlights_that_sweep_by_put_nothing_down() -> None:
    def lit(t: float) -> np.ndarray:
        pixels = ground(t)
        if t % 20 < 3:
            left = round(150 * (t % 20))
            pixels[200:300, left : left + 120] = 230
        return pixels

    scene = Scene(lit)
    while scene.t < 150:
        assert scene.play(scene.t + 5) == (), scene.t


def test_a_sudden_change_of_everything_is_a_veto_and_then_the_new_background() -> None:
    def changed(t: float) -> np.ndarray:
        return ground(t) if t < 60 else street("demo_yard")(0.0) // 2 + noise(t, (360, 640, 3)) // 8

    scene = Scene(put(SACK, 120, 999, changed))
    while scene.t < 118:
        assert scene.play(scene.t + 2) == (), scene.t
    (sack,) = scene.play(140)
    assert sack.box.iou(SACK) > 0.5


def test_nothing_is_told_under_a_mask() -> None:
    mask = polygon([(0.3, 0.55), (0.5, 0.55), (0.5, 0.8), (0.3, 0.8)])
    assert Scene(put(SACK, 30, 999), (mask,)).play(60) == ()


def test_too_small_to_matter_is_left_out() -> None:
    assert Scene(put(Box(0.35, 0.62, 0.36, 0.635), 30, 999)).play(60) == ()
