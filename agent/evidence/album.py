"""The pictures of one camera's incidents: taken while the frame is in hand, kept until an event wants them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.core.box import Box
from agent.core.event import Event
from agent.core.frame import Frame
from agent.core.image import Image
from agent.core.incident import Incident, Phase, Slot
from agent.core.polygon import Polygon
from agent.evidence import draw, encode
from agent.evidence.redact import pixelate
from agent.evidence.settings import EvidenceSettings

log = logging.getLogger(__name__)

NOT_MADE = "lost(not made)"
"""What an event says of a picture that could not be drawn or encoded."""

WITHHELD = "withheld(camera moved)"
"""What an event says where the camera may look past its privacy masks, so that no picture is taken."""

_CLOSEUP_MARGIN = 0.25
_BETTER = 1.1  # a candidate replaces the close-up only when it is this much better, so encoding stays rare
_LOOK_BACK_EVERY_US = 2_000_000
_LOOK_BACK_PICTURES = 8  # 16 s: a stay is recognised seconds after it began, and "before" must be older than that
_CLEARLY_BEFORE_US = 500_000


@dataclass(frozen=True, slots=True)
class Shot:
    """An event with the pictures it names.

    Attributes:
        event: refers to those of ``images`` that leave the box.
        images: to be durable before the event is.
    """

    event: Event
    images: tuple[Image, ...]


@dataclass(frozen=True, eq=False, slots=True)
class _Sketch:
    """A picture as it will leave, redacted and drawn, but not encoded: most are thrown away, and encoding is dear."""

    kind: str
    pixels: NDArray[np.uint8]


@dataclass(slots=True)
class _Candidates:
    before: _Sketch | None = None
    closeup: _Sketch | None = None
    worth: float = 0.0


class Album:
    """Candidates in RAM (at most two an incident, and the last 16 s: 3 MB), and the final pictures of an event.

    Nothing here outlives the process: what stood there already at the start has no ``before``, and the event says so.
    """

    def __init__(self, settings: EvidenceSettings, zones: dict[str, Polygon], timezone: str) -> None:
        self._settings = settings
        self._zones = zones
        self._timezone = timezone
        self._candidates: dict[str, _Candidates] = {}
        self._lately: deque[tuple[int, _Sketch]] = deque(maxlen=_LOOK_BACK_PICTURES)
        self._fault = ""

    def keep(self, frame: Frame, taken: Sequence[Slot], live: Sequence[Slot], persons: Sequence[Box]) -> None:
        """Take candidates from a frame; what goes wrong is logged once, and costs pictures only.

        Args:
            frame: borrowed; nothing of it is kept but small copies.
            taken: slots that this frame's judgement newly took or changed.
            live: all slots of the camera; candidates of any other incident are dropped.
            persons: areas to pixelate.
        """
        alive = {slot.incident for slot in live}
        self._candidates = {name: held for name, held in self._candidates.items() if name in alive}
        try:
            self._take(frame, taken, persons)
        except encode.FAULTS as fault:
            if str(fault) != self._fault:
                log.error("camera %s: cannot take pictures from its frames: %s", frame.camera, fault)
            self._fault = str(fault)
        else:
            self._fault = ""

    def shoot(self, frame: Frame, event: Event, persons: Sequence[Box]) -> Shot:
        """Make the pictures of an incident's event: three when it opens, one when it ends, none otherwise.

        A picture that cannot be made never holds back its event, which then says ``lost(not made)``.
        """
        incident = event.incident
        if incident is None or event.kind not in ("incident.open", "incident.end"):
            return Shot(event, ())
        if event.kind == "incident.open":
            images, said = self._opening(frame, incident, persons)
        else:
            images, said = _made([lambda: self._leaving("after", frame, incident, persons)])
        refs = tuple(image.ref for image in images if image.leaves_box)
        told = replace(incident, images=refs, evidence="; ".join(said) or None)
        return Shot(replace(event, incident=told), tuple(images))

    def forget(self) -> None:
        """Drop every candidate: they may show what a mask hides."""
        self._candidates.clear()
        self._lately.clear()

    def portray(self, frame: Frame, event: Event, persons: Sequence[Box]) -> Shot:
        """Give an event of the camera itself the picture that shows its state."""
        images, said = _made([lambda: self._leaving("overview", frame, None, persons)])
        refs = tuple(image.ref for image in images)
        return Shot(replace(event, images=refs, evidence="; ".join(said) or None), tuple(images))

    def withhold(self, event: Event) -> Shot:
        """Give an event without any picture, and let it say so."""
        if event.incident is None:
            return Shot(replace(event, evidence=WITHHELD), ())
        return Shot(replace(event, incident=replace(event.incident, evidence=WITHHELD)), ())

    def _take(self, frame: Frame, taken: Sequence[Slot], persons: Sequence[Box]) -> None:
        for slot in taken:
            if slot.phase is not Phase.PENDING:
                continue
            held = self._candidates.get(slot.incident)
            if held is None:
                held = self._candidates[slot.incident] = _Candidates(before=self._before(slot.since_mono_us))
            self._improve(held, frame, slot, persons)
        self._look_back(frame, persons)

    def _opening(self, frame: Frame, incident: Incident, persons: Sequence[Box]) -> tuple[list[Image], list[str]]:
        held = self._candidates.get(incident.id, _Candidates())
        before = held.before
        ways = [
            lambda: self._leaving("overview", frame, incident, persons),
            lambda: self._encoded(held.closeup or self._closeup(frame, incident.box, persons)),
            lambda: encode.clean("overview", frame.pixels),
        ]
        if before is None:
            images, said = _made(ways)
            return images, ["no before", *said]
        return _made([*ways, lambda: self._encoded(before)])

    def _before(self, since_us: int) -> _Sketch | None:
        """Give the newest picture that is clearly older than the begin of a stay."""
        older = [sketch for taken_us, sketch in self._lately if taken_us <= since_us - _CLEARLY_BEFORE_US]
        return older[-1] if older else None

    def _look_back(self, frame: Frame, persons: Sequence[Box]) -> None:
        now_us = frame.at.mono_us
        if not self._lately or now_us - self._lately[-1][0] >= _LOOK_BACK_EVERY_US:
            self._lately.append((now_us, _Sketch("before", self._overview(frame, persons, None))))

    def _improve(self, held: _Candidates, frame: Frame, slot: Slot, persons: Sequence[Box]) -> None:
        worth = slot.score * slot.box.area
        if worth > held.worth * _BETTER:
            held.closeup = self._closeup(frame, slot.box, persons)
            held.worth = worth

    def _leaving(self, kind: str, frame: Frame, incident: Incident | None, persons: Sequence[Box]) -> Image:
        return self._encoded(_Sketch(kind, self._overview(frame, persons, incident)))

    def _encoded(self, sketch: _Sketch) -> Image:
        return encode.leaving(sketch.kind, sketch.pixels, self._settings)

    def _overview(self, frame: Frame, persons: Sequence[Box], incident: Incident | None) -> NDArray[np.uint8]:
        pixels = encode.narrowed(frame.pixels, self._settings.max_width_px)
        pixels = pixelate(pixels, persons, self._settings.person_blocks)
        if incident is not None:
            if incident.zone in self._zones:
                draw.outline(pixels, self._zones[incident.zone])
            if incident.phase is Phase.OPEN:
                draw.frame_object(pixels, incident.box)
        return draw.with_strip(pixels, frame.camera, frame.at, self._timezone)

    def _closeup(self, frame: Frame, box: Box, persons: Sequence[Box]) -> _Sketch:
        pixels = encode.cropped(pixelate(frame.pixels, persons, self._settings.person_blocks), box, _CLOSEUP_MARGIN)
        return _Sketch("closeup", encode.narrowed(pixels, self._settings.max_width_px).copy())


def _made(ways: Sequence[Callable[[], Image]]) -> tuple[list[Image], list[str]]:
    """Make one picture after the other; with what the event must say of those that cannot be made."""
    images: list[Image] = []
    said: list[str] = []
    for make in ways:
        try:
            images.append(make())
        except encode.FAULTS as fault:
            log.error("a picture cannot be made, its event is recorded without it: %s", fault)
            said = [NOT_MADE]
    return images, said
