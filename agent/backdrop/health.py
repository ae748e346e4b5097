"""How one camera does: which states its picture is in, since when, and whether its zones still lie where they lay."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from agent.backdrop.edges import Shift
from agent.backdrop.look import Look
from agent.backdrop.memory import Memory
from agent.backdrop.reading import Pulse, Reading
from agent.backdrop.reference import Reference
from agent.backdrop.settings import CameraHealthSettings
from agent.backdrop.signs import SURE_MATCH, Signs, signs_of
from agent.backdrop.steady import Steady
from agent.core.view import Geometry

_GREY, _COLOURED = 0.4, 1.0  # measured: infrared 0.0, bare asphalt by day 1.3, streets 3 and more
_SWITCH_LOOKS = 2
_STRANGE_US = 2_000_000  # a lorry right below the camera hides everything for a second or two
_BACK_S = 2.0
_LIFELESS_S = 2.0  # a stream may repeat a picture now and then, at the very looks that are judged
_BY_BASELINE = ("covered", "blurred")
_ELSEWHERE_S = 20.0  # on top of ``moved_s``: what resembles nothing may be a bus, fog or a lamp that failed


@dataclass(frozen=True, slots=True)
class Change:
    """A state that has begun or ended.

    Attributes:
        state: one of core.ailment.AILMENTS.
        began: True when it has begun.
        since_us: monotonic µs of its first sign, or of the first look without it.
        values: what was measured when it was found.
        reason: how it ended: ``well``, ``returned`` or ``recalibrated``; empty when it began.
    """

    state: str
    began: bool
    since_us: int
    values: dict[str, float]
    reason: str = ""


class Health:
    """Judges the readings of one camera.

    Args:
        settings: thresholds and lengths.
        active: states that are on since before this start.
        references: reference views that were kept.

    Attributes:
        astray: whether the last reading lay elsewhere than the accepted view, though that may pass, or be doubted
            while the light is being switched.
    """

    def __init__(
        self, settings: CameraHealthSettings, active: Collection[str] = (), references: Iterable[Reference] = ()
    ) -> None:
        self._lengths = {
            "moved": (settings.moved_s, settings.returned_s),
            "covered": (settings.covered_s, settings.well_s),
            "blurred": (settings.blurred_s, settings.well_s),
            "frozen": (max(0.0, settings.frozen_s - _LIFELESS_S), settings.well_s),
            "dark": (settings.dark_s, settings.well_s),
            "glare": (settings.glare_s, settings.well_s),
        }
        self._settings = settings
        self._states = {
            state: self._fresh(state, active=state in active) for state in self._lengths if state in settings.states
        }
        self._memory = Memory(references)
        self._pulse = Pulse()
        self._frozen_since_us: int | None = None
        self._infrared: bool | None = None
        self._other_light = 0
        self._guard_until_us = -(2**62)
        self._elsewhere = Steady(_ELSEWHERE_S, _BACK_S)
        self._strange = False
        self.astray = False

    @property
    def active(self) -> frozenset[str]:
        """The states that are on."""
        return frozenset(state for state, steady in self._states.items() if steady.active)

    @property
    def well(self) -> bool:
        """Whether no state is on or under way; a quiet street may look frozen for a while, and is none the worse."""
        return not any(
            steady.active or (steady.beginning and state != "frozen") for state, steady in self._states.items()
        )

    @property
    def geometry(self) -> Geometry:
        """Whether places in the picture may be judged."""
        moved = self._states.get("moved")
        if moved is not None and moved.active:
            return Geometry.INVALID
        doubtful = moved is not None and (moved.beginning or self._strange)
        return Geometry.DOUBTFUL if doubtful else Geometry.VALID

    @property
    def blind(self) -> bool:
        """Whether the picture tells nothing of the street: covered or frozen, and not just about to be well again."""
        covered = self._states.get("covered")
        if covered is not None and covered.active and covered.since_us is None:
            return True
        return "frozen" in self.active and self._frozen_since_us is not None

    def settling(self, now_us: int) -> bool:
        """Tell whether the camera is switching between day and night picture."""
        return now_us < self._guard_until_us

    def watch_pulse(self, look: Look) -> None:
        """Take every look, to know whether the picture lives."""
        beats = self._pulse.beats(look)
        if beats is None or beats:
            self._frozen_since_us = None
        elif self._frozen_since_us is None:
            self._frozen_since_us = look.mono_us

    def judge(self, reading: Reading, hour: int) -> list[Change]:
        """Take about one reading a second; say what has begun or ended.

        Args:
            reading: of the present picture.
            hour: local hour of day, or ANY_HOUR while the clock is not set.
        """
        now_us, infrared = reading.look.mono_us, bool(self._infrared)
        shift = self._memory.shift(reading, hour, infrared=infrared) if "moved" in self._states else None
        lately = None
        if shift is not None and shift.match < SURE_MATCH:
            lately = self._memory.resembles_lately(reading, hour, infrared=infrared)
        ailing = self.active.intersection(_BY_BASELINE)
        usual = self._memory.usual(reading, hour, infrared=infrared, within_h=12 if ailing else 0)
        signs = signs_of(reading, usual, shift, lately, self._settings)
        self.astray = bool(signs.shifted or signs.elsewhere) or _strange_light(signs, shift, lately)
        self._follow_light(reading, signs)
        changes = [
            change
            for state, sign in self._sorted(signs, now_us).items()
            if (change := self._take(state, sign, now_us, signs)) is not None
        ]
        odd = signs.covered or signs.blurred or signs.dark or signs.glare or signs.shifted or signs.elsewhere
        learns = self.well or (usual is None and bool(ailing) and _is_street(shift))
        if learns and not odd and not self.settling(now_us):
            self._memory.learn(reading, hour, infrared=bool(self._infrared))
        return changes

    def recalibrate(self, now_us: int) -> list[Change]:
        """Accept the present view: what was learnt is forgotten, and whatever was held against it is over."""
        self._memory.forget()
        self._elsewhere, self._strange, self.astray = Steady(_ELSEWHERE_S, _BACK_S), False, False
        judged = [state for state in ("moved", *_BY_BASELINE) if state in self._states]
        over = [state for state in judged if self._states[state].active]
        for state in judged:
            self._states[state] = self._fresh(state)
        return [Change(state, False, now_us, {}, "recalibrated") for state in over]

    def take_fresh(self) -> tuple[Reference, ...]:
        """Give reference views to be kept."""
        return self._memory.take_fresh()

    def _fresh(self, state: str, *, active: bool = False) -> Steady:
        return Steady(*self._lengths[state], active=active)

    def _sorted(self, signs: Signs, now_us: int) -> dict[str, bool | None]:
        """Give the sign of every state; while the light is being switched no new one is believed.

        A lens far out of focus is blurred or covered, whichever is told first: one fact for one thing.
        """
        since_us = self._frozen_since_us
        lifeless = since_us is not None and now_us - since_us >= _LIFELESS_S * 1e6
        hidden = signs.dark or signs.glare or signs.covered
        only_soft = "blurred" in self.active and signs.blurred and not signs.gone
        found: dict[str, bool | None] = {
            "moved": self._moved(signs, now_us),
            "covered": None if only_soft else signs.covered,
            "blurred": None if "covered" in self.active else signs.blurred,
            "frozen": None if hidden else lifeless,
            "dark": signs.dark,
            "glare": signs.glare,
        }
        if self.settling(now_us):
            found = {state: None if sign else sign for state, sign in found.items()}
        return found

    def _moved(self, signs: Signs, now_us: int) -> bool | None:
        self._elsewhere.take(now_us, None if self.settling(now_us) else signs.elsewhere)
        since_us = self._elsewhere.since_us
        self._strange = self._elsewhere.beginning and since_us is not None and now_us - since_us > _STRANGE_US
        return True if self._elsewhere.active else signs.shifted

    def _take(self, state: str, sign: bool | None, now_us: int, signs: Signs) -> Change | None:
        steady = self._states.get(state)
        if steady is None:
            return None
        since_us = steady.take(now_us, sign)
        if since_us is None:
            return None
        reason = "" if steady.active else "returned" if state == "moved" else "well"
        return Change(state, steady.active, since_us, signs.values, reason)

    def _follow_light(self, reading: Reading, signs: Signs) -> None:
        """Notice a switch to or from infrared: colour goes or comes while the street's edges stay."""
        infrared = self._infrared
        if reading.colour <= _GREY:
            infrared = True
        elif reading.colour >= _COLOURED:
            infrared = False
        if signs.covered or signs.dark or signs.glare or infrared is self._infrared:
            self._other_light = 0
            return
        self._other_light += 1
        if self._infrared is None or self._other_light >= _SWITCH_LOOKS:
            if self._infrared is not None:
                self._guard_until_us = reading.look.mono_us + round(self._settings.switch_guard_s * 1e6)
            self._infrared, self._other_light = infrared, 0


def _strange_light(signs: Signs, shift: Shift | None, lately: float | None) -> bool:
    """Tell whether a picture resembles no view, and there is none yet of this light that could tell why."""
    shows = not (signs.dark or signs.glare or signs.covered)
    return shows and lately is None and shift is not None and shift.match < SURE_MATCH


def _is_street(shift: Shift | None) -> bool:
    """Tell whether a picture without a baseline may be learnt in spite of a cover that was told before.

    It may where its edges are those of the accepted view, in whatever light, or where no view is left to say.
    """
    return shift is None or shift.match >= SURE_MATCH
