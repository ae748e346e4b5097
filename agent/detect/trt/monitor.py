"""How far a build is: TensorRT's nested phases as one share, and the way to stop it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from agent.detect.trt.api import ProgressMonitor, TensorRt


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is.

    Attributes:
        phase: what TensorRT does, in its words.
        share: of that phase, 0..1; phases follow each other, and nobody knows how many there will be.
    """

    phase: str
    share: float


Told = Callable[[Progress], None]

_STEP = 0.01


@dataclass(slots=True)
class _Phase:
    parent: str | None
    steps: int
    done: int = 0
    inner: float = 0.0

    @property
    def share(self) -> float:
        return min(1.0, (self.done + min(1.0, self.inner)) / max(1, self.steps))


class Tally:
    """Adds nested phases up; used by TensorRT's threads, one at a time."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._phases: dict[str, _Phase] = {}
        self._last = Progress("", -1.0)

    def begin(self, name: str, parent: str | None, steps: int) -> None:
        """A phase begins, within ``parent``."""
        self._phases[name] = _Phase(parent or None, steps)
        self._tell(name)

    def step(self, name: str, step: int) -> None:
        """Step number ``step`` of a phase, from 0 on, is done."""
        phase = self._phases.get(name)
        if phase is not None:
            phase.done, phase.inner = max(phase.done, step + 1), 0.0
            self._tell(name)

    def end(self, name: str) -> None:
        """A phase is over."""
        phase = self._phases.get(name)
        if phase is not None:
            phase.done = max(1, phase.steps)
            self._tell(name)
            del self._phases[name]

    def _tell(self, name: str) -> None:
        phase = self._phases[name]
        while phase.parent is not None and phase.parent in self._phases:
            name, share = phase.parent, phase.share
            phase = self._phases[name]
            phase.inner = max(phase.inner, share)
        now = Progress(name, phase.share)
        if now.phase != self._last.phase or now.share >= self._last.share + _STEP or now.share == 1 > self._last.share:
            self._last = now
            self._told(now)


def make_monitor(trt: TensorRt, told: Told, cancelled: Callable[[], bool]) -> ProgressMonitor:
    """Make what a builder reports to; it must live as long as the builder's configuration."""
    tally, lock = Tally(told), threading.Lock()

    class _Monitor(trt.IProgressMonitor):  # type: ignore[misc,name-defined]  # a class of the library
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            with lock:
                tally.begin(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            with lock:
                tally.step(phase_name, step)
            return not cancelled()

        def phase_finish(self, phase_name: str) -> None:
            with lock:
                tally.end(phase_name)

    return _Monitor()
