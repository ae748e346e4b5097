"""A camera's picture and everything that can happen to it: covered, defocused, turned, dimmed, hidden behind a bus."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.backdrop.backdrop import Backdrop, Seen
from agent.backdrop.reference import Reference
from agent.backdrop.settings import BackdropSettings
from agent.clock import SimulatedClock
from agent.core.ailment import Ailment
from agent.core.frame import Frame
from agent.stage.render import Renderer
from agent.stage.script import load_scene
from agent.watch.complaints import Complaints
from agent.watch.river import Eye

Pixels = NDArray[np.uint8]
Picture = Callable[[float], Pixels]
"""What a camera shows at a second of the script."""

FPS = 1
"""Pictures a second that the eye is given here: it measures one a second, however many there are."""


@dataclass(frozen=True)
class Said:
    """A change of state, in seconds of the script."""

    t: float
    state: str
    began: bool
    reason: str


class Watcher:
    """Plays a script to a backdrop and notes what it says."""

    def __init__(self, backdrop: Backdrop, clock: SimulatedClock | None = None) -> None:
        self.backdrop = backdrop
        self.clock = clock or SimulatedClock()
        self.start_us = self.clock.now().mono_us
        self.said: list[Said] = []
        self.seen: list[Seen] = []

    @property
    def t(self) -> float:
        """Seconds of the script."""
        return (self.clock.now().mono_us - self.start_us) / 1e6

    def play(self, picture: Picture, until_s: float, fps: int = FPS) -> Watcher:
        """Show ``picture`` until ``until_s``."""
        while self.t < until_s:
            seen = self.backdrop.look(Frame("gate", 0, self.clock.now(), picture(self.t)), (), ())
            self.seen.append(seen)
            self.said += [Said(self.t, change.state, change.began, change.reason) for change in seen.changes]
            self.clock.sleep(1 / fps)
        return self

    def begins(self) -> list[tuple[str, float]]:
        """What began, and when."""
        return [(said.state, said.t) for said in self.said if said.began]

    def ends(self) -> list[tuple[str, float, str]]:
        """What ended, when and how."""
        return [(said.state, said.t, said.reason) for said in self.said if not said.began]


@functools.cache
def _drawn(scene: str, number: int) -> Pixels:
    return _renderer(scene).render(number / FPS).pixels


@functools.cache
def _renderer(scene: str) -> Renderer:
    return Renderer(load_scene(scene))


def street(scene: str = "demo_road") -> Picture:
    """A rendered street with its traffic; scenes repeat, and are drawn once a test run."""
    count = round(_renderer(scene).scene.duration_s * FPS)
    return lambda t: _drawn(scene, round(t * FPS) % count)


def clip(path: Path, fps: int = FPS) -> Picture:
    """A real clip, forth and back for as long as it takes."""
    frames = _read(path, fps)
    there_and_back = [*frames, *frames[-2:0:-1]]
    return lambda t: there_and_back[round(t * fps) % len(there_and_back)]


@functools.cache
def _read(path: Path, fps: int) -> list[Pixels]:
    video = cv2.VideoCapture(str(path))
    rate, number, frames = video.get(cv2.CAP_PROP_FPS), 0, []
    while True:
        there, pixels = video.read()
        if not there:
            break
        if int(number * fps / rate) >= len(frames):
            frames.append(pixels)
        number += 1
    video.release()
    return frames


def between(begin: float, end: float, spoilt: Callable[[Pixels, float], Pixels], picture: Picture) -> Picture:
    """``picture``, spoilt from ``begin`` to ``end``; the second argument is the time since the begin."""
    return lambda t: spoilt(picture(t), t - begin) if begin <= t < end else picture(t)


def covered(pixels: Pixels, t: float) -> Pixels:
    """A hand or a cloth: nothing but the noise of a sensor that turns its gain up."""
    return noise(t, pixels.shape)


def noise(t: float, shape: tuple[int, ...]) -> Pixels:
    """Sensor noise about grey 70, another picture at every look."""
    return np.roll(_grain(shape), round(t * 7919) % shape[0], axis=0)


@functools.cache
def _grain(shape: tuple[int, ...]) -> Pixels:
    return np.clip(np.random.default_rng(5).normal(70, 5, shape), 0, 255).astype(np.uint8)


def draped(strength: float, px: float) -> Callable[[Pixels, float], Pixels]:
    """A cloth in the wind, too near to be sharp: folds of ``strength`` grey levels, ``px`` apart at 640 px across."""

    def drape(pixels: Pixels, t: float) -> Pixels:
        height, width = pixels.shape[:2]
        across = np.arange(width) * 640 / width
        row = 90 + strength * np.sin(2 * np.pi * across / px + 0.3 * np.sin(t))
        return np.broadcast_to(row.round().astype(np.uint8)[None, :, None], (height, width, 3)).copy()

    return drape


def taped(pixels: Pixels, t: float) -> Pixels:
    """Black tape."""
    return (covered(pixels, t) // 20).astype(np.uint8)


def defocused(pixels: Pixels, _: float) -> Pixels:
    """Out of focus by 4 px at 640 px across."""
    return out_of_focus(4)(pixels, _)


def out_of_focus(px: float) -> Callable[[Pixels, float], Pixels]:
    """Out of focus by ``px`` at 640 px across."""
    return lambda pixels, _: np.asarray(cv2.GaussianBlur(pixels, (0, 0), px * pixels.shape[1] / 640), np.uint8)


def told_once(watcher: Watcher, at_s: float) -> bool:
    """Whether a defocus from ``at_s`` on was told once: blurred after 30 s, or covered after 10 to 30 s."""
    if len(watcher.said) != 1 or not watcher.said[0].began:
        return False
    after_s = watcher.said[0].t - at_s
    return {"blurred": 28 <= after_s <= 33, "covered": 8 <= after_s <= 33}.get(watcher.said[0].state, False)


def shifted(share: float) -> Callable[[Pixels, float], Pixels]:
    """Turned by a share of the picture's width: new ground comes in at the side."""

    def turn(pixels: Pixels, _: float) -> Pixels:
        by = round(share * pixels.shape[1])
        strange = np.asarray(cv2.flip(pixels, 0), np.uint8)[:, :by]
        return np.ascontiguousarray(np.hstack([pixels[:, by:], strange]))

    return turn


def elsewhere(_: Pixels, t: float) -> Pixels:
    """Turned so far that nothing of the old view is left."""
    return street("demo_yard")(t)


def dimmed(factor: float, within_s: float = 0.0) -> Callable[[Pixels, float], Pixels]:
    """Less light, reached within ``within_s``."""

    def dim(pixels: Pixels, t: float) -> Pixels:
        now = factor if t >= within_s else 1 + (factor - 1) * t / within_s
        return (pixels * now).astype(np.uint8)

    return dim


def infrared(pixels: Pixels, t: float) -> Pixels:
    """The night picture: no colour, other contrast, and out of focus for the first seconds."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    other = cv2.LUT(grey, (255 * (np.arange(256) / 255) ** 0.6).astype(np.uint8))
    soft = defocused(np.asarray(other, np.uint8), t) if t < 4 else other
    return np.asarray(cv2.cvtColor(soft, cv2.COLOR_GRAY2BGR), np.uint8)


def dazzled(pixels: Pixels, _: float) -> Pixels:
    """The sun in the lens."""
    return np.clip(pixels.astype(np.int16) * 2 + 120, 0, 255).astype(np.uint8)


def bus(share: float = 0.7) -> Callable[[Pixels, float], Pixels]:
    """A lorry across ``share`` of the picture, standing: one smooth side."""

    def hide(pixels: Pixels, t: float) -> Pixels:
        height = pixels.shape[0]
        hidden = pixels.copy()
        hidden[: round(share * height)] = (40, 120, 200)
        hidden[: round(share * height)] += noise(t, pixels.shape)[: round(share * height)] // 16
        return hidden

    return hide


def swaying(pixels: Pixels, t: float) -> Pixels:
    """A tree before a quarter of the picture, its leaves in the wind."""
    height, width = pixels.shape[:2]
    leaves = np.random.default_rng(7).integers(20, 120, (height // 6, width // 12, 1), np.uint8)
    crown = cv2.resize(np.repeat(leaves, 3, axis=2), (width // 2, height // 2), interpolation=cv2.INTER_LINEAR)
    shown = pixels.copy()
    sway = round(width * 0.012 * np.sin(2.2 * t))
    shown[: height // 2, width // 2 :] = np.roll(crown, sway, axis=1)
    return shown


def shaken(pixels: Pixels, t: float) -> Pixels:
    """A mast in the wind: 3 px of 640 either way."""
    reach = 3 * pixels.shape[1] / 640
    return np.roll(pixels, (round(reach * np.sin(7.3 * t)), round(reach * np.cos(5.1 * t))), axis=(0, 1))


def eye(
    settings: BackdropSettings | None = None, known: Sequence[Ailment] = (), views: Iterable[Reference] = ()
) -> Eye:
    """What a river looks through; ``known`` are the states that the store remembers."""
    settings = settings or BackdropSettings("gate")
    backdrop = Backdrop(settings, [ailment.state for ailment in known], views)
    return Eye(backdrop, Complaints(settings.camera, known), masked=bool(settings.masks))
