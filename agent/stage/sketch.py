"""From a figure and where it stands to the polygons that a picture needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from agent.stage.lens import NEAR_M, Lens
from agent.stage.motion import Stand
from agent.stage.people import motorcycle, person
from agent.stage.scene import Actor, Colour, Light
from agent.stage.shapes import Figure, Limb
from agent.stage.tone import lit
from agent.stage.vehicles import bus, car

Array = NDArray[np.float64]

_TURN = np.linspace(-math.pi / 2, math.pi / 2, 7)
_HELMETS: tuple[Colour, ...] = ((50, 50, 55), (190, 190, 195), (40, 40, 160), (150, 90, 40))


@dataclass(frozen=True, eq=False)
class Sketch:
    """One actor as flat polygons, far to near.

    Attributes:
        polygons: each (N, 2) px.
        colours: BGR of each, as the light makes them.
        shadows: polygons on the ground in the sun's shadow, (N, 2) px.
        contact: polygon on the ground right under it.
        beam: polygon on the ground lit by its headlight, or None.
        footprint: (4, 2) metres on the ground.
    """

    polygons: list[Array]
    colours: list[Colour]
    shadows: list[Array]
    contact: Array
    beam: Array | None
    footprint: Array

    @cached_property
    def extent(self) -> tuple[float, float, float, float]:
        """Bounding box x1, y1, x2, y2 in px; may reach beyond the picture."""
        points = np.concatenate(self.polygons)
        low, high = points.min(axis=0), points.max(axis=0)
        return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def figure_of(actor: Actor, stand: Stand) -> Figure:
    """Build the figure of an actor at one moment."""
    if actor.label == "person":
        return person(actor.body, actor.colour, actor.trim, stand.travelled_m, stand.speed_mps)
    return _vehicle(actor.label, actor.body, actor.colour, actor.trim)


@lru_cache(maxsize=256)
def _vehicle(label: str, body: str, colour: Colour, trim: Colour) -> Figure:
    if label == "car":
        return car(body, colour)
    if label == "bus":
        return bus(body, colour, trim)
    return motorcycle(body, colour, trim, _HELMETS[int(sum(trim)) % len(_HELMETS)])


def sketch(actor: Actor, stand: Stand, lens: Lens, light: Light) -> Sketch | None:
    """Draw up one actor; None where any of it is behind the lens or nothing of it can be in the picture."""
    figure = figure_of(actor, stand)
    turn = _rotation(stand.heading)
    origin = np.array([stand.x, stand.y, 0.0])
    half_length, half_width = figure.footprint
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * [half_length, half_width, 0]
    footprint = corners @ turn.T + origin
    if lens.view(footprint)[:, 2].min() < NEAR_M + 0.5:
        return None
    polygons, colours, shadows = _plates(figure, turn, origin, lens, light)
    for limb in _far_to_near(figure, turn, origin, lens):
        _add_limb(limb, lens, light, polygons, colours)
        if light.strength > 0:
            shadows.append(_limb_shadow(limb, lens, light))
    beam = _beam(figure, turn, origin, lens) if light.lamps_on and figure.beam else None
    contact = lens.outline((corners * 1.06) @ turn.T + origin)
    return Sketch(polygons, colours, shadows, contact, beam, footprint[:, :2])


def _rotation(heading: float) -> Array:
    c, s = math.cos(heading), math.sin(heading)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _plates(
    figure: Figure, turn: Array, origin: Array, lens: Lens, light: Light
) -> tuple[list[Array], list[Colour], list[Array]]:
    """Project the plates that face the lens, and the shadows of those that face the sun."""
    polygons: list[Array] = []
    colours: list[Colour] = []
    shadows: list[Array] = []
    if not figure.plates:
        return polygons, colours, shadows
    skin = figure.skin
    corners = skin.corners @ turn.T + origin
    normals = skin.normals @ turn.T
    pixels = lens.project(corners)
    starts = skin.starts
    faces_lens = ((lens.eye - corners[starts[:-1]]) * normals).sum(axis=1) > 0
    faces_sun = normals @ np.array(light.to_sun) > 0
    fallen = _fall(corners, light)
    for i, plate in enumerate(figure.plates):
        span = slice(starts[i], starts[i + 1])
        if faces_lens[i]:
            polygons.append(pixels[span])
            shines = plate.glow and light.lamps_on
            colours.append(plate.colour if shines else lit(plate.colour, normals[i], light))
        if faces_sun[i] and light.strength > 0:
            shadows.append(lens.outline(fallen[span]))
    return polygons, colours, shadows


def _fall(points: Array, light: Light) -> Array:
    """Let points (N, 3) fall along the sunlight onto the ground."""
    sun = np.array(light.to_sun)
    return np.asarray(points - points[:, 2:] / max(sun[2], 0.05) * sun)


def _far_to_near(figure: Figure, turn: Array, origin: Array, lens: Lens) -> list[Limb]:
    placed = [
        Limb(turn @ limb.a + origin, turn @ limb.b + origin, limb.a_radius, limb.b_radius, limb.colour)
        for limb in figure.limbs
    ]
    placed.sort(key=lambda limb: -float(((limb.a + limb.b) / 2 - lens.eye) @ lens.axes[2]))
    return placed


def _add_limb(limb: Limb, lens: Lens, light: Light, polygons: list[Array], colours: list[Colour]) -> None:
    """Add a limb: its dark side, and upon it the narrower side that faces the sun."""
    seen = lens.view(np.array([limb.a, limb.b]))
    ends = lens.to_pixels(seen)
    radii = lens.focal_px * np.array([limb.a_radius, limb.b_radius]) / seen[:, 2]
    sun = lens.axes @ np.array(light.to_sun)
    polygons.append(_capsule(ends, radii))
    colours.append(lit(limb.colour, np.array([0.0, 0.0, 0.1]), light))
    polygons.append(_capsule(ends + sun[:2] * radii[:, None] * 0.3, radii * 0.66))
    colours.append(lit(limb.colour, np.array(light.to_sun) * 0.8 + [0, 0, 0.2], light))


def _limb_shadow(limb: Limb, lens: Lens, light: Light) -> Array:
    fallen = _fall(np.array([limb.a, limb.b]), light)
    seen = lens.view(fallen)
    if seen[:, 2].min() < NEAR_M:
        return np.zeros((0, 2))
    radii = lens.focal_px * np.array([limb.a_radius, limb.b_radius]) / seen[:, 2]
    return _capsule(lens.to_pixels(seen), radii)


def _capsule(ends: Array, radii: Array) -> Array:
    """The outline around two circles, (14, 2) px."""
    axis = ends[1] - ends[0]
    angle = math.atan2(axis[1], axis[0]) if abs(axis).max() > 1e-6 else 0.0
    forth = np.column_stack([np.cos(_TURN + angle), np.sin(_TURN + angle)])
    return np.concatenate([ends[1] + radii[1] * forth, ends[0] - radii[0] * forth])


def _beam(figure: Figure, turn: Array, origin: Array, lens: Lens) -> Array:
    """The patch of road before a vehicle that its headlight brightens."""
    front, half = figure.footprint
    angles = np.linspace(0, 2 * math.pi, 16, endpoint=False)
    pool = np.column_stack([front + 3.6 + 3.4 * np.cos(angles), (half + 0.5) * np.sin(angles), np.zeros(16)])
    return lens.outline(pool @ turn.T + origin)
