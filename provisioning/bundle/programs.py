"""Other programs, run to their end; what they say goes into our one error line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agent.errors import AgentError, BackendMissing

_TOLD = 6  # lines of a failed program's output that are passed on, at most
_ERROR = ("ERROR:", "error:", "E:", "fatal:")  # pip, uv, apt, git


class BundleError(AgentError):
    """The bundle cannot be made here and now; nothing was left behind."""


def uv_program() -> str:
    """Find uv, which resolves and installs for other machines than this.

    Raises:
        BackendMissing: it is neither beside this Python nor on the PATH.
    """
    found = shutil.which("uv", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))
    if found is None:
        raise BackendMissing("uv", f"it is not installed; install it: {sys.executable} -m pip install uv")
    return found


def run(
    words: Sequence[str | Path],
    problem: str,
    *,
    folder: Path | None = None,
    setting: Mapping[str, str] | None = None,
    hear: Callable[[str], None] | None = None,
) -> str:
    """Run a program and give what it printed.

    Args:
        words: the program and its arguments.
        problem: what to say where it fails; its last lines follow.
        folder: where to run it.
        setting: environment variables to set besides ours.
        hear: is told every line as it comes.

    Raises:
        BackendMissing: the program is not on this machine, or may not be run.
        BundleError: it failed.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(setting or {})}
    try:
        with subprocess.Popen(
            [str(word) for word in words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as running:
            lines = []
            for line in running.stdout or ():
                lines.append(line)
                if hear is not None:
                    hear(line.rstrip())
    except OSError as error:
        raise BackendMissing(
            str(words[0]), f"it does not start on this machine ({error.strerror}); install it, or put it on the PATH"
        ) from error
    if running.returncode != 0:
        raise BundleError("\n".join((problem, *_last_words([line.strip() for line in lines if line.strip()]))))
    return "".join(lines)


def _last_words(lines: Sequence[str]) -> Sequence[str]:
    """Pick what a failed program complained of: from its first line that is marked as an error on, or its last one."""
    marked = [number for number, line in enumerate(lines) if line.startswith(_ERROR)]
    return lines[marked[0] : marked[0] + _TOLD] if marked else lines[-1:]
