"""The lock file of a models folder: which file each card stood for when a person first trusted it there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.detect.install import write_synced
from agent.detect.modelfile import explained
from agent.errors import ModelError

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Pin:
    """A file that a card stands for from now on.

    Attributes:
        sha256: hex digest.
        size_bytes: of the file.
        source: address or file name where it came from.
        trusted_utc: when, ISO 8601.
    """

    sha256: str
    size_bytes: int
    source: str
    trusted_utc: str


def lock_path(models_dir: Path) -> Path:
    """Give where the lock lies."""
    return models_dir / "models.lock.json"


def read_lock(models_dir: Path) -> dict[str, Pin]:
    """Give the pins by card; none where there is no lock yet.

    Raises:
        ModelError: it is damaged; what it held must not be lost in silence.
    """
    path = lock_path(models_dir)
    try:
        table = json.loads(path.read_text("utf-8"))
        if table["format"] != _FORMAT:
            raise ModelError(str(path), f"has format {table['format']}; a newer version of this software wrote it")
        return {card: Pin(**fields) for card, fields in table["models"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            str(path), f"is no readable lock ({error}); bring it back from a copy, or remove it to trust anew"
        ) from error


def write_pin(models_dir: Path, card_id: str, pin: Pin) -> None:
    """Pin a card's file, whole or not at all.

    Raises:
        ModelError: the folder cannot be written, or the lock that is there is damaged.
    """
    pins = read_lock(models_dir) | {card_id: pin}
    table = {"format": _FORMAT, "models": {card: asdict(each) for card, each in sorted(pins.items())}}
    with explained(models_dir):
        write_synced(lock_path(models_dir), json.dumps(table, indent=2) + "\n")
