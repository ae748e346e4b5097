"""Who hides whom: things that stand on one plane, ordered from far to near."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agent.stage.lens import Lens

Footprint = NDArray[np.float64]
"""(N, 2) corners of a convex outline on the ground, metres."""


def far_to_near(footprints: Sequence[Footprint], lens: Lens) -> list[int]:
    """Order convex footprints so that each comes before everything that may hide it; indices, stable.

    Two footprints that an edge line of either separates are ordered by the side on which the camera stands; others by
    the depth of their middles.
    """
    depths = [lens.depth_of((float(f[:, 0].mean()), float(f[:, 1].mean()))) for f in footprints]
    left = sorted(range(len(footprints)), key=lambda i: -depths[i])
    eye = lens.eye[:2]
    ordered: list[int] = []
    while left:
        free = (i for i in left if not any(_hides(footprints[i], footprints[j], eye) for j in left if j != i))
        chosen = next(free, left[0])  # a ring of three hiding one another: fall back to depth
        left.remove(chosen)
        ordered.append(chosen)
    return ordered


def _hides(front: Footprint, back: Footprint, eye: NDArray[np.float64]) -> bool:
    """Tell whether ``front`` stands on the camera's side of a line that separates the two."""
    beyond = _seen_from_edges(front, back, eye)
    if beyond is not None:
        return not beyond
    beyond = _seen_from_edges(back, front, eye)
    if beyond is not None:
        return beyond
    return float(np.hypot(*(front.mean(axis=0) - eye))) < float(np.hypot(*(back.mean(axis=0) - eye)))


def _seen_from_edges(one: Footprint, other: Footprint, eye: NDArray[np.float64]) -> bool | None:
    """Find an edge of ``one`` beyond which all of ``other`` lies; tell whether the camera lies beyond it too."""
    edges = one[[*range(1, len(one)), 0]] - one
    inner = np.sign(_sides(one, edges, one.mean(axis=0)[None])[:, 0])
    apart = np.flatnonzero((_sides(one, edges, other) * inner[:, None] <= 1e-9).all(axis=1))
    if not len(apart):
        return None
    return bool(_sides(one, edges, eye[None])[apart[0], 0] * inner[apart[0]] < 0)


def _sides(corners: Footprint, edges: Footprint, points: Footprint) -> NDArray[np.float64]:
    """On which side of each edge each point lies, (edges, points); the sign is the side."""
    away = points[None] - corners[:, None]
    return np.asarray(edges[:, None, 0] * away[..., 1] - edges[:, None, 1] * away[..., 0])
