"""Reference views on disk: one small file a camera, hour and light; written by watch, read at its start, never sent."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from agent.backdrop.look import clear_of
from agent.backdrop.reference import ANY_HOUR, Reference, ReferenceDamaged, unpack
from agent.core.polygon import Polygon
from agent.errors import AgentError

log = logging.getLogger(__name__)

QUOTA_BYTES = 32 * 1024 * 1024
"""Fifty views of each of forty cameras at 16 kB; a view that would go beyond is kept in memory only."""

_SUFFIX = ".view"
_NO_MASKS: Mapping[str, Sequence[Polygon]] = {}


class ViewShelf:
    """The reference views of all cameras.

    A view that cannot be read or written is said in the log and learnt anew: it never holds up a frame.

    Args:
        folder: where they lie.
        masks: each camera's privacy masks of today; a view learnt before one was drawn shows what it hides.
    """

    def __init__(self, folder: Path, masks: Mapping[str, Sequence[Polygon]] = _NO_MASKS) -> None:
        self._folder = folder
        self._masks = masks

    def load(self, camera: str) -> list[Reference]:
        """Read a camera's views; those that are damaged, or show what a mask hides, are deleted."""
        found = []
        for path in self._files(camera):
            try:
                found.append(self._lawful(camera, unpack(path.read_bytes())))
            except (OSError, ReferenceDamaged) as error:
                log.warning("camera %s: reference view %s is of no use, learning it anew: %s", camera, path.name, error)
                path.unlink(missing_ok=True)
        return found

    def keep(self, camera: str, views: Iterable[Reference]) -> None:
        """Write views, each in place of an older one, whole or not at all."""
        for view in views:
            light = "infrared" if view.infrared else "colour"
            path = self._folder / f"{camera}.{view.hour:02d}.{light}{_SUFFIX}"
            try:
                self._write(path, view.pack())
                when = "while the clock is not set" if view.hour == ANY_HOUR else f"from {view.hour:02d}:00"
                log.info("camera %s: learnt how it looks %s (%s)", camera, when, light)
            except (OSError, AgentError) as error:
                log.warning(
                    "camera %s: cannot keep a reference view, it is learnt anew after a restart: %s", camera, error
                )

    def forget(self, camera: str) -> None:
        """Delete a camera's views."""
        for path in self._files(camera):
            path.unlink(missing_ok=True)

    def tidy(self, cameras: Iterable[str]) -> None:
        """Delete what is left of cameras that are configured no longer, and of writes that were cut off."""
        known = set(cameras)
        for path in sorted(self._folder.glob("*")) if self._folder.is_dir() else []:
            if path.name.split(".")[0] not in known or path.suffix != _SUFFIX:
                path.unlink(missing_ok=True)

    def _lawful(self, camera: str, view: Reference) -> Reference:
        hidden = ~clear_of(self._masks.get(camera, ()), view.grey.shape[0])
        if view.grey[hidden].any():
            raise ReferenceDamaged("it shows what a privacy mask hides today")
        return view

    def _files(self, camera: str) -> list[Path]:
        return sorted(self._folder.glob(f"{camera}.*{_SUFFIX}")) if self._folder.is_dir() else []

    def _write(self, path: Path, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        taken = sum(file.stat().st_size for file in self._folder.iterdir() if file != path)
        if taken + len(content) > QUOTA_BYTES:
            raise AgentError(f"{self._folder} holds {taken} bytes; its quota is {QUOTA_BYTES}")
        part = path.with_name(f"{path.name}.part")
        with part.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
