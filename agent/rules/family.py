"""What all rule families share: who counts, since when the rule is armed, and the seam to the rulebook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from agent.clock import Moment
from agent.core.event import Event
from agent.rules.judgement import Scene
from agent.rules.schedule import Schedule
from agent.rules.settings import RuleSettings
from agent.rules.shape import Size, longer_side_px
from agent.rules.stay import Stay
from agent.rules.trail import Trail

SEEN_WITHIN_US = 2_000_000
"""An alert opens only on something seen this recently: nobody is called out to an empty place."""

PENDING_GRACE_US = 5_000_000
"""How long a pending stay survives without being detected."""


class Family(Protocol):
    """One rule on one zone, judged frame by frame."""

    def judge(self, scene: Scene) -> list[Event]:
        """Take a frame; say what happened."""
        ...

    def stays(self) -> Iterable[Stay]:
        """Everything pending or open."""
        ...

    def suspend(self, at: Moment) -> list[Event]:
        """End what is open and drop what is pending: the zone no longer lies where it was drawn."""
        ...


class Watchman:
    """Tells whether a rule is armed, and since when; what was there before does not count from before."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._armed_since_us: int | None = None
        self._last_us: int | None = None

    def armed_since(self, scene: Scene) -> int | None:
        """Give the monotonic µs from which on things count, None while the rule rests.

        A rule found armed at the first frame counts from any time: a restored stay began before it.
        """
        first = self._last_us is None
        self._last_us = scene.now_us
        if not self._schedule.armed(scene.at):
            self._armed_since_us = None
        elif self._armed_since_us is None:
            self._armed_since_us = -(2**62) if first else scene.now_us
        return self._armed_since_us


def counts(trail: Trail, rule: RuleSettings) -> bool:
    """Tell whether the rule is about such objects at all."""
    return trail.label in rule.labels


def accepted(trail: Trail, rule: RuleSettings, size: Size) -> bool:
    """Tell whether the object is surely there: its class counts, its median score and its size suffice."""
    return (
        counts(trail, rule)
        and trail.settled
        and trail.score >= rule.min_score
        and longer_side_px(trail.last.box, size) >= rule.min_box_px
    )
