"""A camera judged with and without the motion gate, from the same frames and the same detector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from agent.backdrop.settings import BackdropSettings, CameraHealthSettings
from agent.clock import SimulatedClock
from agent.core.detections import Detections
from agent.core.event import Event
from agent.core.frame import Frame
from agent.core.polygon import polygon
from agent.detect.detector import Detector
from agent.evidence.settings import EvidenceSettings
from agent.rules.settings import RulebookSettings, RuleSettings, ZoneSettings
from agent.stage.render import Renderer
from agent.stage.script import parse_scene
from agent.track.settings import TrackSettings
from agent.watch.gate import Gate
from agent.watch.river import River
from support.eyes import eye

_WELL = BackdropSettings("gate", health=CameraHealthSettings(states=frozenset()))
"""Pictures without any noise, as here, would count as frozen."""

SCENES = Path(__file__).resolve().parents[2] / "agent/stage/scenes"


@dataclass
class Shift:
    """What came of judging one film.

    Attributes:
        events: all that was told.
        frames: how many there were.
        gated: how many of them the network did not see.
        longest_us: longest time between two frames that it saw.
    """

    events: list[Event] = field(default_factory=list)
    frames: int = 0
    gated: int = 0
    longest_us: int = 0


class Watcher:
    """One camera's gate and river, judged frame by frame in one thread."""

    def __init__(self, book: RulebookSettings, labels: tuple[str, ...], *, gated: bool) -> None:
        self.shift = Shift()
        self._gate = Gate(wanted=gated)
        self._river = River(book, TrackSettings(), EvidenceSettings(), labels, ([], SimulatedClock().now()), eye(_WELL))
        self._looked_us: int | None = None

    def take(self, frame: Frame, found: Detections) -> None:
        """Judge a frame; ``found`` is what the network sees, or would see if it were asked."""
        self.shift.frames += 1
        if self._gate.opens(frame):
            catch = self._river.flow(frame, found)
            self._gate.judged(frame, calm=self._river.calm)
            since_us = 0 if self._looked_us is None else frame.at.mono_us - self._looked_us
            self.shift.longest_us = max(self.shift.longest_us, since_us)
            self._looked_us = frame.at.mono_us
        else:
            catch = self._river.hold(frame)
            self.shift.gated += 1
        self.shift.events += [shot.event for shot in catch.shots]


def both(frames: Iterator[Frame], detector: Detector, book: RulebookSettings) -> tuple[Shift, Shift]:
    """Judge a film without and with the gate."""
    watchers = [Watcher(book, detector.labels, gated=gated) for gated in (False, True)]
    for frame in frames:
        (found,) = detector.detect([frame])
        for watcher in watchers:
            watcher.take(frame, found)
    plain, gated = (watcher.shift for watcher in watchers)
    return plain, gated


QUIET = """
[[actor]]
id = "parker"
class = "car"
path = [[4, -22, 8], [9, -3, 8], [40, -3, 8], [45, 20, 8]]

[[actor]]
id = "walker"
class = "person"
colour = "#c03020"
path = [[18, -12, 17.6], [24, -4, 17.6], [32, -4, 17.6], [40, 6, 17.6]]
"""
"""Somebody parks, somebody comes and stands still, both leave; otherwise the street is empty."""


def scene_film(name: str, fps: float, actors: str = "") -> Iterator[Frame]:
    """A rendered scene at ``fps``, with more ``actors``."""
    text = (SCENES / f"{name}.toml").read_text("utf-8") + actors
    renderer = Renderer(parse_scene(text))
    clock = SimulatedClock()
    for number in range(int(renderer.scene.duration_s * fps)):
        yield Frame("gate", number, clock.now(), renderer.render(number / fps).pixels)
        clock.sleep(1 / fps)


def clip_film(path: Path, fps: float, seconds: float = 1e9) -> Iterator[Frame]:
    """A clip at ``fps`` or what it has, scaled to the size of a camera's second stream."""
    clip, start, number = cv2.VideoCapture(str(path)), SimulatedClock().now(), 0
    try:
        while clip.grab():
            at_s = clip.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if at_s > seconds:
                return
            if at_s * fps >= number - 0.01:
                _, pixels = clip.retrieve()
                yield Frame("gate", number, start.shifted(round(at_s * 1e6)), cv2.resize(pixels, (640, 360)))
                number += 1
    finally:
        clip.release()


def whole_picture(*rules: RuleSettings) -> RulebookSettings:
    """These rules on a zone ``z`` that is all of the picture."""
    outline = polygon([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
    return RulebookSettings("gate", (ZoneSettings("z", "Z", outline),), rules)
