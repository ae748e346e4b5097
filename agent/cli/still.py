"""``commune-agent still``: one picture of a camera, with a grid to read zones off."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.cli.arguments import Parser, suggest
from agent.cli.glance import glance
from agent.config import Site, load
from agent.core.polygon import Polygon
from agent.errors import ConfigError
from agent.site_secrets import Secrets

_WHITE, _BLACK, _ZONE, _MASK = (255, 255, 255), (0, 0, 0), (0, 255, 255), (255, 0, 255)  # BGR
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "still",
        description="Save one picture of a camera, privacy masks painted over. With --grid it carries lines at every"
        " tenth of its width and height, and the zones (yellow) and masks (magenta) there are, so that corners can be"
        " read off and written into site.toml.",
        example="commune-agent still gate -o still.jpg --grid --config site.toml",
    )
    parser.add_argument("camera", metavar="CAMERA", help="id of the camera")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="JPEG or PNG to write")
    parser.add_argument("--grid", action="store_true", help="draw the grid, zones and masks")
    parser.add_argument("--config", type=Path, default=Path("site.toml"), help="the box's site.toml (%(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Take the picture, draw on it, save it."""
    site = load(arguments.config, Secrets.CAMERAS)
    camera = next((camera for camera in site.cameras if camera.id == arguments.camera), None)
    if camera is None:
        known = [camera.id for camera in site.cameras]
        raise ConfigError(
            f"camera {arguments.camera}", f"is not in {arguments.config}; {suggest(arguments.camera, known)}"
        )
    pixels = glance(camera)
    if arguments.grid:
        draw_grid(pixels)
        draw_outlines(pixels, site, arguments.camera)
    _save(arguments.output, pixels)
    print(f"{arguments.output}: {pixels.shape[1]}x{pixels.shape[0]}, camera {camera.id}")
    return 0


def draw_grid(pixels: NDArray[np.uint8]) -> None:
    """Draw lines at every tenth of width and height, (H, W, 3) uint8, with the coordinate beside each."""
    height, width = pixels.shape[:2]
    for tenth in range(1, 10):
        x, y = width * tenth // 10, height * tenth // 10
        cv2.line(pixels, (x, 0), (x, height), _WHITE, 1)
        cv2.line(pixels, (0, y), (width, y), _WHITE, 1)
        _write(pixels, f".{tenth}", (x + 2, 12))
        _write(pixels, f".{tenth}", (2, y - 3))


def draw_outlines(pixels: NDArray[np.uint8], site: Site, camera: str) -> None:
    """Draw the zones and masks of a camera, each with its name."""
    book = next(book for book in site.rulebooks if book.camera == camera)
    masks = next(settings.masks for settings in site.cameras if settings.id == camera)
    for zone in book.zones:
        _outline(pixels, zone.polygon, zone.id, _ZONE)
    for number, mask in enumerate(masks, 1):
        _outline(pixels, mask, f"mask {number}", _MASK)


def _outline(pixels: NDArray[np.uint8], outline: Polygon, name: str, colour: tuple[int, int, int]) -> None:
    height, width = pixels.shape[:2]
    corners = np.array([(round(corner.x * width), round(corner.y * height)) for corner in outline], np.int32)
    cv2.polylines(pixels, [corners], isClosed=True, color=colour, thickness=2)
    x, y = corners.mean(axis=0)
    _write(pixels, name, (int(x) - 4 * len(name), int(y)))


def _write(pixels: NDArray[np.uint8], text: str, at: tuple[int, int]) -> None:
    scale = max(0.4, pixels.shape[0] / 1200)
    stroke = max(1, round(scale * 2))
    cv2.putText(pixels, text, at, _FONT, scale, _BLACK, 3 * stroke, cv2.LINE_AA)
    cv2.putText(pixels, text, at, _FONT, scale, _WHITE, stroke, cv2.LINE_AA)


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    suffix = path.suffix.lower()
    if suffix not in (".jpg", ".jpeg", ".png"):
        raise ConfigError("--output", f"{path} must end in .jpg or .png")
    written, content = cv2.imencode(suffix, pixels)
    try:
        if written:
            path.write_bytes(content.tobytes())
    except OSError as error:
        raise ConfigError("--output", f"{path} cannot be written: {error.strerror}; name another file") from error
