from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.stage.improvise import MOMENT_S, improvise
from agent.stage.props import BODIES
from agent.stage.render import Renderer
from agent.stage.scene import CLASSES, Actor, Light, Pose, Scene, Solid, Surface, Waypoint
from agent.stage.script import load_scene

BLACK = Surface("line", colour=(0, 0, 0))
WHITE = (255.0, 255.0, 255.0)


def dark_stage(*actors: Actor, solids: tuple[Solid, ...] = ()) -> Scene:
    """A black floor under an overcast sky: whatever is brighter than the empty picture is an actor."""
    return Scene(
        name="dark",
        width=320,
        height=180,
        fps=10,
        duration_s=10,
        seed=5,
        pose=Pose(tilt_deg=25),
        light=Light(strength=0, noise=0),
        surfaces=(BLACK,),
        solids=solids,
        actors=actors,
    )


def standing(label: str, body: str, x: float, y: float, heading_deg: float = 60) -> Actor:
    path = (Waypoint(0, (x, y)), Waypoint(10, (x, y)))
    return Actor(f"{label}-{body}", label, body, WHITE, WHITE, path, heading_deg)


def bounds(mask: NDArray[np.bool_]) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


@pytest.mark.parametrize("scene_name", ["demo_road", "demo_yard"])
def test_one_script_always_gives_the_same_pixels(scene_name: str) -> None:
    first, second = Renderer(load_scene(scene_name)), Renderer(load_scene(scene_name))
    second.render(3.0)  # what was drawn before leaves no trace
    assert np.array_equal(first.render(21.3).pixels, second.render(21.3).pixels)


def test_another_seed_gives_another_picture() -> None:
    scene = load_scene("demo_yard")
    assert not np.array_equal(Renderer(scene).render(1).pixels, Renderer(replace(scene, seed=99)).render(1).pixels)


def test_the_sensor_noise_changes_from_picture_to_picture() -> None:
    renderer = Renderer(load_scene("empty_street"))
    change = renderer.render(0.0).pixels.astype(int) - renderer.render(0.1).pixels
    assert 1.0 < change.std() < 2 * renderer.scene.light.noise


@pytest.mark.parametrize(("label", "body"), [(label, body) for label in CLASSES for body in BODIES[label]])
def test_a_true_box_is_where_the_pixels_changed(label: str, body: str) -> None:
    scene = dark_stage(standing(label, body, 0.5, 14))
    empty = Renderer(replace(scene, actors=()))
    picture = Renderer(scene).render(1.0)
    brighter = (picture.pixels.astype(int) - empty.render(1.0).pixels).max(axis=2) > 12
    (true,) = picture.boxes
    drawn = np.array(true.box) * [320, 180, 320, 180]
    assert np.abs(drawn - bounds(brighter)).max() <= 3.0
    assert true.visible_share == pytest.approx(1.0, abs=0.02)


def test_a_box_ends_at_the_edge_of_the_picture_and_says_how_much_is_missing() -> None:
    (true,) = Renderer(dark_stage(standing("bus", "coach", -7.0, 14, 90))).render(1).boxes
    assert true.box.x1 == 0
    assert 0.2 < true.visible_share < 0.8


def test_what_stands_before_an_actor_hides_it_and_what_stands_behind_does_not() -> None:
    wall = Solid("wall", (0, 10), (8, 0.3, 4), (100, 100, 100))
    hidden = Renderer(dark_stage(standing("person", "adult", 0, 14), solids=(wall,))).render(1)
    seen = Renderer(dark_stage(standing("person", "adult", 0, 8), solids=(wall,))).render(1)
    assert hidden.boxes[0].visible_share < 0.05
    assert seen.boxes[0].visible_share > 0.95


def test_a_nearer_actor_hides_a_farther_one() -> None:
    front, back = standing("bus", "coach", 0, 12, 90), standing("car", "sedan", 0, 15, 90)
    shares = {box.label: box.visible_share for box in Renderer(dark_stage(back, front)).render(1).boxes}
    assert shares["bus"] == pytest.approx(1.0)
    assert shares["car"] < 0.5


def test_the_sun_throws_shadows_and_clouds_do_not() -> None:
    actor = standing("person", "adult", 0, 12)
    floor = (Surface("concrete"),)

    def darkened(strength: float) -> int:
        scene = replace(dark_stage(actor), light=Light(azimuth_deg=270, strength=strength, noise=0), surfaces=floor)
        change = Renderer(replace(scene, actors=())).render(1).pixels.astype(int) - Renderer(scene).render(1).pixels
        box = Renderer(scene).render(1).boxes[0].box
        beside = (change.min(axis=2) > 20)[:, int(box.x2 * 320) + 3 :]
        return int(np.count_nonzero(beside))

    assert darkened(0.9) > 50
    assert darkened(0.0) < 10  # what is right under its feet


def test_nobody_gives_no_boxes() -> None:
    assert Renderer(load_scene("empty_street")).render(30).boxes == ()


def test_improvised_scenes_hold_every_class_and_repeat_by_seed() -> None:
    labels = set()
    for seed in range(4):
        scene = improvise(seed, 3, dusk=seed % 2 == 0)
        assert scene == improvise(seed, 3, dusk=seed % 2 == 0)
        labels |= {actor.label for actor in scene.actors}
    assert labels == set(CLASSES)


def test_moments_of_an_improvised_scene_share_no_actor() -> None:
    scene = improvise(8, 3, dusk=False)
    crowds = [
        {actor.id for actor in scene.actors if actor.path[0].at_s <= (k + 0.5) * MOMENT_S <= actor.path[-1].at_s}
        for k in range(3)
    ]
    assert sum(len(crowd) for crowd in crowds) == len(set().union(*crowds)) == len(scene.actors)
