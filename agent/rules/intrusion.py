"""``intrusion``: somebody in a zone at a time when nobody should be; one incident a zone, however many come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from agent.clock import Moment
from agent.core.event import Event
from agent.core.polygon import Polygon
from agent.rules.casebook import Casebook, Sighting
from agent.rules.family import PENDING_GRACE_US, SEEN_WITHIN_US, Watchman, accepted, counts
from agent.rules.inside import LEAVE_US, Area, Inside
from agent.rules.judgement import Scene
from agent.rules.schedule import Schedule
from agent.rules.settings import RuleSettings
from agent.rules.stay import End, Stay
from agent.rules.trail import Trail

_ZONE = 0  # the zone itself is the slot
_FRAMES = 5
_FRAMES_OCCUPIED = 3
_PREEXISTING_US = 1_000_000  # people walk in; only who is there in the first second was there before


class Intrusion:
    """One such rule on one zone."""

    def __init__(self, rule: RuleSettings, outline: Polygon, schedule: Schedule, casebook: Casebook) -> None:
        self._rule = rule
        self._area = Area(outline)
        self._watchman = Watchman(schedule)
        self._casebook = casebook
        self._insides: dict[int, Inside] = {}
        self._lately: deque[bool] = deque(maxlen=_FRAMES)

    def stays(self) -> Iterable[Stay]:
        """Everything pending or open."""
        return self._casebook.stays.values()

    def judge(self, scene: Scene) -> list[Event]:
        """Take a frame; say what happened."""
        armed_since_us = self._watchman.armed_since(scene)
        if scene.long_blind:
            self._wake(scene)
        if armed_since_us is None:
            self._rest(scene)
        else:
            anyone_left = self._look(scene)
            present = self._present(scene)
            stay = self._casebook.stays.get(_ZONE) or self._consider(present, scene, armed_since_us)
            if stay is not None:
                self._judge_stay(stay, present, scene, anyone_left=anyone_left)
        return self._casebook.collect(scene.now_us)

    def suspend(self, at: Moment) -> list[Event]:
        """Let go of the zone, as the camera was moved; say what ended."""
        self._insides.clear()
        self._lately.clear()
        for stay in list(self.stays()):
            self._casebook.end(stay, at, End(stay.last_seen_us, "camera_moved"))
        self._casebook.forget_places()
        return self._casebook.collect(at.mono_us)

    def _wake(self, scene: Scene) -> None:
        self._insides.clear()
        for stay in list(self.stays()):
            if stay.is_open:
                stay.blind_us += scene.blind_us
            else:
                self._casebook.drop(stay)

    def _rest(self, scene: Scene) -> None:
        self._insides.clear()
        self._lately.clear()
        for stay in list(self.stays()):
            gone = scene.unseen_us(stay.last_seen_us) >= LEAVE_US
            self._casebook.end(stay, scene.at, End(stay.last_seen_us, "left" if gone else "schedule"))

    def _look(self, scene: Scene) -> bool:
        """Follow everybody in or near the zone; tell whether somebody was just seen to have left it."""
        live = {trail.number for trail in scene.trails}
        self._insides = {number: inside for number, inside in self._insides.items() if number in live}
        left = occupied = False
        for trail in scene.trails:
            if not counts(trail, self._rule) or trail.last.mono_us != scene.now_us:
                continue
            inside = self._insides.setdefault(trail.number, Inside(self._area))
            before = inside.entered
            inside.sample(scene.now_us, trail.last.box, scene.size)
            left |= before and not inside.entered
            occupied |= inside.last_us == scene.now_us and accepted(trail, self._rule, scene.size)
        self._lately.append(occupied)
        return left

    def _present(self, scene: Scene) -> list[Trail]:
        """Who is surely in the zone in this very frame."""
        return [
            trail
            for trail in scene.trails
            if (inside := self._insides.get(trail.number)) is not None
            and inside.entered
            and inside.last_us == scene.now_us
            and accepted(trail, self._rule, scene.size)
        ]

    def _consider(self, present: list[Trail], scene: Scene, armed_since_us: int) -> Stay | None:
        """Begin or continue a stay if anybody is present."""
        if not present:
            return None
        begins = [self._insides[trail.number].since_us for trail in present]
        since_us = max(min(begin for begin in begins if begin is not None), armed_since_us)
        seen = _sighting(since_us, present, scene)
        former = self._casebook.former_at(_ZONE)
        if former is not None and self._casebook.continues(former.end_us, since_us):
            return self._casebook.reopen(former, seen, scene.at)
        preexisting = since_us - scene.begun_us <= _PREEXISTING_US
        return self._casebook.begin(_ZONE, seen, scene.at, preexisting=preexisting)

    def _judge_stay(self, stay: Stay, present: list[Trail], scene: Scene, *, anyone_left: bool) -> None:
        if present:
            seen = _sighting(stay.since_us, present, scene)
            stay.see(scene.now_us)
            stay.label, stay.score, stay.box = seen.label, seen.score, seen.box
            stay.count = max(stay.count, seen.count)
        missing_us = scene.unseen_us(stay.last_seen_us)
        if stay.is_open:
            if missing_us >= max(self._rule.end_confirm_s * 1e6, LEAVE_US):
                self._insides.clear()  # whoever comes now begins his own stay, though he stand where another stood
                reason = "restart" if stay.restored else "left"
                self._casebook.end(stay, scene.at, End(stay.last_seen_us, reason))
        elif missing_us > PENDING_GRACE_US or (anyone_left and not self._anyone_inside()):
            self._casebook.drop(stay)
        elif self._due(stay, scene.now_us):
            self._casebook.open(stay, scene.at)

    def _anyone_inside(self) -> bool:
        return any(inside.entered for inside in self._insides.values())

    def _due(self, stay: Stay, now_us: int) -> bool:
        return (
            stay.dwell_us(now_us) > self._rule.dwell_s * 1e6
            and sum(self._lately) >= _FRAMES_OCCUPIED
            and now_us - stay.last_seen_us <= SEEN_WITHIN_US
        )


def _sighting(since_us: int, present: list[Trail], scene: Scene) -> Sighting:
    """Tell of everybody present by the one who is surest."""
    surest = max(present, key=lambda trail: (trail.score, -trail.number))
    return Sighting(since_us, scene.now_us, surest.label, surest.score, surest.last.box, len(present))
