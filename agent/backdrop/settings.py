"""What the backdrop room is told; stdlib only. Reasons of the defaults: docs/design/backdrop.md."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.core.ailment import AILMENTS
from agent.core.polygon import Polygon


@dataclass(frozen=True)
class CameraHealthSettings:
    """When a camera's picture counts as impaired.

    Attributes:
        states: which states are looked for; none switches the judgement off.
        covered_s: seconds for which the edges must be gone.
        covered_share: a cell is bare when it has less than this share of the edges that it usually has.
        moved_s: seconds for which the picture must be shifted.
        moved_share: shift as a share of the picture's width.
        returned_s: seconds back at the old view that end ``moved`` without a person.
        blurred_s: seconds for which the picture must be out of focus.
        blurred_share: a cell is out of focus below this share of its usual sharpness.
        frozen_s: seconds in which nothing changes outside the strips where cameras write their clock.
        dark_s: seconds of darkness.
        dark_level: dark if not even the brightest twentieth of the picture reaches this grey level, 0..255.
        glare_s: seconds of glare.
        glare_share: share of the picture that is burnt out.
        well_s: seconds without a state that end it.
        switch_guard_s: after a switch between day and night picture (infrared) nothing new is found for so long.
    """

    states: frozenset[str] = field(default_factory=lambda: frozenset(AILMENTS))
    covered_s: float = 10.0
    covered_share: float = 0.30
    moved_s: float = 10.0
    moved_share: float = 0.03
    returned_s: float = 60.0
    blurred_s: float = 30.0
    blurred_share: float = 0.35
    frozen_s: float = 30.0
    dark_s: float = 30.0
    dark_level: int = 25
    glare_s: float = 30.0
    glare_share: float = 0.6
    well_s: float = 10.0
    switch_guard_s: float = 60.0


@dataclass(frozen=True)
class BackdropSettings:
    """What is looked for in one camera's picture without a detector.

    Attributes:
        camera: camera id.
        masks: privacy masks; what they cover is black and tells nothing.
        timezone: IANA name, for the hour of day that a reference view belongs to.
        health: when the picture counts as impaired.
        settle_s: how long something must stand unexplained before it is told.
        min_area: smallest share of the frame that is told; 24 x 24 px of 640 x 360 are 0.0025.
    """

    camera: str
    masks: tuple[Polygon, ...] = ()
    timezone: str = "Asia/Ho_Chi_Minh"
    health: CameraHealthSettings = field(default_factory=CameraHealthSettings)
    settle_s: float = 10.0
    min_area: float = 0.002
