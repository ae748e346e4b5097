"""What the demo shows of the box at work before HQ hears of it: cameras watched, things followed."""

from __future__ import annotations

from agent.errors import StoreError
from agent.store.settings import StoreSettings
from agent.store.views import Views


class Glimpse:
    """Says each thing once, as one line."""

    def __init__(self, store: StoreSettings) -> None:
        """Look into ``store``, which another program may be making still."""
        self._views = Views(store)
        self._told: set[str] = set()

    def watched(self, camera: str) -> None:
        """Tell that the first picture of a camera has been judged."""
        self._say(f"camera {camera}", f"camera {camera} is watched")

    def followed(self) -> None:
        """Tell of everything whose dwell has begun to run since the last look."""
        try:
            slots = self._views.pending_slots()
        except StoreError:  # seen again at the next look; what ails the store, the box's own log says
            return
        for slot in slots:
            place = f"{slot.label} in zone {slot.key.zone} of camera {slot.key.camera}"
            self._say(slot.incident, f"{place}: suspected {slot.key.rule}; HQ hears of it if that lasts")

    def close(self) -> None:
        """Give the store's files back."""
        self._views.close()

    def _say(self, what: str, line: str) -> None:
        if what not in self._told:
            self._told.add(what)
            print(f"box  {line}", flush=True)
