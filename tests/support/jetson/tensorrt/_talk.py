"""What a program gives TensorRT to talk to. The first logger of a process is used for ever."""

from __future__ import annotations

import sys
import weakref

from ._bench import bench
from ._enums import Severity

_first: list[weakref.ref[ILogger]] = []


class ILogger:
    def __init__(self) -> None:
        self._made = True

    def log(self, severity: Severity, msg: str) -> None:
        raise NotImplementedError


class IProgressMonitor:
    def __init__(self) -> None:
        self._made = True

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        raise NotImplementedError

    def phase_finish(self, phase_name: str) -> None:
        raise NotImplementedError

    def step_complete(self, phase_name: str, step: int) -> bool:
        raise NotImplementedError


def attach(logger: ILogger) -> None:
    """Builder, parser and runtime are given a logger; only the first one counts."""
    if not isinstance(logger, ILogger) or not getattr(logger, "_made", False):
        raise TypeError("ILogger.__init__() must be called when overriding __init__")
    if not _first:
        _first.append(weakref.ref(logger))


def forget_logger() -> None:
    _first.clear()


def say(severity: Severity, words: str | bytes) -> None:
    logger = _first[0]() if _first else None
    if logger is None:
        bench.faults.append("TensorRT speaks to a logger that is gone")
        return
    if isinstance(words, bytes):
        try:
            words = words.decode()
        except UnicodeDecodeError as error:
            print(f"Exception caught in log(): UnicodeDecodeError: {error}", file=sys.stderr)
            return
    logger.log(severity, words)


def error(words: str | bytes) -> None:
    say(Severity.ERROR, words)
