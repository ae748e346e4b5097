"""Pictures on HQ's disk: named by what they are, whole and durable before any row speaks of them."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

from hq.intake import Picture

LOCAL = timezone(timedelta(hours=7))
"""Vietnam has one time zone and no summer time."""

_SUFFIX = {"image/webp": ".webp", "image/jpeg": ".jpg"}


def picture_path(directory: Path, area: str, picture: Picture) -> Path:
    """Name the file of a picture: thumbs/AREA/BOX/DATE/SHA256; the date is local, by the box's clock."""
    label = picture.label
    date = datetime.fromtimestamp(label.utc_us / 1_000_000, LOCAL).strftime("%Y-%m-%d")
    name = label.sha256 + _SUFFIX[label.content_type]
    return directory / "thumbs" / area / picture.position.box / date / name


def file_picture(directory: Path, area: str, picture: Picture) -> Path:
    """Write a picture unless it is there; on return it survives a power cut.

    Raises:
        OSError: it could not be written; nothing stands under its name.
    """
    path = picture_path(directory, area, picture)
    if path.exists():
        return path
    _make_directory(path.parent)
    part = path.with_suffix(".part")
    with part.open("wb") as out:
        out.write(picture.content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)
    _sync_directory(path.parent)
    return path


def _make_directory(directory: Path) -> None:
    if not directory.is_dir():
        _make_directory(directory.parent)
        directory.mkdir(exist_ok=True)
        _sync_directory(directory.parent)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
