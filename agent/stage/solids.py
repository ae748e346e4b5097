"""Houses, walls, trees and poles: what stands in a scene, as flat slabs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.stage.lens import Lens
from agent.stage.scene import Colour, Light, Solid
from agent.stage.shapes import GLASS

Array = NDArray[np.float64]

_FLOOR_M = 3.3
_SHUTTER: Colour = (150, 156, 150)
_TRUNK: Colour = (58, 74, 92)


@dataclass(frozen=True, slots=True, eq=False)
class Slab:
    """A flat piece of something that stands.

    Attributes:
        outline_px: (N, 2) px.
        normal: (3,) unit vector out of its visible side.
        colour: in full light.
        roughness: grey levels of texture.
    """

    outline_px: Array
    normal: Array
    colour: Colour
    roughness: float = 4.0


@dataclass(frozen=True, slots=True)
class _Face:
    """One upright side of a solid: from ``start`` rightwards as seen from outside."""

    start: Array
    step: Array
    normal: Array
    width: float
    height: float

    def rectangle(self, left: float, right: float, low: float, high: float, out: float = 0.0) -> Array:
        """Corners of a rectangle on this side, metres along and up; ``out`` of the wall."""
        base = self.start + self.normal * out
        up = np.array([0.0, 0.0, 1.0])
        return np.array(
            [base + self.step * s + up * z for s, z in ((left, low), (right, low), (right, high), (left, high))]
        )


def slabs_of(solid: Solid, lens: Lens, light: Light) -> Iterator[Slab]:
    """Give what the lens sees of a solid, in the order of painting."""
    if solid.kind == "tree":
        yield from _tree(solid, lens, light)
    elif solid.kind == "pole":
        yield from _pole(solid, lens)
    else:
        yield from _block(solid, lens)


def solid_shadow(solid: Solid, light: Light) -> list[Array]:
    """Give the polygons (N, 3) on the ground from which a solid keeps the sun."""
    sun = np.array(light.to_sun)
    reach = -sun[:2] / max(sun[2], 0.05)
    x, y = solid.at
    if solid.kind == "tree":
        return [_disc(np.array([x, y]) + reach * solid.size[2] * 0.7, solid.size[0] * 0.5)]
    w, d, h = solid.size[0] / 2, solid.size[1] / 2, solid.size[2]
    foot = np.array([[x - w, y - d], [x + w, y - d], [x + w, y + d], [x - w, y + d]])
    top = foot + reach * h
    sides = [[foot[i], foot[(i + 1) % 4], top[(i + 1) % 4], top[i]] for i in range(4)]
    return [np.column_stack([np.array(side), np.zeros(4)]) for side in [*sides, list(top)]]


def _disc(middle: Array, radius: float) -> Array:
    turn = np.linspace(0, 2 * math.pi, 18, endpoint=False)
    wobble = radius * (1 + 0.12 * np.sin(turn * 5))
    return np.column_stack([middle[0] + wobble * np.cos(turn), middle[1] + wobble * np.sin(turn), np.zeros(18)])


def _block(solid: Solid, lens: Lens) -> Iterator[Slab]:
    rng = np.random.default_rng(solid.seed)
    for face in _faces(solid):
        if (lens.eye - face.start) @ face.normal <= 0:
            continue
        whole = face.rectangle(0, face.width, 0, face.height)
        yield Slab(lens.outline(whole), face.normal, solid.colour, 5.0)
        stain = face.rectangle(0, face.width, 0, min(0.5, face.height * 0.12))
        yield Slab(lens.outline(stain), face.normal, _dimmed(solid.colour, 0.78), 6.0)
        if solid.kind == "house" and face.normal[1] < 0:
            yield from _front(face, lens, solid.colour, rng)
        elif solid.kind == "wall":
            cap = face.rectangle(0, face.width, face.height - 0.15, face.height, 0.05)
            yield Slab(lens.outline(cap), face.normal, _dimmed(solid.colour, 1.12), 3.0)
    if lens.eye[2] > solid.size[2]:
        x, y = solid.at
        w, d, h = solid.size[0] / 2, solid.size[1] / 2, solid.size[2]
        roof = np.array([[x - w, y - d, h], [x + w, y - d, h], [x + w, y + d, h], [x - w, y + d, h]])
        yield Slab(lens.outline(roof), np.array([0.0, 0.0, 1.0]), _dimmed(solid.colour, 0.85), 5.0)


def _faces(solid: Solid) -> list[_Face]:
    x, y = solid.at
    w, d, h = solid.size[0] / 2, solid.size[1] / 2, solid.size[2]
    corners = [(x - w, y - d), (x + w, y - d), (x + w, y + d), (x - w, y + d)]
    faces = []
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        width = math.hypot(x1 - x0, y1 - y0)
        step = np.array([(x1 - x0) / width, (y1 - y0) / width, 0.0])
        faces.append(_Face(np.array([x0, y0, 0.0]), step, np.array([step[1], -step[0], 0.0]), width, h))
    return faces


def _front(face: _Face, lens: Lens, colour: Colour, rng: np.random.Generator) -> Iterator[Slab]:
    """A shop-house front: roller door or door and window below, windows and a balcony above, an awning."""
    yield from _ground_floor(face, lens, rng)
    floors = max(1, round(face.height / _FLOOR_M))
    for floor in range(1, floors):
        base = floor * _FLOOR_M
        ledge = face.rectangle(0, face.width, base - 0.12, base + 0.06, 0.12)
        yield Slab(lens.outline(ledge), face.normal, _dimmed(colour, 1.15), 3.0)
        bays = max(1, int(face.width / 2.2))
        for bay in range(bays):
            middle = face.width * (bay + 0.5) / bays
            yield from _window(face, lens, middle, base + 0.9, rng)
        if rng.random() < 0.6:
            rail = face.rectangle(0.2, face.width - 0.2, base + 0.05, base + 0.85, 0.7)
            yield Slab(lens.outline(rail), face.normal, _dimmed(colour, 0.68), 8.0)
    if rng.random() < 0.7:
        awning = face.rectangle(0.1, face.width - 0.1, 2.7, 2.95)
        awning[:2] += face.normal * 1.3
        awning[:2, 2] -= 0.2
        shade: Colour = ((60, 60, 170), (150, 110, 60), (80, 130, 70), (170, 170, 175))[int(rng.integers(4))]
        yield Slab(lens.outline(awning), np.array([0.0, 0.0, 1.0]), shade, 4.0)


def _ground_floor(face: _Face, lens: Lens, rng: np.random.Generator) -> Iterator[Slab]:
    if rng.random() < 0.6:
        door = face.rectangle(0.4, face.width - 0.4, 0.0, 2.6, 0.01)
        open_shop = rng.random() < 0.5
        yield Slab(lens.outline(door), face.normal, (52, 54, 58) if open_shop else _SHUTTER, 6.0)
        for height in np.arange(0.2, 2.6, 0.24 if not open_shop else 0.9):
            slat = face.rectangle(0.4, face.width - 0.4, float(height), float(height) + 0.06, 0.02)
            yield Slab(lens.outline(slat), face.normal, (84, 92, 104) if open_shop else (112, 118, 114), 3.0)
    else:
        door = face.rectangle(0.5, 1.5, 0.0, 2.2, 0.01)
        yield Slab(lens.outline(door), face.normal, (52, 72, 104), 4.0)
        if face.width > 3.2:
            yield from _window(face, lens, face.width - 1.3, 1.0, rng)


def _window(face: _Face, lens: Lens, middle: float, low: float, rng: np.random.Generator) -> Iterator[Slab]:
    half = 0.55
    frame = face.rectangle(middle - half - 0.08, middle + half + 0.08, low - 0.08, low + 1.38, 0.01)
    yield Slab(lens.outline(frame), face.normal, (196, 198, 198), 2.0)
    glass = _dimmed(GLASS, 0.9 + 0.5 * float(rng.random()))
    for left, right in ((middle - half, middle - 0.03), (middle + 0.03, middle + half)):
        pane = face.rectangle(left, right, low, low + 1.3, 0.02)
        yield Slab(lens.outline(pane), face.normal, glass, 3.0)


def _pole(solid: Solid, lens: Lens) -> Iterator[Slab]:
    x, y = solid.at
    right = lens.axes[0] * solid.size[0] / 2
    foot, top = np.array([x, y, 0.0]), np.array([x, y, solid.size[2]])
    bar = np.array([foot - right, foot + right, top + right * 0.7, top - right * 0.7])
    away = -lens.axes[2] * [1, 1, 0]
    yield Slab(lens.outline(bar), away, solid.colour, 4.0)
    lit_side = np.array([foot - right, foot - right * 0.2, top - right * 0.2, top - right * 0.7])
    yield Slab(lens.outline(lit_side), away, _dimmed(solid.colour, 1.18), 3.0)
    for height in (0.97, 0.9):
        if solid.size[2] > 5:
            arm = np.array([0, 0, solid.size[2] * height]) + np.array([x, y, 0.0])
            beam = np.array([arm - right * 7, arm + right * 7, arm + right * 7, arm - right * 7])
            beam[2:, 2] += 0.1
            yield Slab(lens.outline(beam), away, (80, 84, 88), 2.0)


def _tree(solid: Solid, lens: Lens, light: Light) -> Iterator[Slab]:
    """A trunk under a crown of many leafy balls, each lit by where it lies in the crown."""
    rng = np.random.default_rng(solid.seed)
    x, y = solid.at
    width, _, height = solid.size
    trunk = lens.axes[0] * max(0.12, width * 0.04)
    foot, fork = np.array([x, y, 0.0]), np.array([x, y, height * 0.6])
    away = -lens.axes[2] * [1, 1, 0]
    yield Slab(lens.outline(np.array([foot - trunk, foot + trunk, fork + trunk, fork - trunk])), away, _TRUNK, 8.0)
    spread = rng.normal(size=(140, 3))
    spread /= np.maximum(np.linalg.norm(spread, axis=1, keepdims=True), 1e-9)
    spread *= rng.random((140, 1)) ** 0.4
    crown = np.array([x, y, height * 0.68]) + spread * [width * 0.45, width * 0.45, height * 0.3]
    depth = (crown - lens.eye) @ lens.axes[2]
    turn = np.linspace(0, 2 * math.pi, 9, endpoint=False)
    for i in np.argsort(-depth):
        if depth[i] < 1.0:
            continue
        radius = width * (0.07 + 0.07 * rng.random())
        round_it = np.outer(np.cos(turn), lens.axes[0]) + np.outer(np.sin(turn), lens.axes[1])
        ragged = radius * (0.75 + 0.5 * rng.random((9, 1)))
        tone = 0.62 + 0.42 * float(rng.random()) + 0.22 * float(spread[i] @ np.array(light.to_sun))
        normal = np.array([0.0, 0.0, 1.0])
        yield Slab(lens.outline(crown[i] + round_it * ragged), normal, _dimmed(solid.colour, tone), 12.0)


def _dimmed(colour: Colour, share: float) -> Colour:
    return (colour[0] * share, colour[1] * share, colour[2] * share)
