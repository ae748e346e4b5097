"""What the page is told; stdlib only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ShownCamera:
    """A camera as people know it.

    Attributes:
        id: camera id.
        name: what people call it.
        zones: zone ids to names.
        dwell_s: (rule id, zone id) to the seconds after which that rule opens; shown beside a running dwell, which
            is shown without a limit where none is given.
    """

    id: str
    name: str
    zones: dict[str, str] = field(default_factory=dict)
    dwell_s: dict[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True)
class PageSettings:
    """The status page.

    Attributes:
        host: address to listen on; any other than loopback needs ``password_file``.
        port: TCP port; 0 picks a free one.
        password_file: user:argon2id-hash lines, written by ``commune-agent password``; None = no login (loopback only).
        hostnames: further Host headers to accept (the box's own names and addresses).
        language: ``vi`` or ``en`` until the visitor switches.
        box: box id.
        box_name: what people call the box.
        area: the unit HQ is.
        cameras: in the order of the tiles.
        timezone: for all times shown.
        warnings: standing warnings to show, as catalogue keys, e.g. ``insecure_uplink``.
        idle_s: a login ends after this long without a person's doing; the page's own refreshing does not count.
        session_s: a login ends after this long in any case: a duty shift.
    """

    host: str
    port: int
    password_file: Path | None
    hostnames: tuple[str, ...]
    language: str
    box: str
    box_name: str
    area: str
    cameras: tuple[ShownCamera, ...]
    timezone: str
    warnings: tuple[str, ...] = ()
    idle_s: float = 2 * 3600.0
    session_s: float = 12 * 3600.0
