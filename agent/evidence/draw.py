"""What is written onto a picture that leaves: the zone, the object, and a strip with camera, time and clock quality."""

from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.clock import ClockState, Moment
from agent.core.box import Box
from agent.core.polygon import Polygon

_ZONE_BGR = (0, 200, 255)
_OBJECT_BGR = (60, 60, 255)
_STRIP_PX = 18


def outline(pixels: NDArray[np.uint8], zone: Polygon) -> None:
    """Draw a zone's edge onto the picture, in place."""
    height, width = pixels.shape[:2]
    corners = np.array([(corner.x * width, corner.y * height) for corner in zone], np.int32)
    cv2.polylines(pixels, [corners], isClosed=True, color=_ZONE_BGR, thickness=1, lineType=cv2.LINE_AA)


def frame_object(pixels: NDArray[np.uint8], box: Box) -> None:
    """Draw the object's box onto the picture, in place."""
    height, width = pixels.shape[:2]
    corner, opposite = (int(box.x1 * width), int(box.y1 * height)), (int(box.x2 * width), int(box.y2 * height))
    cv2.rectangle(pixels, corner, opposite, _OBJECT_BGR, 2)


def with_strip(pixels: NDArray[np.uint8], camera: str, at: Moment, timezone_name: str) -> NDArray[np.uint8]:
    """Give the picture with a strip below it: camera id, local time with its offset, and how good the clock is."""
    text = f"{camera}  {local_time(at.utc_us, timezone_name)}"
    if at.state is not ClockState.SYNCED:
        text += f"  clock {at.state.value}"
    strip = np.zeros((_STRIP_PX, pixels.shape[1], 3), np.uint8)
    # ASCII only: OpenCV's built-in fonts have no Vietnamese letters; names are added where fonts are.
    cv2.putText(strip, text, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return np.vstack([pixels, strip])


def local_time(utc_us: int, timezone_name: str) -> str:
    """Write a wall time as people there read it, with the offset that makes it unambiguous."""
    local = datetime.fromtimestamp(utc_us / 1_000_000, timezone.utc).astimezone(ZoneInfo(timezone_name))
    return local.strftime("%d/%m/%Y %H:%M:%S %z")
