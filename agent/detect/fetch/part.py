"""A file on its way: what has come so far, and of which version of which file it is the beginning."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from agent.detect.fetch.web import Answer
from agent.errors import ModelError

_SPARE_BYTES = 64 << 20


class Part:
    """The beginning of a file, with a note beside it; both outlive the program, so a later run goes on from there.

    Attributes:
        path: where it lies.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self._note = path.with_name(path.name + ".json")
        self._url = url

    @property
    def tag(self) -> str:
        """The version of what is here; empty where there is nothing that can be gone on with."""
        try:
            note = json.loads(self._note.read_text("utf-8"))
            return str(note["tag"]) if note["url"] == self._url and self.size else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    def discard(self) -> None:
        """Forget what is here."""
        for path in (self.path, self._note):
            path.unlink(missing_ok=True)

    @contextmanager
    def taking(self, answer: Answer) -> Iterator[IO[bytes]]:
        """Open the file for an answer's bytes: at its end, or anew with a note of the version that now comes.

        Raises:
            ModelError: the disk has no room, or will not be written to.
        """
        with self.explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if answer.start == 0:
                self.discard()
                self._note.write_text(json.dumps({"url": self._url, "tag": answer.tag}) + "\n", "utf-8")
            missing = max(0, (answer.total or 0) - answer.start)
            free = shutil.disk_usage(self.path.parent).free
            # The model is copied from here to its place before this file goes.
            if free < missing + (answer.total or 0) + _SPARE_BYTES:
                raise ModelError(
                    str(self.path),
                    f"has no room: {free >> 20} MiB are free, and a model is kept twice while it is added",
                )
            with self.path.open("ab") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the disk says into one sentence."""
        try:
            yield
        except OSError as error:
            raise ModelError(
                str(error.filename or self.path),
                f"cannot be written: {error.strerror}; check its owner and the free space, then run this again",
            ) from error
