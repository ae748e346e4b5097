"""What keeps a camera from seeing as it should: a state with a beginning that HQ was told; stdlib only."""

from __future__ import annotations

from dataclasses import dataclass

AILMENTS = ("moved", "covered", "blurred", "frozen", "dark", "glare")
"""Every state there is besides a lost signal, the most serious first. docs/design/backdrop.md says what each means."""


@dataclass(frozen=True, slots=True)
class Ailment:
    """A state that HQ was told of and whose end it has not been told; one row of ``ailments`` in watch.db.

    Attributes:
        camera: camera id.
        state: one of AILMENTS; a store of a later version may hold another.
        event_id: of the event that told it.
        since_utc_us: wall µs since when, as told.
    """

    camera: str
    state: str
    event_id: str
    since_utc_us: int
