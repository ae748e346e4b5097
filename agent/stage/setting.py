"""The picture of a scene with nobody in it: ground, sky and everything that stands."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.stage.lens import Lens
from agent.stage.noise import TILE_PX, sample, value_noise
from agent.stage.scene import Scene, Solid, Surface
from agent.stage.solids import Slab, slabs_of, solid_shadow
from agent.stage.texture import TEXTURES, Spots
from agent.stage.tone import gain, lit, shadow_gain, tint

_FINE = 2
"""The setting is painted this many times larger and averaged down, so that edges are smooth."""

_HAZE_M, _HAZE_MOST = 260.0, 0.8
"""Distance at which air hides two thirds of what it ever hides, and how much that is."""

_AIR = (222, 218, 210)
_FAR_M = 400.0
"""Ground beyond this is one colour."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Stander:
    """A solid as it hides what moves behind it.

    Attributes:
        footprint: (N, 2) metres on the ground.
        mask: (H, W) bool, where it is seen.
        rows: first and last + 1 row of the mask.
        columns: first and last + 1 column.
    """

    footprint: NDArray[np.float64]
    mask: NDArray[np.bool_]
    rows: tuple[int, int]
    columns: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Setting:
    """The unmoving picture.

    Attributes:
        pixels: (H, W, 3) uint8 BGR, without sensor noise.
        standers: what hides actors.
        upright: (H/2, W/2) bool: a solid is seen here, not ground; what lies on the ground does not reach it.
        sunless: (H/2, W/2) bool: upright, or already in shadow; a moving shadow changes nothing here.
    """

    pixels: Pixels
    standers: tuple[Stander, ...]
    upright: NDArray[np.bool_]
    sunless: NDArray[np.bool_]


def build(scene: Scene) -> Setting:
    """Paint the setting of a scene; takes a few tenths of a second."""
    lens = Lens(scene.pose, scene.width * _FINE, scene.height * _FINE)
    rng = np.random.default_rng(scene.seed)
    tile = value_noise(rng)
    canvas = _sky(scene, lens, tile)
    shade = _shade(scene, lens)
    _ground(canvas, scene, lens, tile, shade)
    masks = _standing(canvas, scene, lens, tile)
    size = (scene.width, scene.height)
    pixels = cv2.resize(np.clip(canvas, 0, 255).astype(np.uint8), size, interpolation=cv2.INTER_AREA)
    standers = tuple(_stander(solid, mask, size) for solid, mask in masks)
    upright = np.zeros(shade.shape, np.bool_)
    for _, mask in masks:
        upright |= mask > 127
    every = slice(_FINE, None, 2 * _FINE)
    return Setting(
        np.asarray(pixels, np.uint8), standers, upright[every, every], (upright | (shade > 127))[every, every]
    )


def _sky(scene: Scene, lens: Lens, tile: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill the picture with sky: brighter at the horizon, clouds above it."""
    rows = np.arange(lens.height, dtype=np.float32)[:, None]
    columns = np.arange(lens.width, dtype=np.float32)[None, :]
    up = np.clip((lens.horizon_px - rows) / lens.height, 0, 1)
    low, high = np.array([226, 222, 214]), np.array([214, 176, 138])
    clear = scene.light.strength
    top = high * clear + np.array([205, 202, 198]) * (1 - clear)
    share = np.clip(up * 1.6, 0, 1)[..., None]
    sky = low + (top - low) * share
    cloud = sample(tile, columns * 0.06 + 0 * rows, rows * 0.16 + 0 * columns)
    sky = sky + np.clip(cloud - 0.2, 0, 2)[..., None] * 14 * share
    return np.asarray(np.clip(sky, 0, 255) * tint(scene.light), np.float32)


def _shade(scene: Scene, lens: Lens) -> Pixels:
    """Mark where solids keep the sun off the ground, (H, W) uint8 0 or 255 at fine size."""
    shade = np.zeros((lens.height, lens.width), np.uint8)
    if scene.light.strength > 0:
        for solid in scene.solids:
            for shadow in solid_shadow(solid, scene.light):
                _fill(shade, lens.outline(shadow), 255)
    return shade


def _ground(canvas: NDArray[np.float32], scene: Scene, lens: Lens, tile: NDArray[np.float32], shade: Pixels) -> None:
    """Paint every surface under the horizon, with shadows and haze, into ``canvas``."""
    first = max(0, int(np.ceil(lens.horizon_px)) + 1)
    if first >= lens.height:
        return
    rows, columns = np.mgrid[first : lens.height, 0 : lens.width]
    places = lens.to_ground(np.column_stack([columns.ravel() + 0.5, rows.ravel() + 0.5])).astype(np.float32)
    distance = np.hypot(places[:, 0] - lens.eye[0], places[:, 1] - lens.eye[1])
    texel = (distance**2 + lens.eye[2] ** 2) / (lens.focal_px * lens.eye[2])
    spots = Spots(places[:, 0], places[:, 1], texel.astype(np.float32), tile)
    colours = _surface_colours(scene, lens, spots, distance < _FAR_M, first)
    light = np.full(len(places), gain(np.array([0.0, 0.0, 1.0]), scene.light), np.float32)
    light[shade[first:].ravel() > 127] *= shadow_gain(scene.light)
    colours *= light[:, None] * np.array(tint(scene.light), np.float32)
    haze = (1 - np.exp(-distance / _HAZE_M)).astype(np.float32)[:, None] * _HAZE_MOST
    air = (np.array(_AIR) * tint(scene.light)).astype(np.float32)
    canvas[first:] = (colours * (1 - haze) + air * haze).reshape(lens.height - first, lens.width, 3)


def _surface_colours(
    scene: Scene, lens: Lens, spots: Spots, near: NDArray[np.bool_], first: int
) -> NDArray[np.float32]:
    """Ask the topmost surface of every near spot for its colour; (N, 3), grey where there is none."""
    colours = np.full((len(spots.x), 3), 120, np.float32)
    top = np.full(len(spots.x), -1, np.int16)
    for number, surface in enumerate(scene.surfaces):
        top[near & _covered(surface, spots, lens, first)] = number
    for number, surface in enumerate(scene.surfaces):
        where = np.flatnonzero(top == number)
        texture = TEXTURES[surface.kind]
        chosen = Spots(spots.x[where], spots.y[where], spots.texel_m[where], spots.tile)
        colours[where] = texture.paint(chosen, surface.colour or texture.colour)
    return colours


def _covered(surface: Surface, spots: Spots, lens: Lens, first: int) -> NDArray[np.bool_]:
    """Tell which spots, row by row from row ``first``, a surface covers; (N,) bool."""
    if surface.strip is not None:
        across, along = (spots.y, spots.x) if surface.along == "x" else (spots.x, spots.y)
        where = (across >= surface.strip[0]) & (across < surface.strip[1])
        if surface.dash is not None:
            where &= np.mod(along, sum(surface.dash)) < surface.dash[0]
        return np.asarray(where)
    if not surface.outline:
        return np.ones(len(spots.x), np.bool_)
    mask = np.zeros((lens.height, lens.width), np.uint8)
    _fill(mask, lens.outline(np.array([[x, y, 0.0] for x, y in surface.outline])), 1)
    return np.asarray(mask[first:].ravel() > 0)


def _standing(
    canvas: NDArray[np.float32], scene: Scene, lens: Lens, tile: NDArray[np.float32]
) -> list[tuple[Solid, Pixels]]:
    """Paint the solids from far to near; give each with its mask at fine size."""
    order = sorted(scene.solids, key=lambda solid: -lens.depth_of(solid.at))
    repeat = (-(-lens.height // TILE_PX), -(-lens.width // TILE_PX))
    grain = np.tile(tile, repeat)[: lens.height, : lens.width]
    masks = []
    for solid in order:
        mask = np.zeros((lens.height, lens.width), np.uint8)
        haze = (1 - np.exp(-max(0.0, lens.depth_of(solid.at)) / _HAZE_M)) * _HAZE_MOST
        air = np.array(_AIR) * tint(scene.light)
        for slab in slabs_of(solid, lens, scene.light):
            colour = np.array(lit(slab.colour, slab.normal, scene.light)) * (1 - haze) + air * haze
            _paint_slab(canvas, mask, slab, colour, grain)
        masks.append((solid, mask))
    return masks


def _paint_slab(
    canvas: NDArray[np.float32], mask: Pixels, slab: Slab, colour: NDArray[np.float64], grain: NDArray[np.float32]
) -> None:
    if len(slab.outline_px) < 3:
        return
    _fill(mask, slab.outline_px, 255)
    low = np.maximum(np.floor(slab.outline_px.min(axis=0)).astype(int) - 1, 0)
    high = np.maximum(np.ceil(slab.outline_px.max(axis=0)).astype(int) + 2, 0)
    piece = canvas[low[1] : high[1], low[0] : high[0]]
    if piece.size == 0:
        return
    here = np.zeros(piece.shape[:2], np.uint8)
    _fill(here, slab.outline_px - low, 1)
    rough = grain[low[1] : high[1], low[0] : high[0]] * slab.roughness
    piece[here > 0] = (colour + rough[..., None] * (colour.mean() / 130))[here > 0]


def _stander(solid: Solid, fine: Pixels, size: tuple[int, int]) -> Stander:
    mask = cv2.resize(fine, size, interpolation=cv2.INTER_AREA) > 127
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = solid.at
    w, d = solid.size[0] / 2, solid.size[1] / 2
    footprint = np.array([[x - w, y - d], [x + w, y - d], [x + w, y + d], [x - w, y + d]])
    if not len(rows):
        return Stander(footprint, mask, (0, 0), (0, 0))
    return Stander(footprint, mask, (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1))


def _fill(image: Pixels, outline: NDArray[np.float64], value: int) -> None:
    if len(outline) >= 3:
        bounded = np.clip(outline * 16, -(2**24), 2**24)
        cv2.fillPoly(image, [np.round(bounded).astype(np.int32)], value, cv2.LINE_8, 4)
