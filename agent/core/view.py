"""What the picture itself says, without any detector: whether zones still lie where they were drawn, what stands there.

The backdrop room writes it, the rules read it; stdlib only.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from agent.core.box import Box


class Geometry(str, enum.Enum):
    """Whether what was drawn on the picture (zones, masks) still lies on what it was drawn on.

    valid: as far as anybody can tell.
    doubtful: the picture seems shifted; whether it stays so is known seconds later.
    invalid: the camera was moved; nothing that depends on a place may be judged until it is recalibrated.
    """

    VALID = "valid"
    DOUBTFUL = "doubtful"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Place:
    """A place of which a rule wants to know whether its object is still there.

    Attributes:
        name: of the stay, unique for ever (its incident id).
        box: where, normalised.
        seen: whether the object was detected there in this very frame.
    """

    name: str
    box: Box
    seen: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Something that stands in the picture, was not there before, and that no detection explains.

    Attributes:
        box: around it, normalised.
        area: share of the frame that it covers.
        since_us: monotonic µs since when it stands.
        change: mean difference to the picture without it in the worst colour, levels of 255.
        removed: it is a hole rather than a thing: what had belonged to the background was taken away.
    """

    box: Box
    area: float
    since_us: int
    change: float
    removed: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What one look at the picture gave.

    Attributes:
        geometry: whether places may be judged.
        standing: what stands there unexplained, largest first.
        unmoved: names of the places that look as they did while their object was detected.
        blind: the picture tells nothing of the street: the lens is covered, or the feed stands still.
    """

    geometry: Geometry = Geometry.VALID
    standing: tuple[Standing, ...] = ()
    unmoved: frozenset[str] = frozenset()
    blind: bool = False
