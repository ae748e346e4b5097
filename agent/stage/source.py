"""The ``rendered`` backend: a scene as a camera."""

from __future__ import annotations

from urllib.parse import parse_qsl

from agent.clock import Clock, SystemClock
from agent.core.source import Grab, StreamRequest
from agent.errors import ConfigError, SourceEnded
from agent.stage.render import Renderer
from agent.stage.script import load_scene

_START = "start_mono_us"


class SceneGrabber:
    """Reads a scene like a stream.

    At the pace ``source`` pictures come in real time and late ones are left out; scene time is the monotonic clock
    since the start, and until the start the first picture stands still. At the pace ``fast`` every picture comes as
    soon as it is asked for.
    """

    def __init__(self, renderer: Renderer, request: StreamRequest, start_us: int, clock: Clock) -> None:
        self.live = request.pace != "fast"
        self._renderer, self._camera, self._loop = renderer, request.camera, request.loop
        self._start_us, self._clock = start_us, clock
        self._count = max(1, round(renderer.scene.duration_s * renderer.scene.fps))
        self._first = min(0, self._due()) if self.live else 0
        self._next = self._first

    def read(self) -> Grab:
        """Give the next picture; sleeps until it is due when live.

        Raises:
            SourceEnded: the scene is over and does not loop.
        """
        frame = max(self._next, self._due()) if self.live else self._next
        if frame >= self._count and not self._loop:
            raise SourceEnded(self._camera, "the scene is over")
        if self.live:
            self._clock.sleep((self._at_us(frame) - self._clock.now().mono_us) / 1_000_000)
        self._next = frame + 1
        picture = self._renderer.render(max(0, frame) % self._count / self._renderer.scene.fps)
        return Grab(picture.pixels, self._at_us(frame) - self._at_us(self._first))

    def close(self) -> None:
        """Nothing to give back."""

    def _due(self) -> int:
        """Number of the picture whose time it is; one is late only once the next is due."""
        return int((self._clock.now().mono_us - self._start_us) * self._renderer.scene.fps // 1_000_000)

    def _at_us(self, frame: int) -> int:
        return self._start_us + round(frame * 1_000_000 / self._renderer.scene.fps)


def open_rendered(request: StreamRequest, clock: Clock | None = None) -> SceneGrabber:
    """Open a scene.

    Args:
        request: its url is the name of a scene that comes with the software or a path ending in .toml, and may carry
            ``?start_mono_us=N``: the CLOCK_MONOTONIC µs at which the scene begins, so that others can tell what should
            be seen when. Without it the scene begins once it is open.
        clock: the machine's own unless a test brings another.

    Raises:
        ConfigError: no such scene, a faulty script, or an unknown parameter.
    """
    name, _, query = request.url.partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    start = parameters.pop(_START, None)
    key = f"cameras.{request.camera}.url"
    if parameters:
        raise ConfigError(key, f"unknown parameter {sorted(parameters)[0]!r}; a scene takes only {_START}")
    if start is not None and not start.isdecimal():
        raise ConfigError(key, f"{_START} must be whole microseconds, got {start!r}")
    renderer = Renderer(load_scene(name))
    clock = clock or SystemClock()
    return SceneGrabber(renderer, request, clock.now().mono_us if start is None else int(start), clock)
