"""The river of one camera: frame and detections in, facts and pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.clock import Moment
from agent.core.box import Box
from agent.core.detections import Detections
from agent.core.frame import Frame
from agent.core.incident import Slot, SlotKey
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

    def flow(self, frame: Frame, detections: Detections) -> Catch:
        """Take one frame down the river."""
        tracks = self._tracker.update(detections, frame.at.mono_us)
        self._persons.observe(frame.at.mono_us, detections, tracks)
        judgement = self._rulebook.judge(frame.at, tracks, frame.width, frame.height)
        persons = self._persons.areas
        shots = tuple(self._album.shoot(frame, event, persons) for event in judgement.events)
        self._album.keep(frame, judgement.taken, self._rulebook.slots, persons)
        return Catch(shots, judgement.taken, judgement.freed)

    @property
    def private_areas(self) -> tuple[Box, ...]:
        """What must be pixelated in a preview of the frame that last came by."""
        return self._persons.areas
