"""Where a test plays the world around the fake; the real module has nothing like it."""

from __future__ import annotations

import threading
import time
from typing import Any

from ._gpu import Gpu


class Bench:
    """Everything outside the program.

    Attributes:
        gpu: the device.
        scripts: sources by URI (without credentials), for those that are not a real stream; see ``_feeds.Script``.
        pipelines: every pipeline built, newest last; see ``_pipeline.Pipeline``.
        faults: what would have crashed a real program, in words.
        leaks: what was never given back: ``discoverer``, ``decoder``, ``array interface``.
        sources: how many videoSource objects are alive.
        builds: how many constructors have been called.
        at_once: the most constructors that ever ran at the same time.
        init_s: how long gst_init takes, in which a second source may not be made.
        discover_s: longest time the discoverer takes.
    """

    def __init__(self) -> None:
        self.gpu = Gpu()
        self.scripts: dict[str, object] = {}
        self.pipelines: list[object] = []
        self.faults: list[str] = []
        self.leaks: list[str] = []
        self.sources = 0
        self.builds = 0
        self.at_once = 0
        self.building = 0
        self.init_s = 0.02
        self.initialised = False
        self.initialising = False
        self.discover_s = 5.0
        self.lock = threading.Lock()
        self._step_s = 0.0

    def script(self, uri: str, **more: Any) -> Any:
        """Give the source at ``uri`` (without credentials) a script that the test plays; see ``_feeds.Script``."""
        from ._feeds import Script

        made = self.scripts[uri] = Script(**more)
        return made

    def realtime(self) -> float:
        """The wall clock, in seconds."""
        return time.monotonic() + self._step_s

    def step_clock(self, seconds: float) -> None:
        """Set the wall clock, as NTP does; every time-out that is running follows."""
        self._step_s += seconds

    def all_faults(self) -> list[str]:
        """Everything that a sound program never does."""
        return self.gpu.verify() + list(self.faults)


world = Bench()
