"""Pictures to try a model on."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def check_picture() -> NDArray[np.uint8]:
    """Draw a picture to try a model on, (360, 640, 3) uint8 BGR: smooth shades, hard edges, and nothing to be found."""
    y, x = np.mgrid[:360, :640]
    pixels = np.stack((x * 255 // 639, y * 255 // 359, (x + y) * 255 // 998), axis=2).astype(np.uint8)
    cv2.rectangle(pixels, (120, 150), (300, 260), (40, 40, 200), -1)
    cv2.circle(pixels, (460, 120), 60, (220, 220, 220), -1)
    return pixels


def golden_pictures() -> list[NDArray[np.uint8]]:
    """Give four pictures, like ``check_picture``, on which two engines of one model must agree."""
    picture = check_picture()
    return [np.ascontiguousarray(each) for each in (picture, picture[:, ::-1], picture[::-1], 255 - picture)]
