"""Running other programs, with errors that carry what they said."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

Answer = TypeVar("Answer")


class LabError(Exception):
    """The lab cannot go on; the text says what to do, or what a program said."""


def call(*words: str | Path, given: str | bytes = "", limit_s: float = 60) -> str:
    """Run a program to its end and give what it printed.

    Raises:
        LabError: it failed, is not here, or took longer than ``limit_s``; the text has its last lines.
    """
    done = run(*words, given=given, limit_s=limit_s)
    if done.returncode:
        raise LabError(f"{' '.join(map(str, words))}: exit code {done.returncode}: {last_lines(done)}")
    return done.stdout


def run(*words: str | Path, given: str | bytes = "", limit_s: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, whatever it ends with.

    Raises:
        LabError: it is not here, or took longer than ``limit_s``.
    """
    line = [str(word) for word in words]
    try:
        done = subprocess.run(
            line,
            input=given if isinstance(given, bytes) else given.encode(),
            capture_output=True,
            check=False,
            timeout=limit_s,
        )
    except FileNotFoundError as error:
        raise LabError(f"{line[0]}: not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(line)}: not done within {limit_s:.0f} s") from error
    out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(line, done.returncode, out, err)


def last_lines(done: subprocess.CompletedProcess[str], count: int = 8) -> str:
    """Give the end of what a program said, as one text."""
    return "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-count:])


def until(condition: Callable[[], Answer], limit_s: float, what: str, every_s: float = 0.1) -> Answer:
    """Wait until ``condition`` gives something true, and give that.

    Raises:
        LabError: ``what`` did not come within ``limit_s``.
    """
    deadline = time.monotonic() + limit_s
    while not (got := condition()):
        if time.monotonic() > deadline:
            raise LabError(f"not within {limit_s:.0f} s: {what}")
        time.sleep(every_s)
    return got


def with_sbin() -> None:
    """Let programs of the administrator be found, also where PATH leaves them out."""
    path = os.environ.get("PATH", "").split(":")
    os.environ["PATH"] = ":".join([*path, *(extra for extra in ("/usr/sbin", "/sbin") if extra not in path)])


def quoted(words: Sequence[str | Path]) -> str:
    """Write words as a line for a shell."""
    import shlex

    return shlex.join(map(str, words))
