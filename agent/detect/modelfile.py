"""Look at a model file before any engine does: most broken ones are told by their first bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from agent.errors import ModelError

_CHUNK_BYTES = 1 << 20


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
    if not head:
        raise ModelError(str(path), "is empty; the download did not finish, fetch it again")
    if head.startswith(b"version https://git-lfs"):
        raise ModelError(str(path), "is only a git-lfs pointer, not the model; run 'git lfs pull' or download the file")
    if head.lstrip().startswith(b"<"):
        raise ModelError(str(path), "is a web page, not a model; fetch the raw file, not the page about it")


def sha256_of(path: Path) -> str:
    """Give the hex SHA-256 of a file.

    Raises:
        ModelError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise ModelError(str(path), f"cannot be read: {error.strerror}; check the path, its owner and mode") from error
    return digest.hexdigest()
