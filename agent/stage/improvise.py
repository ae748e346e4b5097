"""Make up street scenes by seed: the places, lights and crowds from which a detector learns."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from agent.stage.lens import Lens
from agent.stage.people import MOTORCYCLE_BODIES, PERSON_BODIES
from agent.stage.scene import Actor, Colour, GroundPoint, Light, Pose, Scene, Solid, Surface, Waypoint
from agent.stage.vehicles import BUS_BODIES, CAR_BODIES

MOMENT_S = 1.0
"""Moment ``k`` is the scene at ``(k + 0.5) * MOMENT_S``; no actor is seen in two moments."""

_BODIES = {
    "person": tuple(PERSON_BODIES),
    "car": tuple(CAR_BODIES),
    "motorcycle": MOTORCYCLE_BODIES,
    "bus": tuple(BUS_BODIES),
}
_SHARES = {"person": 0.36, "car": 0.26, "motorcycle": 0.26, "bus": 0.12}
_SPEED_MPS = {"person": 1.3, "car": 8.0, "motorcycle": 8.0, "bus": 7.0}
_ROOM_M = {"person": 0.4, "car": 2.4, "motorcycle": 0.9, "bus": 5.0}
_CAR_COLOURS: tuple[Colour, ...] = (
    (228, 228, 228), (190, 192, 194), (120, 122, 124), (40, 40, 42), (44, 44, 176), (120, 60, 36), (60, 84, 110),
    (70, 100, 60), (60, 150, 200),
)  # fmt: skip
_WALL_COLOURS: tuple[Colour, ...] = (
    (138, 180, 201), (180, 188, 169), (176, 205, 214), (140, 160, 196), (172, 194, 200), (191, 176, 159),
    (154, 196, 210), (166, 199, 185), (164, 178, 203), (205, 205, 205),
)  # fmt: skip


def improvise(seed: int, moments: int, dusk: bool) -> Scene:
    """Make up a scene.

    Args:
        seed: decides everything.
        moments: how many different crowds pass through the one place.
        dusk: whether it is getting dark.
    """
    rng = np.random.default_rng([seed, 1])
    pose = Pose((0.0, 0.0), rng.uniform(4, 9), rng.uniform(-55, 55), rng.uniform(11, 32), rng.uniform(0.65, 1.3))
    surfaces, road = _ground(rng)
    scene = Scene(
        name=f"improvised {seed}",
        width=640,
        height=360,
        fps=10,
        duration_s=moments * MOMENT_S,
        seed=seed,
        pose=pose,
        light=_light(rng, dusk),
        surfaces=surfaces,
        solids=_solids(rng, road),
    )
    lens = Lens(pose, scene.width, scene.height)
    crowds = (_crowd(rng, scene, lens, moment) for moment in range(moments))
    return replace(scene, actors=tuple(actor for crowd in crowds for actor in crowd))


def _light(rng: np.random.Generator, dusk: bool) -> Light:
    azimuth, elevation = rng.uniform(0, 360), rng.uniform(22, 80)
    if dusk:
        return Light(
            azimuth, elevation, rng.uniform(0, 0.3), rng.uniform(0.3, 0.55), rng.uniform(-0.7, 0.3), rng.uniform(2, 7)
        )
    strength = rng.uniform(0.3, 1.0) if rng.random() < 0.75 else 0.0
    return Light(azimuth, elevation, strength, rng.uniform(0.8, 1.15), rng.uniform(-0.3, 0.5), rng.uniform(0, 4))


def _ground(rng: np.random.Generator) -> tuple[tuple[Surface, ...], tuple[float, float]]:
    """Lay the ground; gives the surfaces and the road's near and far edge."""
    near = float(rng.uniform(2, 12))
    far = near + float(rng.uniform(5.5, 11))
    kinds = ("grass", "dirt", "concrete", "paving")
    base = Surface(str(rng.choice(kinds)))
    road = Surface(str(rng.choice(["asphalt", "asphalt", "asphalt", "concrete"])), (near, far))
    walks = (
        Surface(str(rng.choice(kinds)), (near - rng.uniform(1, 4), near)),
        Surface(str(rng.choice(kinds)), (far, far + rng.uniform(1.5, 5))),
    )
    return (base, *walks, road, *_marks(rng, near, far), *_crossings(rng, far)), (near, far)


def _marks(rng: np.random.Generator, near: float, far: float) -> list[Surface]:
    """Kerbs and painted lines."""
    marks: list[Surface] = []
    if rng.random() < 0.7:
        marks += [
            Surface("kerb", (near - 0.25, near)),
            Surface("gutter", (far - 0.15, far)),
            Surface("kerb", (far, far + 0.25)),
        ]
    if rng.random() < 0.7:
        middle = (near + far) / 2
        marks.append(Surface("line", (middle - 0.06, middle + 0.06), dash=(3, 4.5) if rng.random() < 0.7 else None))
    if rng.random() < 0.5:
        marks.append(Surface("line", (near + 0.5, near + 0.62)))
    return marks


def _crossings(rng: np.random.Generator, far: float) -> list[Surface]:
    """A side road and a yard beyond the road, each now and then."""
    pieces: list[Surface] = []
    if rng.random() < 0.35:
        x = float(rng.uniform(-15, 10))
        pieces.append(Surface("asphalt", (x, x + rng.uniform(4, 8)), along="y"))
    if rng.random() < 0.35:
        x, y = rng.uniform(-12, 4), far + rng.uniform(0, 3)
        w, d = rng.uniform(6, 16), rng.uniform(6, 14)
        yard = ((x, y), (x + w, y), (x + w, y + d), (x, y + d))
        pieces.append(Surface(str(rng.choice(["concrete", "dirt", "paving"])), outline=yard))
    return pieces


def _solids(rng: np.random.Generator, road: tuple[float, float]) -> tuple[Solid, ...]:
    """Put up houses, walls, trees and poles beyond the road, and a few things anywhere off it."""
    solids = []
    x = -45.0
    back = road[1] + float(rng.uniform(3, 14))
    density = rng.uniform(0.2, 1.0)
    while x < 50:
        width = float(rng.uniform(4, 9))
        if rng.random() < density:
            height = float(rng.uniform(3.4, 11))
            kind = "house" if rng.random() < 0.8 else "wall"
            depth = 8.0 if kind == "house" else 0.3
            size = (width, depth, height if kind == "house" else float(rng.uniform(1, 2.6)))
            solids.append(_solid(rng, kind, (x + width / 2, back + depth / 2), size))
        x += width + (float(rng.uniform(0, 6)) if rng.random() < 0.3 else 0.1)
    for _ in range(int(rng.integers(2, 9))):
        side = road[1] + rng.uniform(0.8, 12) if rng.random() < 0.75 else road[0] - rng.uniform(0.8, 6)
        at = (float(rng.uniform(-30, 30)), float(side))
        if math.hypot(*at) > 7:
            kind, size = _street_thing(rng)
            solids.append(_solid(rng, kind, at, size))
    return tuple(solids)


def _street_thing(rng: np.random.Generator) -> tuple[str, tuple[float, float, float]]:
    kind = str(rng.choice(["tree", "tree", "pole", "box"]))
    if kind == "tree":
        width = float(rng.uniform(2.5, 6))
        return kind, (width, width, width * float(rng.uniform(1.1, 1.6)))
    if kind == "pole":
        return kind, (0.28, 0.28, float(rng.uniform(4, 9)))
    return kind, (float(rng.uniform(0.5, 3.5)), float(rng.uniform(0.5, 2)), float(rng.uniform(0.4, 2.2)))


def _solid(rng: np.random.Generator, kind: str, at: GroundPoint, size: tuple[float, float, float]) -> Solid:
    leaves = (float(rng.uniform(40, 70)), float(rng.uniform(95, 140)), float(rng.uniform(60, 95)))
    greys = tuple(float(value) for value in rng.uniform(50, 190, 3))
    colours: dict[str, Colour] = {"tree": leaves, "pole": (150, 154, 152), "box": (greys[0], greys[1], greys[2])}
    wall = _WALL_COLOURS[int(rng.integers(len(_WALL_COLOURS)))]
    return Solid(kind, at, size, colours.get(kind, wall), int(rng.integers(2**31)))


def _crowd(rng: np.random.Generator, scene: Scene, lens: Lens, moment: int) -> list[Actor]:
    """Place 0 to 14 actors where the camera can see them, not into one another and not into walls."""
    crowd: list[Actor] = []
    taken: list[tuple[float, float, float]] = []
    wanted = 0 if rng.random() < 0.06 else int(rng.integers(1, 15))
    for _ in range(wanted * 3):
        if len(crowd) == wanted:
            break
        label = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
        place = _place(rng, lens)
        if place is None or not _free(place, _ROOM_M[label], taken, scene.solids):
            continue
        taken.append((*place, _ROOM_M[label]))
        crowd.append(_actor(rng, f"{moment}-{len(crowd)}", label, place, moment))
    return crowd


def _place(rng: np.random.Generator, lens: Lens) -> GroundPoint | None:
    """Pick a place on the ground by a pixel; a little beyond the picture's edge at times, never far away."""
    top = max(0.0, lens.horizon_px)
    pixel = np.array([[rng.uniform(-0.06, 1.06) * lens.width, rng.uniform(top, 1.12 * lens.height)]])
    x, y = lens.to_ground(pixel)[0]
    distance = math.hypot(x - lens.eye[0], y - lens.eye[1])
    return (float(x), float(y)) if 4.0 < distance < 48.0 else None


def _free(
    place: GroundPoint, room_m: float, taken: list[tuple[float, float, float]], solids: tuple[Solid, ...]
) -> bool:
    x, y = place
    for other_x, other_y, other_m in taken:
        if math.hypot(x - other_x, y - other_y) < (room_m + other_m) * 0.75:
            return False
    for solid in solids:
        thin = 0.2 if solid.kind == "tree" else 1.0
        if (
            abs(x - solid.at[0]) < solid.size[0] / 2 * thin + room_m
            and abs(y - solid.at[1]) < solid.size[1] / 2 * thin + room_m
        ):
            return False
    return True


def _actor(rng: np.random.Generator, actor_id: str, label: str, place: GroundPoint, moment: int) -> Actor:
    """Let someone pass ``place`` in the middle of a moment, mostly along the road, or stand there."""
    along = float(rng.choice([0.0, math.pi])) + rng.normal(0, 0.12)
    heading = along if rng.random() < 0.55 else float(rng.uniform(0, 2 * math.pi))
    speed = 0.0 if rng.random() < 0.35 else _SPEED_MPS[label] * rng.uniform(0.5, 1.2)
    reach = speed * MOMENT_S / 2
    dx, dy = reach * math.cos(heading), reach * math.sin(heading)
    begin = moment * MOMENT_S + 0.02
    end = (moment + 1) * MOMENT_S - 0.02
    path = (Waypoint(begin, (place[0] - dx, place[1] - dy)), Waypoint(end, (place[0] + dx, place[1] + dy)))
    bodies = _BODIES[label]
    body = bodies[int(rng.integers(len(bodies)))]
    return Actor(actor_id, label, body, _colour(rng, label), _any_colour(rng), path, 90 - math.degrees(heading))


def _colour(rng: np.random.Generator, label: str) -> Colour:
    if label in ("car", "bus") and rng.random() < 0.7:
        return _CAR_COLOURS[int(rng.integers(len(_CAR_COLOURS)))]
    return _any_colour(rng)


def _any_colour(rng: np.random.Generator) -> Colour:
    blue, green, red = rng.uniform(25, 230, 3)
    return (float(blue), float(green), float(red))
