"""A scripted street for the rules: actors with paths, a faulty detector, an obedient clock, a box that restarts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from agent.clock import Moment, SimulatedClock
from agent.core.box import Box
from agent.core.event import Event
from agent.core.incident import Slot, SlotKey
from agent.core.polygon import Polygon, polygon
from agent.core.track import Track
from agent.core.view import Geometry, View
from agent.rules.rulebook import Rulebook
from agent.rules.settings import DEFAULTS, RulebookSettings, RuleSettings, ZoneSettings

WIDTH_PX, HEIGHT_PX = 1280, 720
ZONE = polygon([(0.2, 0.5), (0.95, 0.5), (0.95, 0.95), (0.2, 0.95)])

Path = Callable[[float], Box | None]
"""Where an actor is at a second of the script; None while the detector cannot see it."""


def rule(name: str, **changes: object) -> RuleSettings:
    """A rule with its defaults on the zone ``z``."""
    default = DEFAULTS[name]
    plain = RuleSettings(
        rule=name,
        zone="z",
        dwell_s=default.dwell_s,
        end_confirm_s=default.end_confirm_s,
        reopen_within_s=default.reopen_within_s,
        cooldown_s=default.cooldown_s,
        occlusion_grace_s=default.occlusion_grace_s,
        backdrop_grace_s=default.backdrop_grace_s,
        min_box_px=default.min_box_px,
        min_score=default.min_score,
        labels=default.labels,
        schedule=(),
        severity=default.severity,
    )
    return replace(plain, **changes)


@dataclass(frozen=True)
class Actor:
    """Something on the street; ``id`` may change by the second, as tracks do."""

    label: str
    path: Path
    score: float = 0.8
    id: Callable[[float], int] | None = None


def box_at(x: float, y: float = 0.75, width: float = 0.12, height: float = 0.1) -> Box:
    """A box whose foot stands at ``x``, ``y``."""
    return Box(x - width / 2, y - height, x + width / 2, y)


def stands(x: float, begin: float, end: float, y: float = 0.75) -> Path:
    """Is simply there from ``begin`` to ``end``."""
    return lambda t: box_at(x, y) if begin <= t < end else None


def parks(x: float, enters: float, stops: float, leaves: float, y: float = 0.75) -> Path:
    """Drives in from the left, brakes for the last 3 s, stands at ``x``, and drives off to the right."""
    cruise = (x - 0.0) / (stops - enters - 1.5)

    def path(t: float) -> Box | None:
        if t < enters:
            return None
        if t < stops - 3:
            return box_at(cruise * (t - enters), y)
        if t < stops:
            return box_at(x - cruise / 6 * (stops - t) ** 2, y)
        gone = 0.0 if t < leaves else 0.02 * (t - leaves) ** 2
        return box_at(x + gone, y) if x + gone < 1.05 else None

    return path


def hidden(path: Path, begin: float, end: float) -> Path:
    """The same, but unseen from ``begin`` to ``end``."""
    return lambda t: None if begin <= t < end else path(t)


@dataclass
class Faults:
    """What a real detector and tracker do to good boxes, each time with this probability or spread."""

    misses: float = 0.0
    swaps: float = 0.0
    jitter_px: float = 0.0


@dataclass
class Told:
    """One event and the second of the script in which it was told."""

    t: float
    event: Event

    @property
    def kind(self) -> str:
        return self.event.kind.removeprefix("incident.")


@dataclass
class Street:
    """Runs a script through a rulebook; the store is kept as the judgements say.

    Attributes:
        rules: rules on the zone ``z``.
        actors: who moves.
        fps: frames a second.
        blind: spans of the script in which no frame comes.
        unmoved: whether the picture shows no change at a second of the script, on every place of which nothing is seen.
        geometry: whether places may be judged at a second of the script.
        unseeing: whether the picture tells nothing of the street at a second of the script.
        told: events so far.
        stored: rule state that a restart would find.
    """

    rules: Sequence[RuleSettings]
    actors: Sequence[Actor]
    fps: float = 5.0
    outline: Polygon = ZONE
    blind: Sequence[tuple[float, float]] = ()
    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    unmoved: Callable[[float], bool] = lambda t: False
    geometry: Callable[[float], Geometry] = lambda t: Geometry.VALID
    unseeing: Callable[[float], bool] = lambda t: False
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    told: list[Told] = field(default_factory=list)
    stored: dict[SlotKey, Slot] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.t = 0.0
        self.start_utc_us = self.clock.moment.utc_us
        self._rng = random.Random(self.seed)
        self._ids = {n: n + 1 for n in range(len(self.actors))}
        self._next_id = 1000
        self.start()

    def start(self) -> None:
        """Start the program anew with what is stored."""
        settings = RulebookSettings("cam", (ZoneSettings("z", "Z", self.outline),), tuple(self.rules))
        self.rulebook = Rulebook(settings, self.clock.now(), tuple(self.stored.values()))

    def restart(self, off_s: float) -> None:
        """Stop the program for ``off_s`` within one boot."""
        self._pass(off_s)
        self.start()

    def reboot(self, off_s: float, boot: str = "b" * 32) -> None:
        """Lose power for ``off_s``."""
        self.clock.reboot(round(off_s * 1e6), boot)
        self.t += off_s
        self.start()

    def play(self, until: float) -> Street:
        """Run the script up to the second ``until``."""
        while self.t < until - 1e-9:
            if not any(begin <= self.t < end for begin, end in self.blind):
                self._frame(self.clock.now())
            self._pass(1 / self.fps)
        return self

    def _pass(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.t += seconds

    def _frame(self, at: Moment) -> None:
        names = frozenset(slot.incident for slot in self.rulebook.slots) if self.unmoved(self.t) else frozenset()
        view = View(self.geometry(self.t), unmoved=names, blind=self.unseeing(self.t))
        judgement = self.rulebook.judge(at, self._tracks(at), WIDTH_PX, HEIGHT_PX, view)
        self.told += [Told(self.t, event) for event in judgement.events]
        for told in judgement.events:
            incident = told.incident
            assert incident is not None
            assert incident.dwell_s >= 0
            assert incident.begin_us <= (incident.alert_us if incident.end_us is None else incident.end_us)
        assert not {slot.key for slot in judgement.taken} & set(judgement.freed)
        for key in judgement.freed:
            del self.stored[key]
        self.stored.update((slot.key, slot) for slot in judgement.taken)
        assert set(self.stored) == {slot.key for slot in self.rulebook.slots}

    def _tracks(self, at: Moment) -> list[Track]:
        self._swap_ids()
        tracks = []
        for n, actor in enumerate(self.actors):
            box = actor.path(self.t)
            if box is None or self._rng.random() < self.faults.misses:
                continue
            number = actor.id(self.t) if actor.id else self._ids[n]
            tracks.append(
                Track(number, actor.label, actor.score, self._shaken(box), True, at.mono_us, at.mono_us, samples=9)
            )
        return tracks

    def _swap_ids(self) -> None:
        for n in self._ids:
            if self._rng.random() < self.faults.swaps:
                other = self._rng.choice(list(self._ids))
                if other == n:
                    self._ids[n] = self._next_id
                    self._next_id += 1
                else:
                    self._ids[n], self._ids[other] = self._ids[other], self._ids[n]

    def _shaken(self, box: Box) -> Box:
        if not self.faults.jitter_px:
            return box
        x, y = self.faults.jitter_px / WIDTH_PX, self.faults.jitter_px / HEIGHT_PX
        return Box(*(side + self._rng.gauss(0, (x, y)[n % 2]) for n, side in enumerate(box)))

    # What the tests ask

    def kinds(self) -> list[str]:
        """Kinds of all events, in order, without ``incident.``."""
        return [told.kind for told in self.told]

    def times(self, kind: str) -> list[float]:
        """Seconds of the script at which events of this kind were told."""
        return [told.t for told in self.told if told.kind == kind]

    def incidents(self, kind: str) -> list:
        """The incidents as events of this kind tell them."""
        return [told.event.incident for told in self.told if told.kind == kind]

    def second(self, utc_us: int) -> float:
        """Second of the script of a wall time, while the clock was never stepped."""
        return (utc_us - self.start_utc_us) / 1e6
