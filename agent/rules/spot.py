"""A place where a vehicle stands: who stands there, whether it is still seen, covered, or driving off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.core.classes import same_kind
from agent.rules.casebook import SAME_PLACE_IOU
from agent.rules.judgement import Scene
from agent.rules.shape import Size, shift
from agent.rules.stay import Stay
from agent.rules.still import MOVED_FOR_US, MOVED_SHIFT
from agent.rules.trail import Trail

_LATELY_US = 1_000_000  # a detector misses one frame in ten, seldom a whole second
_SETTLE_US = 1_000_000  # a car that drives past in front of the place overlaps it for a moment only
_KEPT_IOU = 0.25  # what stands here stays recognised while a bus hides half of it
_COVERED = 0.5
_DRIVEN_US = 300_000  # two samples apart: one wild box is no departure


@dataclass(frozen=True, slots=True)
class Grace:
    """How long a place is believed to be taken without a detection.

    Attributes:
        covered_us: while something else covers it.
        unmoved_us: while the picture shows no change there.
    """

    covered_us: int
    unmoved_us: int


class Spot:
    """One stay of a standing object, tied to the trail of whatever stands there now.

    Args:
        stay: the rule state that a restart keeps.
        grace: how long the place may be covered, or its object undetected, without counting as empty.
        trail: who stands there, if known.

    Attributes:
        stay: the rule state that a restart keeps.
        trail: who stands there; None while nobody is recognised.
        accepted_us: when the object was last on its place and passed the rule's thresholds.
        left_us: when it began to leave, once it was seen leaving; None otherwise.
        there_us: when it was last known to stand there, detected or not.
    """

    def __init__(self, stay: Stay, grace: Grace, trail: Trail | None = None) -> None:
        self.stay = stay
        self.trail = trail
        self.accepted_us: int | None = None
        self.left_us: int | None = None
        self._grace = grace
        self._off_since_us: int | None = None
        self._off_last_us = 0
        self._moved_us = 0
        self._covered_us = self.there_us = stay.last_seen_us

    def observe(self, scene: Scene, free: list[Trail]) -> None:
        """Find the object in a frame; the trail that stands here is taken out of ``free``."""
        if self.trail is not None and self.trail not in scene.trails:
            self.trail = None
        on_place = self.trail is not None and self._on_place(self.trail, scene.size)
        if not on_place and (heir := self._heir(free, scene)) is not None:
            self.trail, on_place = heir, self._on_place(heir, scene.size)
        if self.trail in free:
            free.remove(self.trail)
        if self.trail is not None and self.trail.last.mono_us == scene.now_us:
            self._see(self.trail, scene, on_place=on_place)
        self._note_cover(scene)
        self._note_unmoved(scene)

    def tie(self, trail: Trail, now_us: int) -> None:
        """Let ``trail`` stand here from now on."""
        self.trail = trail
        self.left_us = self._off_since_us = None
        self.stay.see(now_us)

    def check_departure(self, scene: Scene) -> bool:
        """Tell whether the object is now known to have driven off; ``left_us`` says since when.

        It has if it was more than a quarter of its diagonal off for 2 s, and nothing else stands on or before the
        place: otherwise a vehicle that passed in front may have taken its track along.
        """
        if self.left_us is not None or self._off_since_us is None:
            return False
        gone = scene.now_us - self._off_since_us >= MOVED_FOR_US
        driven = self._off_last_us - self._off_since_us >= _DRIVEN_US
        if not gone or not driven or self._covered(scene, _LATELY_US):
            return False
        self.left_us = self._moved_us
        self.stay.last_seen_us = self.left_us
        if self.trail is not None:
            self.trail.still.forget()
            self.trail = None
        return True

    def contested(self, scene: Scene) -> bool:
        """Tell whether anything of its kind but the object itself was on the place just now."""
        return any(
            trail is not self.trail
            and scene.now_us - trail.last.mono_us <= _LATELY_US
            and self._overlaps(trail) >= SAME_PLACE_IOU
            for trail in scene.touching(self.stay.box)
        )

    def missing_us(self, scene: Scene) -> int:
        """How long the object has been missing, neither covered nor made out otherwise, while the camera could see."""
        return scene.unseen_us(max(self.there_us, self._covered_us))

    @property
    def off_place(self) -> bool:
        """Whether the object was last seen away from its place, though it may yet come back."""
        return self._off_since_us is not None

    def _see(self, trail: Trail, scene: Scene, *, on_place: bool) -> None:
        stay = self.stay
        if on_place:
            stay.see(scene.now_us)
            stay.label, stay.score = trail.label, trail.score
            self._off_since_us = None
        elif shift(trail.last.box, stay.box, scene.size) > MOVED_SHIFT:
            if self._off_since_us is None:
                self._off_since_us = scene.now_us
                moved_us = trail.moved_off(stay.box, stay.since_us, scene.size)
                self._moved_us = stay.last_seen_us if moved_us is None else moved_us
            self._off_last_us = scene.now_us

    def _on_place(self, trail: Trail, size: Size) -> bool:
        return self._overlaps(trail) >= _KEPT_IOU and shift(trail.last.box, self.stay.box, size) <= MOVED_SHIFT

    def _overlaps(self, trail: Trail) -> float:
        return trail.last.box.iou(self.stay.box) if same_kind(trail.label, self.stay.label) else 0.0

    def _heir(self, free: Iterable[Trail], scene: Scene) -> Trail | None:
        """Who has stood here for a second without being known as the one who stands here."""
        here = [trail for trail in free if trail.last.mono_us == scene.now_us and self._settled(trail, scene)]
        return max(here, key=self._overlaps, default=None)

    def _settled(self, trail: Trail, scene: Scene) -> bool:
        if trail is self.trail or not trail.settled or self._overlaps(trail) < SAME_PLACE_IOU:
            return False
        lately = trail.since(scene.now_us - _SETTLE_US)
        return bool(lately) and all(
            sample.box.iou(self.stay.box) >= SAME_PLACE_IOU
            and shift(sample.box, trail.last.box, scene.size) <= MOVED_SHIFT
            for sample in lately
        )

    def _note_unmoved(self, scene: Scene) -> None:
        self.there_us = max(self.there_us, self.stay.last_seen_us)
        undetected_us = scene.unseen_us(self.stay.last_seen_us)
        if self.stay.incident in scene.unmoved and undetected_us <= self._grace.unmoved_us:
            self.there_us = scene.now_us

    def _note_cover(self, scene: Scene) -> None:
        if scene.unseen_us(self.there_us) <= self._grace.covered_us and self._covered(scene, 0):
            self._covered_us = scene.now_us

    def _covered(self, scene: Scene, within_us: int) -> bool:
        """Tell whether anything but the object itself covered half of the place within the last ``within_us``."""
        return any(
            trail is not self.trail
            and scene.now_us - trail.last.mono_us <= within_us
            and self.stay.box.covered_by(trail.last.box) >= _COVERED
            for trail in scene.touching(self.stay.box)
        )
