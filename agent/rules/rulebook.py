"""All rules of one camera: tracks in, judgements out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from agent.clock import Moment, uuid7
from agent.core.event import Event
from agent.core.incident import Slot, SlotKey
from agent.core.polygon import Polygon
from agent.core.track import Track
from agent.core.view import Geometry, View
from agent.rules.casebook import Casebook, NewId
from agent.rules.family import Family
from agent.rules.intrusion import Intrusion
from agent.rules.judgement import Judgement, Scene
from agent.rules.restore import Restored, end_of, restore
from agent.rules.schedule import Schedule
from agent.rules.settings import RulebookSettings, RuleSettings
from agent.rules.shape import Size
from agent.rules.sight import Sight
from agent.rules.stay import Stay
from agent.rules.stopped import StoppedVehicle
from agent.rules.trail import Trails

_FAMILIES: dict[str, Callable[[RuleSettings, Polygon, Schedule, Casebook], Family]] = {
    "stopped_vehicle": StoppedVehicle,
    "parked_vehicle": StoppedVehicle,
    "intrusion": Intrusion,
}
_PLAIN_VIEW = View()
_STORED_SEEN_US = 5_000_000  # a restart may not believe an object missing for longer than it was


class Rulebook:
    """Judges one camera, frame by frame.

    Each judgement must be recorded before the next is asked for: what was told is not told again.

    Args:
        settings: zones and rules of the camera.
        now: the time of this start.
        restored: the camera's slots in the store.
        new_id: makes event and incident ids from wall µs.

    Attributes:
        camera: camera id.
    """

    def __init__(
        self, settings: RulebookSettings, now: Moment, restored: Sequence[Slot] = (), new_id: NewId = uuid7
    ) -> None:
        self.camera = settings.camera
        self._new_id = new_id
        armed = {(rule.rule, rule.zone): rule for rule in settings.rules if rule.armed}
        self._severities = {key: rule.severity for key, rule in armed.items()}
        memory = restore(restored, now, armed)
        self._over = memory.over
        self._families = list(_families(settings, memory, new_id))
        self._stored: dict[SlotKey, Slot] = {slot.key: slot for slot in restored}
        self._sight = Sight()
        self._trails = Trails()
        self._at = now
        self._slots = tuple(stay.slot(now) for stay in self._stays())

    def judge(
        self, at: Moment, tracks: Sequence[Track], width_px: int, height_px: int, view: View = _PLAIN_VIEW
    ) -> Judgement:
        """Take one frame's tracks; a frame that is not later than the last one gives nothing.

        While the view is blind or doubtful nothing is judged, as if no frame came; once it is invalid, everything
        pending is dropped, everything open ends, and nothing begins until it is valid again.

        Args:
            at: when the frame was taken; events happen at this moment.
            tracks: all live tracks of the camera, the unseen included.
            width_px: width of the frame.
            height_px: height of the frame.
            view: what the picture itself says.
        """
        if view.geometry is Geometry.INVALID:
            return self._suspend(at)
        if view.blind or view.geometry is Geometry.DOUBTFUL or not self._sight.look(at.mono_us):
            return Judgement()
        self._at = at
        sight, size = self._sight, Size(width_px, height_px)
        if sight.long_blind:
            self._trails.forget()
        self._trails.follow(tracks, at.mono_us, sight.resumed_us, size)
        scene = Scene(
            at,
            size,
            self._trails.live,
            sight.begun_us,
            sight.resumed_us,
            sight.blind_us,
            sight.long_blind,
            view.unmoved,
        )
        events = [*self._close_leftovers(at), *(event for family in self._families for event in family.judge(scene))]
        return self._report(events)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Everything pending or open, as of the last frame."""
        return self._slots

    def _suspend(self, at: Moment) -> Judgement:
        """Let go of everything; when zones count again, the camera begins to see anew."""
        self._at = at
        self._sight = Sight()
        self._trails.forget()
        return self._report([*self._close_leftovers(at), *(e for family in self._families for e in family.suspend(at))])

    def _stays(self) -> Iterable[Stay]:
        return (stay for family in self._families for stay in family.stays())

    def _close_leftovers(self, at: Moment) -> list[Event]:
        over, self._over = self._over, ()
        return [
            end_of(slot, reason, at, self._new_id, self._severities.get((slot.key.rule, slot.key.zone)))
            for slot, reason in over
        ]

    def _report(self, events: list[Event]) -> Judgement:
        """Compare the rule state with what the store holds."""
        self._slots = tuple(stay.slot(self._at) for stay in self._stays())
        current = {slot.key: slot for slot in self._slots}
        taken = tuple(self._worth_storing(_STORED_SEEN_US))
        if taken:  # one transaction for all that would soon want one of their own
            taken = tuple(self._worth_storing(_STORED_SEEN_US // 2))
        freed = tuple(key for key in self._stored if key not in current)
        for key in freed:
            del self._stored[key]
        self._stored.update((slot.key, slot) for slot in taken)
        return Judgement(tuple(events), taken, freed)

    def _worth_storing(self, seen_us: int) -> Iterator[Slot]:
        return (slot for slot in self._slots if _differs(slot, self._stored.get(slot.key), seen_us))


def _families(settings: RulebookSettings, memory: Restored, new_id: NewId) -> Iterator[Family]:
    outlines = {zone.id: zone.polygon for zone in settings.zones}
    for rule in settings.rules:
        if not rule.armed:
            continue
        stays = [stay for stay in memory.going_on if (stay.key.rule, stay.key.zone) == (rule.rule, rule.zone)]
        casebook = Casebook(settings.camera, rule, new_id, stays)
        schedule = Schedule(rule.schedule, settings.timezone)
        yield _FAMILIES[rule.rule](rule, outlines[rule.zone], schedule, casebook)


def _differs(slot: Slot, stored: Slot | None, seen_us: int) -> bool:
    """Tell whether a restart would miss something if ``stored`` stayed as it is: a sighting ``seen_us`` later, too."""
    if stored is None:
        return True
    told = (slot.incident, slot.phase, slot.rev, slot.boot_id)
    return (
        told != (stored.incident, stored.phase, stored.rev, stored.boot_id)
        or slot.last_seen_mono_us - stored.last_seen_mono_us >= seen_us
    )
