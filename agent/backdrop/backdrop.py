"""One camera's backdrop: frames in, judgements out. Pure: no file, no clock of its own, no detector."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from agent.backdrop.health import Change, Health
from agent.backdrop.look import Lens, Look
from agent.backdrop.places import Places
from agent.backdrop.reading import read
from agent.backdrop.reference import ANY_HOUR, Reference
from agent.backdrop.settings import BackdropSettings
from agent.backdrop.still_life import StillLife
from agent.clock import ClockState, Moment
from agent.core.box import Box
from agent.core.frame import Frame
from agent.core.view import Geometry, Place, View

_LOOK_EVERY_US = 190_000  # five looks a second, of a camera that gives five frames every one
_READ_EVERY_US = 950_000
_STILL_LIFE_EVERY_US = 450_000


@dataclass(frozen=True)
class Seen:
    """What one frame gave.

    Attributes:
        view: for the rules.
        changes: states of the camera that have begun or ended.
        references: reference views to be kept on disk.
    """

    view: View
    changes: tuple[Change, ...] = ()
    references: tuple[Reference, ...] = ()


class Backdrop:
    """Looks at the frames of one camera, a few times a second.

    Args:
        settings: of the camera.
        active: states that HQ was told of before this start and that have not ended.
        references: reference views that were kept.
    """

    def __init__(
        self, settings: BackdropSettings, active: Collection[str] = (), references: Iterable[Reference] = ()
    ) -> None:
        self._settings = settings
        self._zone = ZoneInfo(settings.timezone)
        self._lens = Lens(settings.masks)
        self._health = Health(settings.health, active, references)
        self._places = Places()
        self._still_life = StillLife(settings)
        self._due_us = {"look": -(2**62), "read": -(2**62), "still": -(2**62)}
        self._unmoved: frozenset[str] = frozenset()

    @property
    def states(self) -> frozenset[str]:
        """The states that the camera is in."""
        return self._health.active

    @property
    def geometry(self) -> Geometry:
        """Whether places in the picture may be judged."""
        return self._health.geometry

    @property
    def past_masks(self) -> bool:
        """Whether the picture may show what masks are to hide: one reading that lies elsewhere is enough."""
        return self.geometry is not Geometry.VALID or self._health.astray

    def look(self, frame: Frame, explained: Sequence[Box], places: Iterable[Place]) -> Seen:
        """Take a frame.

        Args:
            frame: borrowed.
            explained: boxes of everything that is detected or tracked now.
            places: what the rules want to know of.
        """
        now_us = frame.at.mono_us
        changes: list[Change] = []
        look = self._lens.look(frame) if self._due("look", now_us, _LOOK_EVERY_US) else None
        if look is not None:
            changes = self._look_closely(look, frame, explained)
            good = self._health.well and self.geometry is Geometry.VALID
            self._unmoved = self._places.look(frame, places) if good else frozenset()
        view = View(self.geometry, self._still_life.standing, self._unmoved, self._health.blind)
        return Seen(view, tuple(changes), self._health.take_fresh() if changes or look is not None else ())

    def recalibrate(self, at: Moment) -> tuple[Change, ...]:
        """Accept what the camera shows as what it shall show."""
        self._places.forget()
        self._still_life.forget()
        return tuple(self._health.recalibrate(at.mono_us))

    def _look_closely(self, look: Look, frame: Frame, explained: Sequence[Box]) -> list[Change]:
        changes: list[Change] = []
        self._health.watch_pulse(look)
        if self._due("read", look.mono_us, _READ_EVERY_US):
            reading = read(look, frame.pixels)
            changes = [] if reading is None else self._health.judge(reading, self._hour(frame.at))
        if any(change.state == "moved" for change in changes):
            self._places.forget()
            self._still_life.forget()
        elif self._health.settling(look.mono_us):
            self._still_life.forget()  # the night picture has another background
        elif self._due("still", look.mono_us, _STILL_LIFE_EVERY_US):
            steady = self._health.well and self.geometry is Geometry.VALID
            self._still_life.update(look, explained, steady=steady)
        return changes

    def _due(self, what: str, now_us: int, every_us: int) -> bool:
        if 0 <= now_us - self._due_us[what] < every_us:
            return False
        self._due_us[what] = now_us
        return True

    def _hour(self, at: Moment) -> int:
        if at.state is ClockState.UNSET:
            return ANY_HOUR
        return datetime.fromtimestamp(at.utc_us / 1_000_000, timezone.utc).astimezone(self._zone).hour
