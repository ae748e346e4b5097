"""TensorRT as a whole: is it one that can be used, and where does it send what it has to say?"""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from agent.detect.trt.api import Logger, Member, TensorRt
from agent.errors import BackendMissing

log = logging.getLogger(__name__)

_OLDEST = (10, 3)
_KEPT_LINES = 60
_SHOWN = {"INTERNAL_ERROR": logging.ERROR, "ERROR": logging.ERROR, "WARNING": logging.WARNING}

Made = TypeVar("Made")


def check_version(trt: TensorRt) -> None:
    """Refuse a TensorRT that is too old for the one way in which engines are built here.

    Raises:
        BackendMissing: with the version, and where a newer one comes from.
    """
    numbers = tuple(int(number) for number in re.findall(r"\d+", trt.__version__)[:2])
    if numbers < _OLDEST:
        raise BackendMissing(
            "tensorrt",
            f"TensorRT {trt.__version__} is too old: strongly typed networks need 10.3 or newer, which JetPack 6.1"
            ' brings; install a newer JetPack, or set detector.engine = "onnx"',
        )


class Ears:
    """Keeps the last warnings and errors of TensorRT, and passes them on to the log.

    TensorRT takes one logger a process and ignores later ones, so there is one of these a process (``listen``). Its
    words come from several threads.
    """

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._errors: deque[str] = deque(maxlen=_KEPT_LINES)
        self._lock = threading.Lock()

    def hear(self, severity: Member, message: str) -> None:
        """Take one message; never raises, for it is called from within C++."""
        name = str(severity).rsplit(".", 1)[-1]
        if name not in _SHOWN:
            return
        text = " ".join(message.split())[:500]
        with self._lock:
            self._lines.append(f"{name}: {text}")
            if name != "WARNING":
                self._errors.append(text)
        log.log(_SHOWN[name], "TensorRT: %s", text)

    def reason(self, otherwise: str) -> str:
        """Give the errors heard since the last call, joined; ``otherwise`` where there were none."""
        with self._lock:
            text = "; ".join(self._errors)
            self._errors.clear()
        return text[:600] or otherwise

    def tail(self) -> list[str]:
        """Give the last warnings and errors."""
        with self._lock:
            return list(self._lines)


@cache
def listen(trt: TensorRt) -> tuple[Logger, Ears]:
    """Make the process's only logger for TensorRT, and what it fills; the same at every call.

    A message that is no UTF-8 (the parser quotes bytes of a broken file) never reaches ``log``: the binding drops it
    with a notice on stderr. Nothing here depends on hearing of a failure, only on telling its reason.
    """
    ears = Ears()

    class _Logger(trt.ILogger):  # type: ignore[misc,name-defined]  # a class of the library, known at run time only
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Member, msg: str) -> None:
            ears.hear(severity, msg)

    return _Logger(), ears


def made(what: Callable[[Logger], Made], logger: Logger) -> Made:
    """Make a builder or a runtime.

    Raises:
        BackendMissing: TensorRT is there, but no GPU that it could use.
    """
    try:
        return what(logger)
    except TypeError as error:  # "factory function returned nullptr"
        raise BackendMissing(
            "tensorrt",
            f"TensorRT finds no usable GPU ({error}); is this user in the groups video and render, and does another"
            " program leave memory free? After a failed update of JetPack, reboot",
        ) from error
