"""Which model cards there are: those that ship with the software, and the site's own beside its models."""

from __future__ import annotations

import difflib
from pathlib import Path

from agent.detect.card import Card
from agent.detect.cardfile import read_card
from agent.errors import ModelError


def shipped_dir() -> Path:
    """Where the shipped cards lie: within the installed package, or at the root of a working copy."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


def card_files(models_dir: Path | None = None) -> dict[str, Path]:
    """Give every card's file by the card's id, which is also the file's stem.

    Args:
        models_dir: where the site's own cards and models lie; None for the shipped cards alone.

    Raises:
        ModelError: an own card takes the id of a shipped one.
    """
    files = {path.stem: path for path in sorted(shipped_dir().glob("*.toml"))}
    own = sorted(models_dir.glob("*.toml")) if models_dir is not None else []
    for path in own:
        if path.stem in files:
            raise ModelError(f"card {path}", f"takes the name of a shipped card; give it another than {path.stem}")
    return files | {path.stem: path for path in own}


def find_card(card_id: str, models_dir: Path | None = None) -> Card:
    """Read the card with this id.

    Raises:
        ModelError: there is none (the nearest name is suggested), or it cannot be used.
    """
    files = card_files(models_dir)
    if card_id not in files:
        near = difflib.get_close_matches(card_id, files, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ModelError(f"card {card_id!r}", f"is not known; {hint}there are: {', '.join(sorted(files))}")
    card = read_card(files[card_id])
    if card.id != card_id:
        raise ModelError(f"card {files[card_id].name}", f"says id = {card.id!r}; it must be the file's own name")
    return card
