"""Cars and buses as figures."""

from __future__ import annotations

import math

from agent.stage.scene import Colour
from agent.stage.shapes import GLASS, LAMP, PLATE, SEAM, SILL, TAIL, Figure

_ARCH = [math.pi * k / 8 for k in range(9)]
_Edge = tuple[float, float, float]
_Profile = list[_Edge]

CAR_BODIES: dict[str, tuple[float, float, float, _Profile, _Profile]] = {
    # length, half width, wheel radius, lower body, cabin; (x, z, half width) counter-clockwise from the right
    "sedan": (
        4.5, 0.88, 0.32,
        [(-2.2, 0.28, 0.86), (2.15, 0.26, 0.84), (2.25, 0.55, 0.84), (1.95, 0.78, 0.84), (0.9, 0.92, 0.86),
         (-1.5, 0.95, 0.86), (-2.15, 0.9, 0.84), (-2.25, 0.55, 0.84)],
        [(-1.75, 0.92, 0.82), (1.15, 0.88, 0.82), (0.35, 1.42, 0.62), (-1.0, 1.42, 0.62)],
    ),
    "hatch": (
        3.8, 0.84, 0.3,
        [(-1.85, 0.28, 0.82), (1.8, 0.26, 0.8), (1.9, 0.55, 0.8), (1.6, 0.82, 0.8), (0.9, 0.95, 0.82),
         (-1.85, 0.98, 0.82), (-1.9, 0.55, 0.82)],
        [(-1.8, 0.95, 0.8), (1.1, 0.92, 0.8), (0.35, 1.5, 0.62), (-1.45, 1.5, 0.62)],
    ),
    "suv": (
        4.6, 0.93, 0.37,
        [(-2.25, 0.36, 0.9), (2.2, 0.34, 0.9), (2.3, 0.65, 0.9), (2.1, 0.98, 0.9), (1.05, 1.08, 0.92),
         (-2.25, 1.1, 0.92), (-2.3, 0.65, 0.9)],
        [(-2.2, 1.07, 0.88), (1.25, 1.05, 0.88), (0.55, 1.72, 0.72), (-1.9, 1.72, 0.72)],
    ),
    "van": (
        4.9, 0.95, 0.34,
        [(-2.4, 0.32, 0.94), (2.35, 0.3, 0.92), (2.45, 0.65, 0.92), (2.1, 1.05, 0.92), (-2.4, 1.1, 0.94)],
        [(-2.4, 1.07, 0.93), (2.12, 1.03, 0.9), (1.35, 1.9, 0.78), (-2.3, 1.95, 0.82)],
    ),
}  # fmt: skip

BUS_BODIES = {"coach": (10.5, 1.22, 3.1), "minibus": (7.0, 1.05, 2.7)}
"""Length, half width, height."""


def car(body: str, colour: Colour) -> Figure:
    """Build a car; ``body`` is one of CAR_BODIES."""
    length, half, radius, lower, cabin = CAR_BODIES[body]
    figure = Figure((length / 2, half), beam=True)
    figure.hull(lower, colour)
    _trim(figure, length / 2, half, lower)
    axle = length * 0.29
    for x in (-axle, axle):
        figure.wheel(x, half + 0.01, radius)
    _lamps(figure, length / 2, half, lower[2][1])
    figure.hull(cabin, colour)
    _cabin_glass(figure, cabin)
    return figure


def bus(body: str, colour: Colour, stripe: Colour) -> Figure:
    """Build a bus; ``body`` is one of BUS_BODIES."""
    length, half, height = BUS_BODIES[body]
    end = length / 2
    figure = Figure((end, half), beam=True)
    slope = 0.18
    figure.hull(
        [(-end, 0.4, half), (end, 0.4, half), (end, 1.3, half), (end - slope, height, half - 0.08),
         (-end + 0.1, height, half - 0.08)],
        colour,
    )  # fmt: skip
    skin = half + 0.012
    figure.both_sides([(-end, 0.75, skin), (end, 0.75, skin), (end, 1.05, skin), (-end, 1.05, skin)], stripe)
    _bus_windows(figure, length, skin, height)
    for x in (-length * 0.27, length * 0.33):
        figure.wheel(x, half + 0.015, 0.48)
    front, back = end + 0.015, -end - 0.015
    figure.plate(_facing(front, half * 0.9, 1.35, height - 0.45, 0.17), GLASS)
    figure.plate(_facing(back, half * 0.75, 1.6, height - 0.5, 0.0), GLASS)
    _lamps(figure, end, half, 0.75)
    figure.block((-length * 0.12, length * 0.1), half * 0.6, (height, height + 0.18), (190, 190, 190))
    return figure


def _trim(figure: Figure, end: float, half: float, lower: _Profile) -> None:
    """Put dark sills, bumpers, arches over the wheels and the line of a door on a car's lower body."""
    low, waist = lower[0][1], max(z for _, z, _ in lower)
    skin = half + 0.004
    figure.both_sides([(-end * 0.94, low, skin), (end * 0.94, low, skin), (end * 0.94, low + 0.1, skin),
                       (-end * 0.94, low + 0.1, skin)], SILL)  # fmt: skip
    for x in (-end * 0.58, end * 0.58):
        arch = [(x + 0.42 * math.cos(a), low + 0.06 + 0.42 * math.sin(a), skin) for a in _ARCH]
        figure.both_sides(arch, SILL)
    figure.both_sides(
        [(-0.16, low + 0.1, skin), (-0.12, low + 0.1, skin), (-0.12, waist, skin), (-0.16, waist, skin)], SEAM
    )
    for x in (end + 0.008, -end - 0.008):
        figure.plate(_facing(x, half * 0.92, low, low + 0.2, 0.0), SILL)


def _bus_windows(figure: Figure, length: float, skin: float, height: float) -> None:
    """Put a row of panes along both sides, with a pillar every 1.4 m."""
    low, high = 1.45, height - 0.5
    lean = skin - 0.05
    x = -length / 2 + 0.35
    while x + 1.25 < length / 2:
        figure.both_sides([(x, low, skin), (x + 1.25, low, skin), (x + 1.25, high, lean), (x, high, lean)], GLASS)
        x += 1.4


def _cabin_glass(figure: Figure, cabin: _Profile) -> None:
    """Lay panes on the four sides of a cabin, a little smaller and a little outside."""
    (bx, bz, bw), (fx, fz, fw), (tfx, tfz, tfw), (tbx, tbz, tbw) = cabin
    mid_low, mid_high = (bx + fx) / 2 - 0.1, (tbx + tfx) / 2 - 0.1
    out = 0.015
    low, high = 0.1, 0.1
    for x0, x1, t0, t1 in ((bx + 0.3, mid_low - 0.05, tbx + 0.12, mid_high - 0.05),
                           (mid_low + 0.05, fx - 0.25, mid_high + 0.05, tfx - 0.08)):  # fmt: skip
        figure.both_sides(
            [(x0, bz + low, bw - 0.03 + out), (x1, fz + low, fw - 0.03 + out), (t1, tfz - high, tfw + 0.03 + out),
             (t0, tbz - high, tbw + 0.03 + out)],
            GLASS,
        )  # fmt: skip
    figure.plate(_pane(cabin[1], cabin[2], out), GLASS)
    back = _pane(cabin[0], cabin[3], -out)
    figure.plate(back[::-1], GLASS)


def _pane(low: _Edge, high: _Edge, out: float) -> list[list[float]]:
    """A windscreen between two edges across the car, inset; seen from the front."""
    (x0, z0, w0), (x1, z1, w1) = (
        [a + (b - a) * share for a, b in zip(low, high, strict=True)] for share in (0.1, 0.88)
    )
    x0, x1, w0, w1 = x0 + out, x1 + out, w0 * 0.9, w1 * 0.9
    return [[x0, -w0, z0], [x0, w0, z0], [x1, w1, z1], [x1, -w1, z1]]


def _facing(x: float, half: float, low: float, high: float, lean: float) -> list[list[float]]:
    """A rectangle across the vehicle at ``x``, facing forward when x > 0 and backward otherwise."""
    corners = [[x, -half, low], [x, half, low], [x - lean, half, high], [x - lean, -half, high]]
    return corners if x > 0 else corners[::-1]


def _lamps(figure: Figure, end: float, half: float, z: float) -> None:
    """Put head and tail lamps and number plates on both ends."""
    for side in (-1, 1):
        y0, y1 = sorted((side * half * 0.55, side * half * 0.93))
        front = end + 0.02
        figure.plate(
            [[front, y0, z - 0.08], [front, y1, z - 0.08], [front, y1, z + 0.1], [front, y0, z + 0.1]], LAMP, True
        )
        back = [[-front, y0, z], [-front, y1, z], [-front, y1, z + 0.2], [-front, y0, z + 0.2]]
        figure.plate(back[::-1], TAIL, True)
    for x in (end + 0.02, -end - 0.02):
        figure.plate(_facing(x, 0.24, z - 0.2, z - 0.08, 0.0), PLATE)
