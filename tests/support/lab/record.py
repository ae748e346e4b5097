"""What a run has started, mounted and made, written down before it is done, and its clearing away from that alone.

A line is written first and the thing done after it: whatever dies, and however, the record knows of everything that may
be there. A process is known by its id and the time it started at, since ids come again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from support.lab import cgroups, places
from support.lab.shell import LabError, call, until

_FILE = "record.jsonl"
_END_S = 20.0


class Record:
    """The record of one run, in the run's folder.

    Attributes:
        folder: the run's folder; all the run's files lie in it.
        name: the run's name, with which everything begins that the machine knows by name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"lab-{folder.name}"

    @classmethod
    def begin(cls, kept: bool) -> Record:
        """Make a run's folder; ``kept`` says that the run goes on after this process, until it is taken down."""
        for number in range(1000):
            folder = places.runs() / f"{os.getpid()}{f'-{number}' if number else ''}"
            fresh = folder.with_name(f"new-{folder.name}")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o711)
            record = cls(fresh)
            record.owned(0 if kept else os.getpid())
            with contextlib.suppress(OSError):  # the folder of a dead run of the same number may still be there
                fresh.rename(folder)
                return cls(folder)
        raise LabError(f"{places.runs()}: no free name; run: python -m support.lab clean")

    def owned(self, pid: int) -> None:
        """Note whose run this is: a process's, or, where ``pid`` is 0, nobody's."""
        self._note("owner", pid=pid, started=started(pid) if pid else 0)

    def process(self, pid: int) -> None:
        """Note a process; it is killed when the run is cleared away."""
        self._note("process", pid=pid, started=started(pid))

    def mount(self, path: Path) -> None:
        """Note a mount that is about to be made."""
        self._note("mount", path=str(path))

    def namespace(self, name: str) -> None:
        """Note a network namespace that is about to be made."""
        self._note("namespace", name=name)

    def group(self, name: str) -> None:
        """Note a control group that is about to be made."""
        self._note("group", name=name)

    def leftover(self, path: Path) -> None:
        """Note a lock file or an empty folder, outside the run's, that a killed program leaves."""
        self._note("leftover", path=str(path))

    def owner_lives(self) -> bool:
        """Tell whether the run belongs to somebody: a process that lives, or whoever takes it down."""
        owners = self._lines("owner")
        return bool(owners) and (not owners[-1]["pid"] or started(owners[-1]["pid"]) == owners[-1]["started"])

    def clear(self, say: Callable[[str], object] = lambda _text: None) -> None:
        """End and remove everything that the record names, then the run's folder.

        Raises:
            LabError: something would not go; the folder with the record stays, for another try.
        """
        self._kill(say)
        for line in self._lines("namespace"):
            if Path("/run/netns", line["name"]).exists():
                call("ip", "netns", "del", line["name"])
        for line in reversed(self._lines("mount")):
            if _mounted(Path(line["path"])):
                call("umount", line["path"])
        for path in map(Path, sorted({line["path"] for line in self._lines("leftover")})):
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        still = [path for path in _mounts() if path.is_relative_to(self.folder)]
        if still:
            raise LabError(f"{still[0]} is still mounted; umount it and clean again")
        shutil.rmtree(self.folder)

    def _kill(self, say: Callable[[str], object]) -> None:
        names = sorted({line["name"] for line in self._lines("group")})
        for line in self._lines("process"):
            if started(line["pid"]) == line["started"]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(line["pid"], signal.SIGKILL)
        for name in names:
            paths = cgroups.groups(name)
            if running := cgroups.members(paths):
                say(f"ending {name}: {len(running)} processes")
            cgroups.end_all(paths)
        for line in self._lines("process"):
            until(lambda line=line: started(line["pid"]) != line["started"], _END_S, f"process {line['pid']} ends")
        for name in names:
            for path in cgroups.groups(name):
                cgroups.remove(path)

    def _note(self, kind: str, **facts: object) -> None:
        with (self.folder / _FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, **facts}) + "\n")

    def _lines(self, kind: str) -> list[dict]:
        try:
            text = (self.folder / _FILE).read_text("utf-8")
        except FileNotFoundError:
            return []
        lines = [json.loads(line) for line in text.splitlines()]
        return [line for line in lines if line["kind"] == kind]


def every_run() -> list[Record]:
    """Give the records of all runs there are, dead or alive, the oldest first."""
    folders = [folder for folder in places.runs().iterdir() if (folder / _FILE).exists()]
    return [Record(folder) for folder in sorted(folders, key=lambda folder: folder.stat().st_mtime)]


def clear_dead_runs(say: Callable[[str], object]) -> None:
    """Clear away every run whose process has died."""
    with places.alone("clean"):
        for record in every_run():
            if not record.owner_lives():
                say(f"clearing away run {record.folder.name}, whose process has died")
                record.clear(say)


def started(pid: int) -> int:
    """Give the time at which a process started, in ticks since boot; -1 where there is none or it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
    except OSError:
        return -1
    state, *fields = text.rpartition(")")[2].split()
    return -1 if state in "ZX" else int(fields[18])


def _mounts() -> list[Path]:
    return [Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines()]


def _mounted(path: Path) -> bool:
    return path in _mounts()
