"""Open a stream with the backend the configuration names; never with another."""

from __future__ import annotations

from collections.abc import Mapping

from agent.core.source import Grabber, Opener, StreamRequest
from agent.errors import BackendMissing
from agent.video.jetson import open_jetson
from agent.video.opencv import open_opencv

BACKENDS: Mapping[str, Opener] = {"jetson": open_jetson, "opencv": open_opencv}
"""The backends of this room; a program adds those of other rooms to a copy."""


def open_source(backend: str, request: StreamRequest, backends: Mapping[str, Opener]) -> Grabber:
    """Open ``request`` with the backend called ``backend``.

    Raises:
        BackendMissing: ``backends`` has none of this name, or it cannot run here.
        SourceLost: the source gives no stream now; it may later.
        ConfigError: the request can never be met.
    """
    opener = backends.get(backend)
    if opener is None:
        known = ", ".join(sorted(backends))
        raise BackendMissing(backend, f"there is no such video backend; known: {known}")
    return opener(request)
