"""The river of one camera: frame and detections in, facts and pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.backdrop.backdrop import Backdrop
from agent.backdrop.reference import Reference
from agent.clock import Moment, uuid7
from agent.core.ailment import AILMENTS, Ailment
from agent.core.box import Box
from agent.core.detections import Detections
from agent.core.event import Event, Json
from agent.core.frame import Frame
from agent.core.incident import Slot, SlotKey
from agent.core.track import Track
from agent.core.view import Place
from agent.evidence.album import Album, Shot
from agent.evidence.redact import PersonMemory
from agent.evidence.settings import EvidenceSettings
from agent.rules.judgement import Judgement
from agent.rules.rulebook import Rulebook
from agent.rules.settings import RulebookSettings
from agent.track.settings import TrackSettings
from agent.track.tracker import Tracker
from agent.watch.complaints import Complaints, Told

_BY_CHARS = 100
_WHOLE_PICTURE = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Catch:
    """What one frame gave; recorded in one transaction, or tried again until it is.

    Attributes:
        shots: events with their pictures, in order.
        taken: rule state that is new or changed.
        freed: rule state that is gone.
        ailing: states of the camera that have begun.
        cured: states of the camera that have ended.
        views: reference views to be kept; no fact, and no reason to wait.
    """

    shots: tuple[Shot, ...]
    taken: tuple[Slot, ...]
    freed: tuple[SlotKey, ...]
    ailing: tuple[Ailment, ...] = ()
    cured: tuple[Ailment, ...] = ()
    views: tuple[Reference, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.shots or self.taken or self.freed or self.ailing or self.cured)


@dataclass(frozen=True)
class Eye:
    """What looks at a camera's picture itself.

    Attributes:
        backdrop: health, places, what stands there.
        complaints: what HQ was told of its health.
        masked: whether the camera has privacy masks, which a moved camera looks past.
    """

    backdrop: Backdrop
    complaints: Complaints
    masked: bool


class River:
    """Tracks, rules, health and pictures of one camera."""

    def __init__(
        self,
        rulebook: RulebookSettings,
        track: TrackSettings,
        evidence: EvidenceSettings,
        labels: tuple[str, ...],
        restored: tuple[Sequence[Slot], Moment],
        eye: Eye,
    ) -> None:
        slots, now = restored
        self._eye = eye
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

    def recalibrate(self, at: Moment, ask: str, by: str) -> Catch:
        """Accept what the camera shows as its view from now on, because a person (``by``) says so by ``ask``."""
        told = self._eye.complaints.tell(self._eye.backdrop.recalibrate(at), at)
        detail: dict[str, Json] = {"camera": self._rulebook.camera, "re": ask, "by": by[:_BY_CHARS]}
        event = Event(uuid7(at.utc_us), "camera.recalibrated", at, detail=detail)
        shots = tuple(Shot(event, ()) for event in (event, *told.events))
        return _catch(told, shots, Judgement())

    def _carry(self, frame: Frame, tracks: Sequence[Track]) -> Catch:
        self._persons.observe(frame.at.mono_us, self._found, tracks)
        seen = self._eye.backdrop.look(frame, _explained(self._found, tracks), self._places())
        told = self._eye.complaints.tell(seen.changes, frame.at)
        judgement = self._rulebook.judge(frame.at, tracks, frame.width, frame.height, seen.view)
        self._at_us = frame.at.mono_us
        return _catch(told, self._pictured(frame, told, judgement), judgement, seen.references)

    def _pictured(self, frame: Frame, told: Told, judgement: Judgement) -> tuple[Shot, ...]:
        """Give every event of a frame its pictures: none where the camera may look past its masks."""
        if self._looks_past_masks:
            self._album.forget()
            shown = [self._album.withhold(event) for event in (*told.events, *judgement.events)]
        else:
            persons = self._areas = self._persons.areas
            shown = [self._album.portray(frame, event, persons) for event in told.events]
            shown += [self._album.shoot(frame, event, persons) for event in judgement.events]
            self._album.keep(frame, judgement.taken, self._rulebook.slots, persons)
        return tuple(shown)

    @property
    def private_areas(self) -> tuple[Box, ...]:
        """What must be pixelated in a preview of the frame that last came by."""
        return (_WHOLE_PICTURE,) if self._looks_past_masks else self._areas

    @property
    def states(self) -> tuple[str, ...]:
        """What is wrong with the camera's picture, the most serious first."""
        return tuple(state for state in AILMENTS if state in self._eye.backdrop.states)

    @property
    def _looks_past_masks(self) -> bool:
        """Whether the picture may show what a mask is to hide: the masks stayed, and the camera has turned."""
        return self._eye.masked and self._eye.backdrop.past_masks

    def _places(self) -> list[Place]:
        """Ask of every stay; its object is seen if it was in the frame before this one."""
        return [Place(slot.incident, slot.box, slot.last_seen_mono_us >= self._at_us) for slot in self._rulebook.slots]


def _explained(detections: Detections, tracks: Sequence[Track]) -> list[Box]:
    return [Box(*row) for row in detections.boxes.tolist()] + [track.box for track in tracks]


def _catch(told: Told, shots: tuple[Shot, ...], judgement: Judgement, views: tuple[Reference, ...] = ()) -> Catch:
    return Catch(shots, judgement.taken, judgement.freed, told.ailing, told.cured, views)
