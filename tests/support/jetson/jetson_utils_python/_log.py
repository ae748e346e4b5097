"""Log: by default it tells everything, addresses with their passwords included, on standard output."""

from __future__ import annotations

import os

LEVELS = ("silent", "error", "warning", "success", "info", "verbose", "debug")


class Log:
    """As python/bindings/PyLogging.cpp; the default level is that of utils/logging.cpp."""

    _level = "verbose"
    _filename = "stdout"

    @classmethod
    def SetLevel(cls, level: str, /) -> None:  # noqa: N802
        cls._level = level if level in LEVELS else "verbose"

    @classmethod
    def GetLevel(cls) -> str:  # noqa: N802
        return cls._level

    @classmethod
    def SetFilename(cls, filename: str, /) -> None:  # noqa: N802
        cls._filename = filename

    @classmethod
    def GetFilename(cls) -> str:  # noqa: N802
        return cls._filename

    @classmethod
    def Usage(cls) -> str:  # noqa: N802
        return "logging arguments: ..."

    @classmethod
    def Error(cls, text: str, /) -> None:  # noqa: N802
        say("error", text)

    @classmethod
    def Warning(cls, text: str, /) -> None:  # noqa: N802
        say("warning", text)

    @classmethod
    def Success(cls, text: str, /) -> None:  # noqa: N802
        say("success", text)

    @classmethod
    def Info(cls, text: str, /) -> None:  # noqa: N802
        say("info", text)

    @classmethod
    def Verbose(cls, text: str, /) -> None:  # noqa: N802
        say("verbose", text)

    @classmethod
    def Debug(cls, text: str, /) -> None:  # noqa: N802
        say("debug", text)


def say(level: str, text: str) -> None:
    """Write a line to the process's standard output, as C does."""
    if LEVELS.index(level) <= LEVELS.index(Log._level):
        os.write(1, f"[gstreamer] {text}\n".encode())
