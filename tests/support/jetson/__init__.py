"""Stand-ins for NVIDIA's Python modules, to be put on ``sys.path`` where no Jetson is at hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATH = Path(__file__).parent
"""The folder to put on ``sys.path`` (or PYTHONPATH of a child): ``import jetson_utils_python`` then finds the fake."""


@contextmanager
def jetson_utils() -> Iterator[object]:
    """Let ``import jetson_utils_python`` find a fresh fake; gives its ``bench``, by which a test plays the world."""
    _forget()
    sys.path.insert(0, str(PATH))
    try:
        from jetson_utils_python import bench  # type: ignore[import-not-found]

        yield bench
    finally:
        sys.path.remove(str(PATH))
        _forget()


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "jetson_utils_python"]:
        del sys.modules[name]
