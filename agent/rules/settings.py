"""What the rules room is told; stdlib only. Defaults are those of docs/design/rules.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time

from agent.core.incident import Severity
from agent.core.polygon import Polygon


@dataclass(frozen=True)
class ZoneSettings:
    """A named area of one camera's picture."""

    id: str
    name: str
    polygon: Polygon


@dataclass(frozen=True)
class Window:
    """A weekly span of local time in which a rule is armed.

    Attributes:
        days: 0 = Monday … 6 = Sunday; the day on which the window starts.
        start: local time.
        end: local time; at or before ``start`` it means the next day.
    """

    days: frozenset[int]
    start: time
    end: time


@dataclass(frozen=True)
class RuleSettings:
    """One rule on one zone of one camera.

    Attributes:
        rule: rule id: ``stopped_vehicle``, ``parked_vehicle`` or ``intrusion``.
        zone: zone id.
        dwell_s: seconds after which it opens; more than this, not exactly this.
        end_confirm_s: seconds without the object before it ends; the end is dated back to when it left.
        reopen_within_s: a stay that begins within this of the end, at the same place, continues the incident;
            0 = never.
        cooldown_s: a further incident of the same slot within this is ``quiet``.
        occlusion_grace_s: how long a slot survives while something else covers it.
        backdrop_grace_s: how long a slot survives undetected while the picture shows no change there; 0 = not at all.
        min_box_px: objects smaller on their longer side are ignored, px of the frame.
        min_score: the median score an object needs.
        labels: classes that count.
        schedule: windows in which it is armed; empty = always.
        severity: severity of its incidents.
        armed: False switches the rule off and keeps its drawing.
    """

    rule: str
    zone: str
    dwell_s: float
    end_confirm_s: float
    reopen_within_s: float
    cooldown_s: float
    occlusion_grace_s: float
    min_box_px: int
    min_score: float
    labels: frozenset[str]
    schedule: tuple[Window, ...]
    severity: Severity
    armed: bool = True
    backdrop_grace_s: float = 600.0


@dataclass(frozen=True)
class RulebookSettings:
    """All rules of one camera."""

    camera: str
    zones: tuple[ZoneSettings, ...]
    rules: tuple[RuleSettings, ...]
    timezone: str = "Asia/Ho_Chi_Minh"


VEHICLES = frozenset({"car", "truck", "bus", "motorcycle"})
PERSONS = frozenset({"person"})


@dataclass(frozen=True)
class Defaults:
    """What a rule id means where the site says nothing; sources in docs/design/rules.md."""

    dwell_s: float
    end_confirm_s: float
    reopen_within_s: float = 10.0
    cooldown_s: float = 600.0
    occlusion_grace_s: float = 30.0
    backdrop_grace_s: float = 600.0
    min_box_px: int = 24
    min_score: float = 0.4
    labels: frozenset[str] = field(default_factory=frozenset)
    severity: Severity = Severity.ATTENTION


DEFAULTS: dict[str, Defaults] = {
    "stopped_vehicle": Defaults(dwell_s=60, end_confirm_s=10, labels=VEHICLES),
    "parked_vehicle": Defaults(dwell_s=300, end_confirm_s=10, labels=VEHICLES, severity=Severity.INFO),
    "intrusion": Defaults(dwell_s=1.5, end_confirm_s=10, labels=PERSONS),
}
