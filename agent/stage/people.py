"""People on foot and on motorcycles as figures."""

from __future__ import annotations

import math

from agent.stage.scene import Colour
from agent.stage.shapes import HUB, LAMP, TAIL, TYRE, Figure

PERSON_BODIES = {"adult": 1.68, "hat": 1.6, "child": 1.25}
"""Height in metres; ``hat`` wears a conical one."""

MOTORCYCLE_BODIES = ("scooter", "bike")

SKIN: Colour = (120, 150, 190)
HAIR: Colour = (34, 30, 30)
STRAW: Colour = (150, 205, 222)
_STRIDE_M = 1.35
"""One full step cycle of an adult."""


def person(body: str, shirt: Colour, trousers: Colour, travelled_m: float, speed_mps: float) -> Figure:
    """Build a person in mid-stride; standing when ``speed_mps`` is 0."""
    height = PERSON_BODIES[body]
    figure = Figure((0.25, 0.25))
    scale = height / 1.68
    swing = min(1.0, speed_mps / 0.9) * 0.5
    phase = 2 * math.pi * travelled_m / (_STRIDE_M * scale)
    for side in (-1, 1):
        _leg(figure, scale, side, side * swing * math.sin(phase), trousers)
        _arm(figure, scale, side, -side * swing * math.sin(phase), shirt)
    bob = 0.02 * math.cos(2 * phase) * swing
    hip, neck = 0.88 * scale + bob, 1.4 * scale + bob
    figure.limb((0, 0, hip), (0.03, 0, (hip + neck) / 2), (0.16 * scale, 0.18 * scale), shirt)
    figure.limb((0.03, 0, (hip + neck) / 2), (0.02, 0, neck - 0.08), (0.18 * scale, 0.17 * scale), shirt)
    _head(figure, (0.03, 0.0, 1.56 * scale + bob), scale, body)
    return figure


def motorcycle(body: str, paint: Colour, shirt: Colour, helmet: Colour) -> Figure:
    """Build a motorcycle with its rider."""
    figure = Figure((0.95, 0.35), beam=True)
    for x in (-0.62, 0.62):
        _wheel(figure, x)
    if body == "scooter":
        figure.block((-0.75, 0.05), 0.17, (0.45, 0.78), paint)
        figure.block((0.0, 0.35), 0.15, (0.28, 0.42), paint)
        figure.hull([(0.3, 0.35, 0.2), (0.48, 0.35, 0.2), (0.5, 0.9, 0.18), (0.36, 0.95, 0.18)], paint)
    else:
        figure.block((-0.35, 0.35), 0.14, (0.3, 0.62), (60, 58, 58))
        figure.block((-0.1, 0.4), 0.16, (0.62, 0.88), paint)
        figure.block((-0.85, -0.1), 0.14, (0.66, 0.8), paint)
    figure.limb((0.6, 0, 0.35), (0.42, 0, 1.0), (0.05, 0.05), HUB)
    figure.limb((0.4, -0.34, 1.0), (0.4, 0.34, 1.0), (0.03, 0.03), TYRE)
    _bike_lamps(figure)
    _rider(figure, shirt, helmet)
    return figure


def _leg(figure: Figure, scale: float, side: int, angle: float, trousers: Colour) -> None:
    hip = (0.0, 0.09 * side * scale, 0.86 * scale)
    bend = max(0.0, -angle) * 0.8
    knee = (hip[0] + 0.42 * scale * math.sin(angle), hip[1], hip[2] - 0.42 * scale * math.cos(angle))
    back = angle - bend
    foot = (knee[0] + 0.4 * scale * math.sin(back), hip[1], max(0.06, knee[2] - 0.4 * scale * math.cos(back)))
    figure.limb(hip, knee, (0.095 * scale, 0.075 * scale), trousers)
    figure.limb(knee, foot, (0.075 * scale, 0.055 * scale), trousers)
    figure.limb(foot, (foot[0] + 0.12 * scale, foot[1], 0.05), (0.055 * scale, 0.045 * scale), HAIR)


def _arm(figure: Figure, scale: float, side: int, angle: float, shirt: Colour) -> None:
    shoulder = (0.02, 0.21 * side * scale, 1.36 * scale)
    elbow = (0.28 * scale * math.sin(angle), 0.25 * side * scale, shoulder[2] - 0.28 * scale * math.cos(angle))
    ahead = angle + 0.35
    hand = (elbow[0] + 0.26 * scale * math.sin(ahead), elbow[1], elbow[2] - 0.26 * scale * math.cos(ahead))
    figure.limb(shoulder, elbow, (0.07 * scale, 0.055 * scale), shirt)
    figure.limb(elbow, hand, (0.05 * scale, 0.045 * scale), SKIN)


def _head(figure: Figure, centre: tuple[float, float, float], scale: float, body: str) -> None:
    x, y, z = centre
    figure.limb(centre, (x, y, z + 0.03), (0.1 * scale, 0.1 * scale), SKIN)
    if body == "hat":
        figure.limb((x, y, z + 0.06), (x, y, z + 0.2), (0.24, 0.02), STRAW)
    else:
        figure.limb((x - 0.02, y, z + 0.05), (x - 0.02, y, z + 0.06), (0.105 * scale, 0.1 * scale), HAIR)


def _rider(figure: Figure, shirt: Colour, helmet: Colour) -> None:
    for side in (-1, 1):
        hip, knee, foot = (-0.25, 0.12 * side, 0.85), (0.12, 0.24 * side, 0.72), (0.05, 0.22 * side, 0.32)
        figure.limb(hip, knee, (0.1, 0.085), (70, 60, 55))
        figure.limb(knee, foot, (0.08, 0.06), (70, 60, 55))
        shoulder, elbow, hand = (-0.12, 0.2 * side, 1.32), (0.1, 0.3 * side, 1.1), (0.38, 0.28 * side, 1.03)
        figure.limb(shoulder, elbow, (0.075, 0.06), shirt)
        figure.limb(elbow, hand, (0.055, 0.045), SKIN)
    figure.limb((-0.28, 0, 0.88), (-0.12, 0, 1.32), (0.17, 0.18), shirt)
    figure.limb((-0.06, 0, 1.56), (-0.05, 0, 1.6), (0.12, 0.13), helmet)


def _wheel(figure: Figure, x: float) -> None:
    for half in (-0.045, 0.045):
        turn = [2 * math.pi * k / 12 for k in range(12)]
        rim = [[x + 0.29 * math.cos(a), half, 0.29 + 0.29 * math.sin(a)] for a in turn]
        figure.plate(rim if half < 0 else rim[::-1], TYRE)
    figure.limb((x, 0, 0.29), (x, 0, 0.29), (0.12, 0.12), HUB)


def _bike_lamps(figure: Figure) -> None:
    front = [[0.56, -0.1, 0.8], [0.56, 0.1, 0.8], [0.54, 0.1, 0.95], [0.54, -0.1, 0.95]]
    figure.plate(front, LAMP, True)
    back = [[-0.87, -0.1, 0.6], [-0.87, 0.1, 0.6], [-0.87, 0.1, 0.75], [-0.87, -0.1, 0.75]]
    figure.plate(back[::-1], TAIL, True)
