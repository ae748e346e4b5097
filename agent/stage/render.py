"""Draw a scene at any moment: the setting once, then shadows, actors from far to near, and the sensor's noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.core.box import Box
from agent.stage.lens import Lens
from agent.stage.motion import Motion
from agent.stage.order import far_to_near
from agent.stage.scene import Actor, Scene
from agent.stage.setting import Setting, Stander, build
from agent.stage.sketch import Sketch, sketch
from agent.stage.tone import shadow_gain

Pixels = NDArray[np.uint8]

_SHIFT = 4  # fractional bits of polygon corners
_NOISE_TILES, _NOISE_SLACK_PX = 2, 64
_CONTACT, _BEAM = 110, 120  # how much darker it is under a thing, how much brighter before its lamps, in 1/255


@dataclass(frozen=True, slots=True)
class TrueBox:
    """Where an actor is in a picture.

    Attributes:
        actor: id.
        label: class.
        box: around all of it that lies within the picture, also what something else hides.
        visible_share: how much of the whole actor is seen, 0..1: neither hidden nor outside the picture.
    """

    actor: str
    label: str
    box: Box
    visible_share: float


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A rendered moment.

    Attributes:
        pixels: (H, W, 3) uint8 BGR, the caller's own.
        boxes: every actor of which at least one pixel lies within the picture, in order of the script.
    """

    pixels: Pixels
    boxes: tuple[TrueBox, ...]


class Renderer:
    """Renders one scene; ``render`` depends on nothing but the scene and the time."""

    def __init__(self, scene: Scene, setting: Setting | None = None) -> None:
        """Build the setting (tenths of a second), or take that of a scene with the same place and light."""
        self.scene = scene
        self.lens = Lens(scene.pose, scene.width, scene.height)
        self.setting = setting or build(scene)
        self.motions = {actor.id: Motion(actor) for actor in scene.actors}
        rng = np.random.default_rng(scene.seed + 1)
        shape = (_NOISE_TILES, scene.height + _NOISE_SLACK_PX, scene.width + _NOISE_SLACK_PX, 3)
        grain = np.rint(rng.standard_normal(shape, np.float32) * np.float32(scene.light.noise))
        self._brighter = np.maximum(grain, 0).astype(np.uint8)
        self._darker = np.maximum(-grain, 0).astype(np.uint8)

    def render(self, t_s: float) -> Picture:
        """Draw the moment ``t_s`` of the scene; times beyond its duration go on without a loop."""
        cast = self._cast(t_s)
        pixels = self.setting.pixels.copy()
        self._shine(pixels, [drawn for _, drawn in cast])
        boxes = self._paint(cast, pixels)
        self._grain(pixels, round(t_s * self.scene.fps))
        return Picture(pixels, boxes)

    def boxes(self, t_s: float) -> tuple[TrueBox, ...]:
        """Tell where everyone is at ``t_s``, as ``render`` does, without the picture."""
        return self._paint(self._cast(t_s), None)

    def _paint(self, cast: list[tuple[Actor, Sketch]], pixels: Pixels | None) -> tuple[TrueBox, ...]:
        """Draw the actors from far to near, keeping count of who owns which pixel; without ``pixels`` only count."""
        owner = np.zeros((self.lens.height, self.lens.width), np.uint8)
        whole: dict[str, int] = {}
        for i in far_to_near([drawn.footprint for _, drawn in cast], self.lens):
            actor, drawn = cast[i]
            _draw(pixels, owner, drawn, i + 1)
            whole[actor.id] = _count(owner, drawn, i + 1)
            self._hide(pixels, owner, drawn)
        return tuple(
            self._true_box(actor, drawn, _count(owner, drawn, i + 1), whole[actor.id])
            for i, (actor, drawn) in enumerate(cast)
            if whole[actor.id] > 0
        )

    def _cast(self, t_s: float) -> list[tuple[Actor, Sketch]]:
        """Sketch everyone who may be in the picture."""
        cast = []
        for actor in self.scene.actors:
            stand = self.motions[actor.id].at(t_s)
            drawn = sketch(actor, stand, self.lens, self.scene.light) if stand is not None else None
            if drawn is not None and _within(drawn, self.lens):
                cast.append((actor, drawn))
        return cast

    def _shine(self, pixels: Pixels, drawn: Sequence[Sketch]) -> None:
        """Darken the ground in shadows and brighten it in headlights, at half resolution so that edges are soft."""
        if not drawn:
            return
        size = (self.lens.width // 2, self.lens.height // 2)
        shade, under, pool = (np.zeros(size[::-1], np.uint8) for _ in range(3))
        light = self.scene.light
        depth = round((1 - shadow_gain(light)) * 255)
        for one in drawn:
            for shadow in one.shadows:
                _fill(shade, shadow / 2, depth)
            _fill(under, one.contact / 2, _CONTACT)
            if one.beam is not None:
                _fill(pool, one.beam / 2, _BEAM)
        shade[self.setting.sunless] = 0
        under[self.setting.upright] = 0
        pool[self.setting.upright] = 0
        _scale(pixels, np.maximum(shade, under), -1)
        _scale(pixels, pool, 1)

    def _hide(self, pixels: Pixels | None, owner: NDArray[np.uint8], drawn: Sketch) -> None:
        """Put back every solid that stands before the actor just drawn."""
        for stander in self.setting.standers:
            rows, columns = _overlap(stander, drawn)
            if rows.start >= rows.stop or columns.start >= columns.stop:
                continue
            if far_to_near([drawn.footprint, stander.footprint], self.lens) == [0, 1]:
                mask = stander.mask[rows, columns]
                if pixels is not None:
                    pixels[rows, columns][mask] = self.setting.pixels[rows, columns][mask]
                owner[rows, columns][mask] = 0

    def _grain(self, pixels: Pixels, frame: int) -> None:
        """Add the sensor's noise: one of a few tiles, shifted; both chosen by the frame's number."""
        if self.scene.light.noise <= 0:
            return
        mixed = (frame * 2654435761 + self.scene.seed) & 0xFFFFFFFF
        tile, left, top = mixed % _NOISE_TILES, (mixed >> 8) % _NOISE_SLACK_PX, (mixed >> 20) % _NOISE_SLACK_PX
        window = (tile, slice(top, top + self.lens.height), slice(left, left + self.lens.width))
        cv2.add(pixels, self._brighter[window], dst=pixels)
        cv2.subtract(pixels, self._darker[window], dst=pixels)

    def _true_box(self, actor: Actor, drawn: Sketch, seen_px: int, whole_px: int) -> TrueBox:
        x1, y1, x2, y2 = drawn.extent
        width, height = self.lens.width, self.lens.height
        box = Box(max(0.0, x1 / width), max(0.0, y1 / height), min(1.0, x2 / width), min(1.0, y2 / height))
        inside = box.area * width * height / ((x2 - x1) * (y2 - y1))
        return TrueBox(actor.id, actor.label, box, min(1.0, inside) * seen_px / whole_px)


def _within(drawn: Sketch, lens: Lens) -> bool:
    x1, y1, x2, y2 = drawn.extent
    return x2 > 0 and y2 > 0 and x1 < lens.width and y1 < lens.height


def _draw(pixels: Pixels | None, owner: NDArray[np.uint8], drawn: Sketch, number: int) -> None:
    for outline, colour in zip(drawn.polygons, drawn.colours, strict=True):
        corners = [np.round(outline * 2**_SHIFT).astype(np.int32)]
        if pixels is not None:
            cv2.fillPoly(pixels, corners, colour, cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(owner, corners, number, cv2.LINE_8, _SHIFT)


def _count(owner: NDArray[np.uint8], drawn: Sketch, number: int) -> int:
    x1, y1, x2, y2 = (max(0, int(side)) for side in drawn.extent)
    return int(np.count_nonzero(owner[y1 : y2 + 2, x1 : x2 + 2] == number))


def _overlap(stander: Stander, drawn: Sketch) -> tuple[slice, slice]:
    x1, y1, x2, y2 = drawn.extent
    rows = slice(max(stander.rows[0], int(y1) - 1), min(stander.rows[1], int(y2) + 2))
    columns = slice(max(stander.columns[0], int(x1) - 1), min(stander.columns[1], int(x2) + 2))
    return rows, columns


def _fill(image: Pixels, outline: NDArray[np.float64], value: int) -> None:
    if len(outline) >= 3:
        corners = np.round(np.clip(outline * 2**_SHIFT, -(2**24), 2**24)).astype(np.int32)
        cv2.fillPoly(image, [corners], value, cv2.LINE_8, _SHIFT)


def _scale(pixels: Pixels, share: Pixels, sign: int) -> None:
    """Multiply ``pixels`` by 1 + sign * share / 255, where ``share`` is of half size; only where it is not 0."""
    rows, columns = np.flatnonzero(share.any(axis=1)), np.flatnonzero(share.any(axis=0))
    if not len(rows):
        return
    top, bottom = max(0, 2 * int(rows[0]) - 2), min(pixels.shape[0], 2 * int(rows[-1]) + 4)
    left, right = max(0, 2 * int(columns[0]) - 2), min(pixels.shape[1], 2 * int(columns[-1]) + 4)
    size = (pixels.shape[1], pixels.shape[0])
    soft = cv2.resize(share, size, interpolation=cv2.INTER_LINEAR)[top:bottom, left:right, None]
    factor = 256 + sign * soft.astype(np.int32)
    piece = pixels[top:bottom, left:right]
    piece[:] = np.minimum(piece * factor >> 8, 255)
