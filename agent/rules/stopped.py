"""``stopped_vehicle`` and ``parked_vehicle``: a vehicle that stands in a zone for longer than the zone allows.

The two differ only in their defaults: a camera cannot see whether the driver means to stop or to park, so the zone
says what is forbidden on it.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.clock import Moment
from agent.core.classes import same_kind
from agent.core.event import Event
from agent.core.polygon import Polygon
from agent.rules.casebook import REOPEN_IOU, SAME_PLACE_IOU, Casebook, Sighting
from agent.rules.family import PENDING_GRACE_US, SEEN_WITHIN_US, Watchman, accepted
from agent.rules.inside import Area
from agent.rules.judgement import Scene
from agent.rules.schedule import Schedule
from agent.rules.settings import RuleSettings
from agent.rules.spot import Grace, Spot
from agent.rules.stay import End, Stay
from agent.rules.still import WINDOW_US, Rest
from agent.rules.trail import Trail

_OPEN_GRACE_US = 30_000_000  # rain or headlights hide a parked car from the detector for seconds, not for half a minute
_PREEXISTING_US = 10_000_000


class StoppedVehicle:
    """One such rule on one zone; every vehicle has its own slot."""

    def __init__(self, rule: RuleSettings, outline: Polygon, schedule: Schedule, casebook: Casebook) -> None:
        self._rule = rule
        self._area = Area(outline)
        self._watchman = Watchman(schedule)
        self._casebook = casebook
        self._grace = Grace(round(rule.occlusion_grace_s * 1e6), round(rule.backdrop_grace_s * 1e6))
        self._open_grace_us = max(_OPEN_GRACE_US, round(rule.end_confirm_s * 1e6))
        self._spots = {number: Spot(stay, self._grace) for number, stay in casebook.stays.items()}

    def stays(self) -> Iterable[Stay]:
        """Everything pending or open."""
        return self._casebook.stays.values()

    def judge(self, scene: Scene) -> list[Event]:
        """Take a frame; say what happened."""
        armed_since_us = self._watchman.armed_since(scene)
        if scene.long_blind:
            self._wake(scene)
        if armed_since_us is None:
            self._close_all(scene.at, "schedule")
        else:
            free = self._observe(scene)
            for spot in self._ranked():
                self._judge_spot(spot, scene)
            for trail in free:
                self._consider(trail, scene, armed_since_us)
            self._open_due(scene)
        return self._casebook.collect(scene.now_us)

    def _ranked(self) -> list[Spot]:
        """Give the spots, those whose vehicle is known first, lest another's search takes it."""
        return sorted(self._spots.values(), key=lambda spot: (spot.trail is None, spot.stay.key.slot))

    def _wake(self, scene: Scene) -> None:
        for spot in self._ranked():
            if spot.stay.is_open:
                spot.stay.blind_us += scene.blind_us
            else:
                self._drop(spot)

    def suspend(self, at: Moment) -> list[Event]:
        """Let go of every place, as the camera was moved; say what ended."""
        self._close_all(at, "camera_moved")
        self._casebook.forget_places()
        return self._casebook.collect(at.mono_us)

    def _close_all(self, at: Moment, reason: str) -> None:
        for spot in self._ranked():
            if spot.left_us is not None:
                self._finish(spot, at, End(spot.left_us, "left"))
            else:
                self._finish(spot, at, End(spot.there_us, reason))

    def _observe(self, scene: Scene) -> list[Trail]:
        """Let every spot find its vehicle; return the trails that stand nowhere known."""
        free = list(scene.trails)
        for spot in self._ranked():
            if spot.left_us is None:
                spot.observe(scene, free)
                if spot.trail is not None and accepted(spot.trail, self._rule, scene.size):
                    spot.accepted_us = spot.stay.last_seen_us
        return free

    def _judge_spot(self, spot: Spot, scene: Scene) -> None:
        stay = spot.stay
        if spot.check_departure(scene) and not stay.is_open:
            self._drop(spot)
        elif spot.left_us is not None:
            if self._gone_for_good(spot, scene, scene.unseen_us(spot.left_us)):
                self._finish(spot, scene.at, End(spot.left_us, "left"))
        elif spot.missing_us(scene) > (self._open_grace_us if stay.is_open else PENDING_GRACE_US):
            self._finish(spot, scene.at, End(spot.there_us, "restart" if stay.restored else "lost"))

    def _open_due(self, scene: Scene) -> None:
        for spot in self._ranked():
            if not spot.stay.is_open and self._due(spot, scene.now_us):
                self._casebook.open(spot.stay, scene.at)

    def _gone_for_good(self, spot: Spot, scene: Scene, empty_us: int) -> bool:
        """Tell whether the end may be told: not while somebody on the place may turn out to continue the stay."""
        confirmed = empty_us >= self._rule.end_confirm_s * 1e6
        undecided = empty_us < self._rule.reopen_within_s * 1e6 + WINDOW_US and spot.contested(scene)
        return confirmed and not (undecided and self._rule.reopen_within_s > 0)

    def _due(self, spot: Spot, now_us: int) -> bool:
        stay = spot.stay
        return (
            stay.dwell_us(now_us) > self._rule.dwell_s * 1e6
            and spot.accepted_us is not None
            and now_us - spot.accepted_us <= SEEN_WITHIN_US
            and not spot.off_place
        )

    def _consider(self, trail: Trail, scene: Scene, armed_since_us: int) -> None:
        """Begin or continue a stay where an object has come to rest in the zone."""
        rest = trail.still.rest
        if rest is None or trail.last.mono_us != scene.now_us or not accepted(trail, self._rule, scene.size):
            return
        if not self._area.holds(rest.box):
            return
        since_us = max(rest.since_us, armed_since_us)
        seen = Sighting(since_us, scene.now_us, trail.label, trail.score, rest.box)
        if not self._occupied(trail, seen, scene) and not self._reopened(trail, seen, scene):
            preexisting = _preexisting(trail, rest, scene.begun_us)
            number = self._casebook.number_for(trail.label, rest.box)
            stay = self._casebook.begin(number, seen, scene.at, preexisting=preexisting)
            spot = self._spots[number] = Spot(stay, self._grace, trail)
            spot.accepted_us = scene.now_us

    def _occupied(self, trail: Trail, seen: Sighting, scene: Scene) -> bool:
        """Tell whether the place already has its stay; one that is being left is taken up again or ended now."""
        for spot in self._ranked():
            overlap = spot.stay.box.iou(seen.box) if same_kind(spot.stay.label, seen.label) else 0.0
            if overlap < SAME_PLACE_IOU:
                continue
            if spot.left_us is None:
                return True  # one object seen twice, or one hidden behind another: one stay
            if overlap >= REOPEN_IOU and self._casebook.continues(spot.left_us, seen.since_us):
                spot.stay.excluded_us += max(0, seen.since_us - spot.left_us)
                spot.tie(trail, scene.now_us)
                return True
            self._finish(spot, scene.at, End(spot.left_us, "left"))
        return False

    def _reopened(self, trail: Trail, seen: Sighting, scene: Scene) -> bool:
        """Tell whether an ended incident goes on here, and let it."""
        for former in self._casebook.formers_near(seen.label, seen.box, REOPEN_IOU):
            if self._casebook.continues(former.end_us, seen.since_us) and former.stay.key.slot not in self._spots:
                stay = self._casebook.reopen(former, seen, scene.at)
                self._spots[stay.key.slot] = Spot(stay, self._grace, trail)
                return True
        return False

    def _finish(self, spot: Spot, at: Moment, end: End) -> None:
        del self._spots[spot.stay.key.slot]
        self._casebook.end(spot.stay, at, end)

    def _drop(self, spot: Spot) -> None:
        del self._spots[spot.stay.key.slot]
        self._casebook.drop(spot.stay)


def _preexisting(trail: Trail, rest: Rest, begun_us: int) -> bool:
    """Tell whether it stood there when the camera began to see: it did within 10 s, and nobody saw it arrive."""
    return rest.since_us - begun_us <= _PREEXISTING_US and trail.first.box.iou(rest.box) >= SAME_PLACE_IOU
