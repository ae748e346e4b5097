"""The river of one camera: frame and detections in, facts and pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.clock import Moment
from agent.core.box import Box
from agent.core.detections import Detections
from agent.core.frame import Frame
from agent.core.incident import Slot, SlotKey
from agent.core.track import Track
from agent.evidence.album import Album, Shot
from agent.evidence.redact import PersonMemory
from agent.evidence.settings import EvidenceSettings
from agent.rules.rulebook import Rulebook
from agent.rules.settings import RulebookSettings
from agent.track.settings import TrackSettings
from agent.track.tracker import Tracker


@dataclass(frozen=True)
class Catch:
    """What one frame gave; recorded in one transaction, or tried again until it is.

    Attributes:
        shots: events with their pictures, in order.
        taken: rule state that is new or changed.
        freed: rule state that is gone.
    """

    shots: tuple[Shot, ...]
    taken: tuple[Slot, ...]
    freed: tuple[SlotKey, ...]

    def __bool__(self) -> bool:
        return bool(self.shots or self.taken or self.freed)


class River:
    """Tracks, rules and pictures of one camera."""

    def __init__(
        self,
        rulebook: RulebookSettings,
        track: TrackSettings,
        evidence: EvidenceSettings,
        labels: tuple[str, ...],
        restored: tuple[Sequence[Slot], Moment],
    ) -> None:
        slots, now = restored
        self._tracker = Tracker(track, labels)
        self._rulebook = Rulebook(rulebook, now, slots)
        self._persons = PersonMemory(evidence, labels)
        zones = {zone.id: zone.polygon for zone in rulebook.zones}
        self._album = Album(evidence, zones, rulebook.timezone)
        self._found = Detections.none()
        self._areas: tuple[Box, ...] = ()
        self._at_us = now.mono_us

    def flow(self, frame: Frame, detections: Detections) -> Catch:
        """Take one frame down the river, with what the network found in it."""
        self._found = detections
        return self._carry(frame, self._tracker.update(detections, frame.at.mono_us))

    def hold(self, frame: Frame) -> Catch:
        """Take a frame down the river that shows what the last one showed; only while ``calm``."""
        return self._carry(frame, self._tracker.hold(frame.at.mono_us))

    @property
    def calm(self) -> bool:
        """Whether the last frame left nothing in doubt: all that is followed or suspected was seen in it, standing."""
        return self._tracker.calm and all(slot.last_seen_mono_us == self._at_us for slot in self._rulebook.slots)

    def _carry(self, frame: Frame, tracks: Sequence[Track]) -> Catch:
        self._at_us = frame.at.mono_us
        self._persons.observe(frame.at.mono_us, self._found, tracks)
        judgement = self._rulebook.judge(frame.at, tracks, frame.width, frame.height)
        persons = self._areas = self._persons.areas
        shots = tuple(self._album.shoot(frame, event, persons) for event in judgement.events)
        self._album.keep(frame, judgement.taken, self._rulebook.slots, persons)
        return Catch(shots, judgement.taken, judgement.freed)

    @property
    def private_areas(self) -> tuple[Box, ...]:
        """What must be pixelated in a preview of the frame that last came by."""
        return self._areas
