"""Small files that the kernel writes, any of which may be absent, closed, out of order or full of nonsense."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

_MOST_BYTES = 4096


class Files:
    """Reads below one root, and remembers what is there but of no use.

    Attributes:
        faults: of the last ``begin`` until now: path (without the root) and what is wrong with it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.faults: dict[str, str] = {}

    def begin(self) -> None:
        """Forget the faults of the last time."""
        self.faults = {}

    def matching(self, pattern: str) -> list[Path]:
        """Give what matches a glob pattern, in order; nothing where a folder on the way cannot be read."""
        try:
            return sorted(self._root.glob(pattern))
        except OSError as error:
            self.faults[pattern] = error.strerror or "unreadable"
            return []

    def text(self, path: Path) -> str | None:
        """Read a file of one line or a few; None where it is absent or of no use."""
        try:
            with path.open("rb") as file:
                return file.read(_MOST_BYTES).replace(b"\0", b"").decode("utf-8", "replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:  # the sensor of a part that is switched off answers EAGAIN or EINVAL
            self.faults[self._name(path)] = error.strerror or "unreadable"
            return None

    def number(self, path: Path, least: int, most: int) -> int | None:
        """Read a whole number of ``least`` … ``most``; None where the file is absent or holds anything else."""
        text = self.text(path)
        if text is None:
            return None
        try:
            value = int(text)
        except ValueError:
            value = most + 1
        if least <= value <= most:
            return value
        self.faults[self._name(path)] = f"says {text[:40]!r}, which is no number from {least} to {most}"
        return None

    def fields(self, path: Path, names: Iterable[str]) -> Iterator[tuple[str, int]]:
        """Read lines like ``MemFree:  1234 kB``; those of ``names`` that are whole numbers."""
        wanted = set(names)
        for line in (self.text(path) or "").splitlines():
            name, _, rest = line.partition(":")
            words = rest.split()
            if name in wanted and words and words[0].isdecimal():
                yield name, int(words[0])

    def at(self, path: str) -> Path:
        """Place a path under the root."""
        return self._root / path

    def _name(self, path: Path) -> str:
        return "/" + str(path.relative_to(self._root))
