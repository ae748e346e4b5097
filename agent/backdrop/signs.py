"""The signs of every state in one reading: there, not there, or not to be told from this picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.backdrop.edges import Shift
from agent.backdrop.reading import Reading
from agent.backdrop.reference import Reference
from agent.backdrop.settings import CameraHealthSettings

_TEXTURED = 4.0  # grey levels of edge energy below which a cell has nothing to lose
_MOST_NOISE = 3.0
_ALL_CELLS = 0.85  # "all": a clock and a name in the picture keep their edges whatever covers the lens
_MOST_CELLS = 0.55  # through a codec defocused pictures keep 0.57 to 1.0 soft cells, good ones reach 0.18
_LEAST_CELLS = 8
_NIGHT_MEAN = 60.0  # a street that is usually darker goes black with its lamps; a brighter one only when covered
SURE_MATCH = 0.2  # unrelated pictures reach 0.05, a real street against itself, day against night, 0.3 and more
_BETTER_SHIFTED = 1.3
_ELSEWHERE_MATCH = 0.15
_HAS_EDGES = 0.6  # of the usual cells bare: with more, nothing is left that could match


@dataclass(frozen=True)
class Signs:
    """What one reading shows; of each state True, False or None (cannot be told).

    Attributes:
        covered, blurred, dark, glare: as said.
        shifted: the picture lies elsewhere than the accepted view.
        elsewhere: it has edges enough, and none of them match anything known.
        gone: not even what a lens out of focus leaves of the accepted view is there.
        values: what was measured, for the event that tells it.
    """

    covered: bool | None
    blurred: bool | None
    dark: bool | None
    glare: bool | None
    shifted: bool | None
    elsewhere: bool | None
    gone: bool
    values: dict[str, float]


def signs_of(
    reading: Reading, usual: Reference | None, shift: Shift | None, lately: float | None, settings: CameraHealthSettings
) -> Signs:
    """Judge one reading.

    Args:
        reading: of the present picture.
        usual: how it usually looks; None while that is being learnt.
        shift: how it lies against the accepted view; None without one.
        lately: how well it matches the last quarter of an hour, asked where ``shift`` is not sure; None while unknown.
        settings: thresholds.
    """
    black = reading.bright < settings.dark_level
    glare = reading.burnt_out > settings.glare_share
    bare = None if usual is None else _bare_share(reading, usual, settings.covered_share)
    covered = None if bare is None or glare else bare >= _ALL_CELLS
    if covered and black and usual is not None and usual.mean < _NIGHT_MEAN:
        covered = None
    soft = None if usual is None else _soft_share(reading, usual, settings.blurred_share)
    blurred = None if black or glare or soft is None else soft >= _MOST_CELLS
    hidden = black or glare or bool(covered)
    shifted, elsewhere = (None, None) if hidden else _shifted(shift, lately, bare, settings.moved_share)
    values = {"bright": reading.bright, "burnt_out": reading.burnt_out}
    values |= {} if bare is None else {"bare_cells": bare}
    values |= {} if soft is None else {"soft_cells": soft}
    values |= {} if shift is None else {"shift": shift.share, "match": shift.match}
    return Signs(
        covered=covered,
        blurred=None if covered and not blurred else blurred,  # under a cover sharp noise is no focus
        dark=black and not covered,
        glare=glare,
        shifted=shifted,
        elsewhere=elsewhere,
        gone=shift is not None and shift.match < _ELSEWHERE_MATCH,  # a defocus told as blurred keeps 0.2
        values={name: round(value, 3) for name, value in values.items()},
    )


def _bare_share(reading: Reading, usual: Reference, share: float) -> float | None:
    """Share of the usually textured cells that have lost their edges; None where there are too few to tell."""
    textured = usual.edges >= _TEXTURED
    if textured.sum() < _LEAST_CELLS:
        return None
    noise = min(_MOST_NOISE, float(np.quantile(reading.edges, 0.1)))  # a covered sensor turns its gain up
    return float((reading.edges - noise < usual.edges * share)[textured].mean())


def _soft_share(reading: Reading, usual: Reference, share: float) -> float | None:
    """Share of the cells, of those sharp in both pictures' eyes, that are out of focus."""
    known = ~np.isnan(usual.sharpness) & ~np.isnan(reading.sharpness)
    if known.sum() < _LEAST_CELLS:
        return None
    return float((reading.sharpness < usual.sharpness * share)[known].mean())


def _shifted(
    shift: Shift | None, lately: float | None, bare: float | None, limit: float
) -> tuple[bool | None, bool | None]:
    if shift is None:
        return None, None
    best = max(shift.match, lately if lately is not None else 1.0)
    elsewhere = best < _ELSEWHERE_MATCH and (bare is None or bare < _HAS_EDGES)
    if shift.match < SURE_MATCH:
        return None, elsewhere
    beyond = shift.share > limit and shift.match >= _BETTER_SHIFTED * shift.match_unshifted
    here = shift.share <= limit
    return (True if beyond else False if here else None), elsewhere
