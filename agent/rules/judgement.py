"""What one look at one camera gave, and what a look consists of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.clock import Moment
from agent.core.box import Box
from agent.core.event import Event
from agent.core.incident import Slot, SlotKey
from agent.rules.shape import Size
from agent.rules.trail import Trail


@dataclass(frozen=True)
class Judgement:
    """Everything that must be recorded, in one transaction, before the camera is judged on.

    Attributes:
        events: facts, in the order in which they happened.
        taken: rule state that is new, changed its phase or revision, or was last stored 5 s of sightings ago.
        freed: keys whose rule state is to be removed; never one that is also in ``taken``.
    """

    events: tuple[Event, ...] = ()
    taken: tuple[Slot, ...] = ()
    freed: tuple[SlotKey, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.events or self.taken or self.freed)


@dataclass(frozen=True)
class Scene:
    """One frame as the rule families see it.

    Attributes:
        at: when the frame was taken.
        size: of the frame, px.
        trails: every object followed, those unseen in this frame included.
        begun_us: monotonic µs of the first good frame after the start or after the last long blindness.
        resumed_us: monotonic µs of the first good frame after the last blindness of any length.
        blind_us: how long the camera was blind right before this frame; 0 for an ordinary interval.
        long_blind: whether that was too long to believe that nothing changed.
        unmoved: incident ids whose place looks as it did while their object was detected (the backdrop says so).
    """

    at: Moment
    size: Size
    trails: Sequence[Trail]
    begun_us: int
    resumed_us: int
    blind_us: int = 0
    long_blind: bool = False
    unmoved: frozenset[str] = frozenset()

    @property
    def now_us(self) -> int:
        """Monotonic µs of the frame."""
        return self.at.mono_us

    def touching(self, box: Box) -> list[Trail]:
        """Give the objects that were last seen overlapping ``box``; asked for every place, so it must be quick."""
        left, top, right, bottom = box
        found = []
        for trail in self.trails:
            x1, y1, x2, y2 = trail.last.box
            if x1 < right and x2 > left and y1 < bottom and y2 > top:
                found.append(trail)
        return found

    def unseen_us(self, last_seen_us: int) -> int:
        """How long something has been missing while the camera could see: blindness starts the count anew."""
        return self.now_us - max(last_seen_us, self.resumed_us)
