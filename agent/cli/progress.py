"""How far a download is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_STEP = 10
"""Per cent between two lines."""


def download_progress(title: str) -> Bar | Lines:
    """Choose by what the error output is; the standard output stays free for the result."""
    return Bar(title) if sys.stderr.isatty() else Lines(title)


class Bar:
    """A bar that a terminal redraws."""

    def __init__(self, title: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._title = title
        self._task: TaskID | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def moved(self, done: int, total: int | None) -> None:
        """See ``agent.detect.fetch.download.Progress``."""
        if self._task is None:  # not before: questions come first
            self._task = self._bar.add_task(self._title)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)


class Lines:
    """A line every ten per cent, for logs."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._told = -1

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass

    def moved(self, done: int, total: int | None) -> None:
        """See ``agent.detect.fetch.download.Progress``."""
        step = done * 100 // total // _STEP if total else done >> 24
        if step != self._told:
            self._told = step
            share = f" ({done * 100 // total} %)" if total else ""
            print(f"{self._title}: {done / 1e6:.1f} MB{share}", file=sys.stderr, flush=True)
