"""A reference view: how a camera's picture looks at an hour of day when all is well, tiny and without passers-by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.backdrop.look import CELL_PX, WIDTH_PX
from agent.errors import AgentError

ANY_HOUR = 24
"""The hour of views that were learnt while the clock was not set."""

_MAGIC = b"commune-view 1\n"
_ROWS_LIMIT = 640
_FILE_LIMIT = 512 * 1024


class ReferenceDamaged(AgentError):
    """A stored reference view cannot be used; it is learnt anew."""


@dataclass(frozen=True, eq=False)
class Reference:
    """The view of one camera at one hour, in one kind of light.

    Attributes:
        hour: local hour of day, 0..23, or ANY_HOUR.
        infrared: whether it is a picture without colour.
        grey: (H, 160) uint8, median over time; black under masks.
        edges: (H / 10, 16) float32, usual edge energy of each cell.
        sharpness: likewise; NaN where unknown.
        mean: usual mean grey level.
        frame_px: width and height of the frames that it was learnt from.
    """

    hour: int
    infrared: bool
    grey: NDArray[np.uint8]
    edges: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    mean: float
    frame_px: tuple[int, int]

    def pack(self) -> bytes:
        """Write it as a file that tells damage from truth: a line of JSON with the hash of all that follows."""
        done, picture = cv2.imencode(".png", self.grey)
        if not done:
            raise AgentError("cannot encode a reference view as PNG")
        body = self.edges.astype("<f4").tobytes() + self.sharpness.astype("<f4").tobytes() + picture.tobytes()
        head = {
            "hour": self.hour,
            "infrared": self.infrared,
            "mean": round(self.mean, 2),
            "frame_px": list(self.frame_px),
            "cells": list(self.edges.shape),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        return _MAGIC + json.dumps(head, sort_keys=True).encode() + b"\n" + body


def unpack(content: bytes) -> Reference:
    """Read what ``pack`` wrote.

    Raises:
        ReferenceDamaged: it is anything else.
    """
    try:
        if len(content) > _FILE_LIMIT or not content.startswith(_MAGIC):
            raise ReferenceDamaged("no reference view of this version")
        line, body = content[len(_MAGIC) :].split(b"\n", 1)
        head = json.loads(line)
        if hashlib.sha256(body).hexdigest() != head["sha256"]:
            raise ReferenceDamaged("its content does not match its hash")
        rows, columns = (int(count) for count in head["cells"])
        if columns != WIDTH_PX // CELL_PX or not 0 < rows * CELL_PX <= _ROWS_LIMIT:
            raise ReferenceDamaged(f"it has {columns} x {rows} cells")
        size = rows * columns * 4
        grey = cv2.imdecode(np.frombuffer(body[2 * size :], np.uint8), cv2.IMREAD_GRAYSCALE)
        if grey is None or grey.shape != (rows * CELL_PX, WIDTH_PX):
            raise ReferenceDamaged("its picture cannot be read")
        width, height = (int(side) for side in head["frame_px"])
        return Reference(
            hour=int(head["hour"]),
            infrared=bool(head["infrared"]),
            grey=np.asarray(grey, np.uint8),
            edges=np.frombuffer(body[:size], "<f4").reshape(rows, columns).astype(np.float32),
            sharpness=np.frombuffer(body[size : 2 * size], "<f4").reshape(rows, columns).astype(np.float32),
            mean=float(head["mean"]),
            frame_px=(width, height),
        )
    except (ValueError, KeyError, TypeError, cv2.error) as error:
        raise ReferenceDamaged(f"it cannot be read ({error})") from error
