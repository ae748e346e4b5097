"""How light and air colour what is seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.stage.scene import Colour, Light

_AMBIENT_CLEAR, _AMBIENT_OVERCAST = 0.55, 0.85
_DIRECT = 0.75


def tint(light: Light) -> tuple[float, float, float]:
    """Gains of blue, green and red that exposure and warmth make."""
    warmth = light.warmth
    return (
        light.level * (1 - 0.18 * warmth),
        light.level * (1 - 0.02 * abs(warmth)),
        light.level * (1 + 0.18 * warmth),
    )


def gain(normal: NDArray[np.float64], light: Light) -> float:
    """How bright a surface with that unit ``normal`` (3,) is, without exposure; about 1 for open ground at noon."""
    x, y, z = (float(part) for part in normal)
    sun_x, sun_y, sun_z = light.to_sun
    facing = max(0.0, x * sun_x + y * sun_y + z * sun_z)
    sky = 0.9 + 0.1 * z
    return ambient(light) * sky + _DIRECT * light.strength * facing


def ambient(light: Light) -> float:
    """Brightness of what lies in full shadow."""
    return _AMBIENT_OVERCAST + (_AMBIENT_CLEAR - _AMBIENT_OVERCAST) * light.strength


def shadow_gain(light: Light) -> float:
    """What is left of open ground's brightness in a hard shadow, 0..1."""
    open_ground = gain(np.array([0.0, 0.0, 1.0]), light)
    return ambient(light) / open_ground


def lit(colour: Colour, normal: NDArray[np.float64], light: Light) -> Colour:
    """Give ``colour`` as it looks on a surface with that normal."""
    bright = gain(normal, light)
    blue, green, red = (min(255.0, part * bright * balance) for part, balance in zip(colour, tint(light), strict=True))
    return (blue, green, red)
