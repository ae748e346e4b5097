"""Control groups of the lab's own: one a machine, so that everything in it can be counted and ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from support.lab.shell import LabError

_ALL = Path("/proc/self/mountinfo")
_UNUSABLE = {"cpuset"}
"""A new cpuset has no processors, and nothing may enter it."""
_END_S = 20.0


def hierarchies() -> list[Path]:
    """Give the mount points of every hierarchy that the lab uses, version 2 and version 1."""
    found = []
    for line in _ALL.read_text("utf-8").splitlines():
        before, _, after = line.partition(" - ")
        kind, options = after.split()[0], after.split()[-1].split(",")
        if kind == "cgroup2" or (kind == "cgroup" and not _UNUSABLE & set(options)):
            found.append(Path(before.split()[4]))
    return found


def groups(name: str) -> list[Path]:
    """Give the directories of the group ``name``, one in each hierarchy; they need not exist."""
    return [mount / name for mount in hierarchies()]


def make(name: str) -> list[Path]:
    """Make the group ``name`` in every hierarchy and give its directories."""
    made = groups(name)
    for group in made:
        group.mkdir(exist_ok=True)
    return made


def members(paths: Iterable[Path]) -> set[int]:
    """Give the process ids in these groups and everything below them."""
    return {int(pid) for path in paths for listing in _listings(path) for pid in _read(listing)}


def end_all(paths: list[Path]) -> None:
    """Kill whatever is in these groups.

    Raises:
        LabError: something is still there after 20 s.
    """
    deadline = time.monotonic() + _END_S
    while pids := members(paths):
        if time.monotonic() > deadline:
            raise LabError(f"processes that cannot be killed in {paths[0].name}: {sorted(pids)}")
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def remove(path: Path) -> None:
    """Remove a group and everything below it; nothing may run in it any more."""
    if not path.is_dir():
        return
    for group in [Path(group) for group, _, _ in os.walk(path, topdown=False)]:
        for _ in range(100):  # a group stays busy for a moment after its last process
            try:
                group.rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise LabError(f"{group}: cannot be removed")


def _listings(path: Path) -> Iterator[Path]:
    # Services come and go meanwhile; os.walk passes over a group that has just gone.
    return (Path(group, "cgroup.procs") for group, _, _ in os.walk(path))


def _read(listing: Path) -> list[str]:
    try:
        return listing.read_text("ascii").split()
    except OSError:  # gone in the meantime, or a threaded group, which lists nothing
        return []
