"""The rivers of a site at its start, with what store and disk remember; and the ends of what is no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from agent.backdrop.backdrop import Backdrop
from agent.backdrop.reference import Reference
from agent.backdrop.settings import BackdropSettings
from agent.clock import Moment
from agent.core.ailment import Ailment
from agent.core.incident import Slot
from agent.evidence.album import Shot
from agent.rules.restore import retire
from agent.watch.complaints import Complaints, restored
from agent.watch.river import Catch, Eye, River
from agent.watch.settings import WatchSettings

Memory = tuple[Sequence[Slot], Sequence[Ailment], Moment]
"""What the store remembers: rule state and states of cameras; and the time of this start."""


def rivers(
    settings: WatchSettings, labels: tuple[str, ...], memory: Memory, views: Callable[[str], Iterable[Reference]]
) -> dict[str, River]:
    """Dig one river a camera, with the state that the store kept for it and the reference views of its camera."""
    slots, ailments, now = memory
    backdrops = backdrops_of(settings)
    return {
        book.camera: River(
            book,
            settings.track,
            settings.evidence,
            labels,
            ([slot for slot in slots if slot.key.camera == book.camera], now),
            _eye(backdrops[book.camera], ailments, views),
        )
        for book in settings.rulebooks
    }


def leftovers(settings: WatchSettings, slots: Sequence[Slot], ailments: Sequence[Ailment], now: Moment) -> Catch:
    """End what is still open on cameras that this site no longer has, and states that it no longer looks for."""
    cameras = {book.camera for book in settings.rulebooks}
    judgement = retire([slot for slot in slots if slot.key.camera not in cameras], now)
    backdrops = backdrops_of(settings)
    over = tuple(ailment for ailment in ailments if not _watched(ailment, backdrops))
    events = [*judgement.events, *(restored(ailment, now, "unwatched", now.utc_us) for ailment in over)]
    return Catch(tuple(Shot(event, ()) for event in events), judgement.taken, judgement.freed, cured=over)


def backdrops_of(settings: WatchSettings) -> dict[str, BackdropSettings]:
    """Give the backdrop settings of every camera that has rules."""
    said = {backdrop.camera: backdrop for backdrop in settings.backdrops}
    return {book.camera: said.get(book.camera, BackdropSettings(book.camera)) for book in settings.rulebooks}


def _eye(settings: BackdropSettings, ailments: Sequence[Ailment], views: Callable[[str], Iterable[Reference]]) -> Eye:
    known = [each for each in ailments if each.camera == settings.camera and each.state in settings.health.states]
    backdrop = Backdrop(settings, [ailment.state for ailment in known], views(settings.camera))
    return Eye(backdrop, Complaints(settings.camera, known), masked=bool(settings.masks))


def _watched(ailment: Ailment, backdrops: dict[str, BackdropSettings]) -> bool:
    return ailment.camera in backdrops and ailment.state in backdrops[ailment.camera].health.states
