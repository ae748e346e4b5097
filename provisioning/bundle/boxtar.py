"""The archive that goes to the machine: the same bytes from the same files, whoever makes it and when."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from provisioning.bundle.sums import SUMS, sum_of, written

_MADE_S = 1_577_836_800  # 2020-01-01, on every file: hours differ between builders, and tar warns of dates before 1970

Content = Path | bytes
"""A file of the archive: one of this machine, or its bytes."""


def write_tar(target: Path, files: Mapping[str, Content]) -> None:
    """Write ``files`` by their names into a new archive, with their sums, and wait until the disk has it."""
    sums = {name: _sum(content) for name, content in files.items()}
    everything: dict[str, Content] = {**files, SUMS: written(sums).encode()}
    with target.open("xb") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for folder in sorted(
                {str(parent) for name in everything for parent in PurePosixPath(name).parents} - {"."}
            ):
                archive.addfile(_entry(folder, tarfile.DIRTYPE, 0o755))
            for name in sorted(everything):
                _add(archive, name, everything[name])
        out.flush()
        os.fsync(out.fileno())


def read_tar(source: Path) -> Iterator[tuple[str, str, bytes]]:
    """Give name, SHA-256 and, of the sums alone, the bytes of every file in an archive.

    Raises:
        tarfile.TarError: it is no archive, or ends half-way.
    """
    with tarfile.open(source, "r:") as archive:
        for entry in archive:
            stream = archive.extractfile(entry)
            if stream is None:
                continue
            if entry.name == SUMS:
                content = stream.read()
                yield entry.name, "", content
            else:
                yield entry.name, sum_of(stream), b""


def _sum(content: Content) -> str:
    if isinstance(content, bytes):
        return sum_of(io.BytesIO(content))
    with content.open("rb") as stream:
        return sum_of(stream)


def _add(archive: tarfile.TarFile, name: str, content: Content) -> None:
    entry = _entry(name, tarfile.REGTYPE, 0o644)
    if isinstance(content, bytes):
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
        return
    with content.open("rb") as stream:
        entry.size = os.fstat(stream.fileno()).st_size
        archive.addfile(entry, stream)


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime = kind, mode, _MADE_S
    entry.uname = entry.gname = "root"
    return entry
