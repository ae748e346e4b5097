"""The demo's two scenes do what they say: the ground truth agrees with how the actors move."""

import math

import pytest

from agent.core.polygon import contains
from agent.stage.render import Renderer
from agent.stage.script import load_scene
from agent.stage.truth import box_at, foot_inside, true_box

STOP_LIMIT_S = 15.0
INSIDE_S = 1.5
STEP_S = 0.25


@pytest.fixture(scope="module")
def road() -> Renderer:
    return Renderer(load_scene("demo_road"))


@pytest.fixture(scope="module")
def yard() -> Renderer:
    return Renderer(load_scene("demo_yard"))


def steps(from_s: float, until_s: float) -> list[float]:
    return [from_s + k * STEP_S for k in range(math.floor((until_s - from_s) / STEP_S) + 1)]


def place(renderer: Renderer, actor_id: str, t_s: float) -> tuple[float, ...]:
    found = box_at(renderer, actor_id, t_s)
    return tuple(round(side, 9) for side in found) if found else ()


def times_inside(renderer: Renderer, zone_id: str) -> dict[str, list[float]]:
    """Give, for every actor who is ever in a zone by its foot point, when it is."""
    zone = renderer.scene.zone(zone_id).polygon
    times: dict[str, list[float]] = {}
    for t in steps(0, renderer.scene.duration_s):
        for true in renderer.boxes(t):
            if contains(zone, true.box.foot):
                times.setdefault(true.actor, []).append(t)
    return times


def test_the_car_stands_still_in_its_zone_as_long_as_the_script_says(road: Renderer) -> None:
    (expected,) = road.scene.expected
    boxes = {place(road, expected.actor, t) for t in steps(expected.begin_s, expected.end_s)}
    assert len(boxes) == 1
    assert foot_inside(road, expected.actor, expected.zone, expected.begin_s)
    assert place(road, expected.actor, expected.begin_s - 1) not in boxes
    assert place(road, expected.actor, expected.end_s + 1) not in boxes


def test_the_stop_is_due_when_the_demos_limit_is_over(road: Renderer) -> None:
    (expected,) = road.scene.expected
    assert expected.alert_s == expected.begin_s + STOP_LIMIT_S
    assert expected.end_s - expected.begin_s > 30


def test_no_other_vehicle_stays_in_the_no_stopping_zone(road: Renderer) -> None:
    (expected,) = road.scene.expected
    inside = times_inside(road, expected.zone)
    del inside[expected.actor]
    assert all(len(times) * STEP_S < STOP_LIMIT_S / 3 for times in inside.values()), inside


def test_the_intruder_is_inside_as_long_as_the_script_says(yard: Renderer) -> None:
    (expected,) = yard.scene.expected
    inside = times_inside(yard, expected.zone)[expected.actor]
    assert inside[0] == pytest.approx(expected.begin_s, abs=0.3)
    assert inside[-1] == pytest.approx(expected.end_s, abs=0.3)
    assert len(inside) == len(steps(inside[0], inside[-1]))
    assert expected.alert_s == expected.begin_s + INSIDE_S


def test_nobody_else_enters_the_yard(yard: Renderer) -> None:
    (expected,) = yard.scene.expected
    people = {actor.id for actor in yard.scene.actors if actor.label == "person"}
    assert len(people) >= 3
    assert people & set(times_inside(yard, expected.zone)) == {expected.actor}


@pytest.mark.parametrize("scene_name", ["demo_road", "demo_yard"])
def test_who_causes_an_incident_is_large_and_in_full_view(scene_name: str) -> None:
    renderer = Renderer(load_scene(scene_name))
    (expected,) = renderer.scene.expected
    for t in steps(expected.begin_s, expected.end_s):
        true = true_box(renderer, expected.actor, t)
        assert true is not None
        longer = max(true.box.width * renderer.scene.width, true.box.height * renderer.scene.height)
        assert longer >= 48, t
        assert true.visible_share > 0.9, t


@pytest.mark.parametrize("scene_name", ["demo_road", "demo_yard"])
def test_nobody_appears_or_vanishes_in_the_middle_of_the_picture(scene_name: str) -> None:
    renderer = Renderer(load_scene(scene_name))
    for actor in renderer.scene.actors:
        lasting = actor.path[0].at_s == 0 and actor.path[-1].at_s == renderer.scene.duration_s
        for point in (actor.path[0], actor.path[-1]):
            assert lasting or true_box(renderer, actor.id, point.at_s) is None, (actor.id, point.at_s)
