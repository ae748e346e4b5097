"""One writing process a file: the rule, held by the kernel."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from agent.errors import StoreError, StoreVersion


class WriterLock:
    """Holds the right to write a process's files; the kernel gives it back when the process dies.

    Raises:
        StoreError: another process holds it.
    """

    def __init__(self, state_dir: Path, process: str) -> None:
        path = state_dir / f".{process}.lock"
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError as error:
            raise StoreVersion(f"{state_dir} is missing; run: commune-agent migrate") from error
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise StoreError(f"{state_dir}: another process already writes the files of {process}") from error

    def release(self) -> None:
        """Let another process write; does nothing the second time."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
