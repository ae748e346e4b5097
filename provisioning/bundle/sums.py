"""SHA256SUMS: the sum of every file of a folder, in the format of ``sha256sum``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"

_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_CHUNK_BYTES = 1 << 20


def sum_of(stream: IO[bytes]) -> str:
    """Read a stream to its end and give its SHA-256, 64 hex digits."""
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def sum_of_file(path: Path) -> str:
    """Give the SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as stream:
        return sum_of(stream)


def files_of(folder: Path) -> Iterable[str]:
    """Name every file below ``folder`` but the sums themselves, sorted, with forward slashes."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return sorted(name for name in names if name not in (SUMS, SIGNATURE))


def written(sums: Mapping[str, str]) -> str:
    """Write sums by file name as ``sha256sum`` does."""
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


def read(text: str) -> dict[str, str]:
    """Read sums by file name.

    Raises:
        ValueError: a line is none of ``sha256sum``'s.
    """
    sums = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"not a line of sha256sum: {line[:80]!r}")
        sums[match[2]] = match[1]
    return sums
