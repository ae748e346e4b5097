"""Where the lab keeps its things."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


def cache() -> Path:
    """Give the lab's folder, making it: the base system, the technician's Ansible and the runs lie in it."""
    folder = Path(os.environ.get("COMMUNE_LAB") or "/var/cache/commune-lab")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def runs() -> Path:
    """Give the folder that has one folder a run."""
    folder = cache() / "runs"
    folder.mkdir(exist_ok=True)
    return folder


@contextlib.contextmanager
def alone(what: str) -> Iterator[None]:
    """Let no other lab on this machine do the same thing until the block is left."""
    with (cache() / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
