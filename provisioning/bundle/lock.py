"""A target's lock: which versions, and which files are allowed for each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ConfigError

_PIN = re.compile(r"^([a-z0-9-]+)==([^\s;\\]+)((?:\s*\\\n\s+--hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock.

    Attributes:
        name: normalised, ``opencv-python-headless``.
        version: the only one that is installed.
        hashes: SHA-256 of the files that may be it.
    """

    name: str
    version: str
    hashes: frozenset[str]


def read_lock(path: Path) -> tuple[Pin, ...]:
    """Read a lock that ``requirements/make.py`` has written.

    Raises:
        ConfigError: it is missing, or holds a line that no such lock has.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(
            str(path), f"cannot be read ({error.strerror}); write it: .venv/bin/python requirements/make.py"
        ) from error
    rest = _PIN.sub("", text).strip()
    if rest:
        raise ConfigError(
            str(path),
            f"has a line without hashes: {rest.splitlines()[0]!r}; run: .venv/bin/python requirements/make.py",
        )
    return tuple(Pin(name, version, frozenset(_hashes(hashes))) for name, version, hashes in _PIN.findall(text))


def pinned(name: str, version: str, digest: str) -> str:
    """Write the lock's line of one package with one file."""
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n"


def _hashes(text: str) -> list[str]:
    return re.findall(r"sha256:([0-9a-f]{64})", text)
