"""What a lab run did, when, and what came of it: told while it happens, and kept."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path


class Transcript:
    """The lines of one run, each with the seconds since its start.

    Attributes:
        lines: all of them.
        file: where they are kept.
    """

    def __init__(self, file: Path, tell: Callable[[str], object]) -> None:
        self.lines: list[str] = []
        self.file = file
        self._tell = tell
        self._began_s = time.monotonic()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("", "utf-8")

    def say(self, text: str) -> None:
        """Add a line."""
        line = f"{time.monotonic() - self._began_s:7.1f} s  {text}"
        self.lines.append(line)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self._tell(line)

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """Time a step and say what came of it; the list takes what there is to say besides."""
        began_s, results = time.monotonic(), []
        try:
            yield results
        except BaseException as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            self.say(f"FAILED after {time.monotonic() - began_s:.1f} s: {what}: {first}")
            raise
        result = f"; {'; '.join(results)}" if results else ""
        self.say(f"{what}: {time.monotonic() - began_s:.1f} s{result}")
