"""Look at a model file before any engine does: most broken ones are told by their first bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import ModelError

_CHUNK_BYTES = 1 << 20
_AGPL_MARKS = (b"AGPL-3.0", b"ultralytics.com")


def check_file(path: Path) -> None:
    """Refuse what is plainly no model, saying what it is instead.

    Raises:
        ModelError: missing, unreadable, a folder, empty, a git-lfs pointer or a web page.
    """
    if path.is_dir():
        raise ModelError(str(path), "is a folder; name the .onnx file itself")
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except FileNotFoundError as error:
        raise ModelError(str(path), "there is no such file; check the path") from error
    except OSError as error:
        raise ModelError(str(path), f"cannot be read: {error.strerror}; check its owner and mode") from error
    if fault := head_fault(head):
        raise ModelError(str(path), fault)


def head_fault(head: bytes) -> str | None:
    """Say what a file that begins like this is instead of a model, and what to do; None if it may be one."""
    if not head:
        return "is empty; the download did not finish, fetch it again"
    if head.startswith(b"version https://git-lfs"):
        return "is only a git-lfs pointer, not the model; run 'git lfs pull' or download the file"
    if head.lstrip().startswith(b"<"):
        return "is a web page, not a model; fetch the raw file, not the page about it"
    return None


def check_terms(path: Path) -> None:
    """Refuse a file that says of itself that it is under the AGPL, as Ultralytics' exporter writes into its files.

    Raises:
        ModelError: it does, or cannot be read.
    """
    with _readable(path), path.open("rb") as file:
        before = b""
        while chunk := file.read(_CHUNK_BYTES):
            if any(mark in before + chunk for mark in _AGPL_MARKS):
                raise ModelError(
                    str(path),
                    "says of itself that it is under the AGPL, which would bind whoever runs it; take another",
                )
            before = chunk[-max(map(len, _AGPL_MARKS)) :]


def sha256_of(path: Path) -> str:
    """Give the hex SHA-256 of a file.

    Raises:
        ModelError: it cannot be read.
    """
    digest = hashlib.sha256()
    with _readable(path), path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(str(path), f"cannot be read: {error.strerror}; check the path, its owner and mode") from error


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Tell errors of the disk as what to do about them.

    Raises:
        ModelError: instead of OSError.
    """
    try:
        yield
    except OSError as error:
        raise ModelError(
            str(error.filename or folder), f"cannot be written: {error.strerror}; check its owner and the free space"
        ) from error
