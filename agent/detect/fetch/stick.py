"""Find a model in a folder that was carried in, e.g. on a USB stick."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from agent.detect.card import Card
from agent.detect.cardfile import read_card
from agent.detect.modelfile import sha256_of
from agent.errors import ConfigError, ModelError

_MOST_DEPTH = 4
_MOST_FILES = 20_000


def find_model(folder: Path, card: Card, digest: str) -> Path:
    """Find a card's file: by its digest where one is known, else by the card's name for it or the address's.

    Raises:
        ModelError: it is not there.
        ConfigError: the folder cannot be looked through.
    """
    names = [card.file, PurePosixPath(urlsplit(card.url).path).name]
    found = sorted(_models(folder), key=lambda path: (path.name not in names, len(path.parts), str(path)))
    named = [path for path in found if path.name in names]
    if digest:
        for path in found:
            if sha256_of(path) == digest:
                return path
        strangers = f"; {named[0]} has that name and is another file (sha256 {sha256_of(named[0])})" if named else ""
        raise ModelError(
            card.id,
            f"is not in {folder}: none of {len(found)} models there has sha256 {digest}{strangers}; {_bring(card)}",
        )
    if not named:
        wanted = " or ".join(dict.fromkeys(filter(None, names)))
        raise ModelError(card.id, f"is not in {folder}: there is no {wanted} in it; {_bring(card)}")
    others = [path for path in named if sha256_of(path) != sha256_of(named[0])]
    if others:
        raise ModelError(
            card.id, f"cannot be told apart in {folder}: {named[0]} and {others[0]} differ; leave one there"
        )
    return named[0]


def _bring(card: Card) -> str:
    return f"copy there what comes from {card.url}" if card.url else "copy it there; its card says how it is made"


def carried_card(folder: Path, card_id: str) -> Card | None:
    """Give the card of a baked model that lies in the folder, with the model beside it."""
    for path in _files(folder):
        if path.name == f"{card_id}.toml" and path.with_suffix(".onnx").is_file():
            card = read_card(path)
            if card.baking is not None and card.id == card_id:
                return card
    return None


def _models(folder: Path) -> Iterator[Path]:
    return (path for path in _files(folder) if path.suffix == ".onnx")


def _files(folder: Path) -> Iterator[Path]:
    """Walk a few levels deep, past links and hidden folders (a stick's waste basket)."""
    if not folder.is_dir():
        raise ConfigError("--from", f"{folder} is no folder; is the stick mounted?")
    count = 0
    for place, folders, names in os.walk(folder, onerror=_stop):
        deep = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if deep < _MOST_DEPTH else []
        for name in sorted(names):
            count += 1
            if count > _MOST_FILES:
                raise ConfigError("--from", f"{folder} holds more than {_MOST_FILES} files; name the folder itself")
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _stop(error: OSError) -> None:
    raise ConfigError("--from", f"{error.filename} cannot be read: {error.strerror}; pull the stick out and in again")
