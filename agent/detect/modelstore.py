"""Where model files lie: find a card's file, and make sure that it is the one that was meant."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.detect.card import Card
from agent.detect.catalogue import shipped_dir
from agent.detect.modelfile import check_file, sha256_of
from agent.detect.settings import DetectSettings
from agent.errors import ModelError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was written beside an added model, as JSON.

    Attributes:
        card: id of its card.
        sha256: of the file as it was added.
        size_bytes: of the file.
        source: name of the file it came from.
        added_utc: when, ISO 8601.
        pinned: whether this is the file that the card pins; False where the operator chose to take another one.
    """

    card: str
    sha256: str
    size_bytes: int
    source: str
    added_utc: str
    pinned: bool

    def to_json(self) -> str:
        """Write it as JSON text."""
        return json.dumps(asdict(self), indent=2) + "\n"


def receipt_path(model: Path) -> Path:
    """Give where the receipt of an added model lies."""
    return model.with_name(model.name + ".json")


def resolve_model(settings: DetectSettings, card: Card) -> Path:
    """Find the model file of ``card``: the configured one, else the added one, else the one that ships.

    A file that the configuration names itself may be another than the card pins; the log then says so. An added or
    shipped one may not: it would have been damaged or exchanged on the disk.

    Raises:
        ModelError: there is none (the error says how to get it), or it is not the one it should be.
    """
    if settings.model is not None:
        check_file(settings.model)
        digest = sha256_of(settings.model)
        if card.sha256 not in ("", digest):
            log.warning("model %s is not the file that card %s pins; its sha256 is %s", settings.model, card.id, digest)
        return settings.model
    for folder in (settings.models_dir, shipped_dir()):
        model = folder / card.file
        if model.exists():
            _check_same(model, card)
            return model
    raise ModelError(card.id, f"has no file at {settings.models_dir / card.file}; {how_to_get(card)}")


def how_to_get(card: Card) -> str:
    """Say what to fetch, under which licence, and the command that puts it in place."""
    command = f"commune-agent model add FILE --card {card.id}"
    if not card.url:
        return f"put it in place with: {command}"
    digest = f", sha256 {card.sha256}" if card.sha256 else ""
    return (
        f"fetch it with: commune-agent model pull {card.id}; or download {card.url} (licence: {card.licence}{digest})"
        f" and run: {command}"
    )


def _check_same(model: Path, card: Card) -> None:
    check_file(model)
    expected = receipt_digest(model) or card.sha256
    digest = sha256_of(model)
    if expected not in ("", digest):
        raise ModelError(
            str(model),
            f"has changed on the disk: its sha256 is {digest}, it should be {expected}; {how_to_get(card)}",
        )


def receipt_digest(model: Path) -> str:
    """Give the digest that a model was added with; empty where it has no receipt.

    Raises:
        ModelError: the receipt cannot be read.
    """
    path = receipt_path(model)
    if not path.exists():
        return ""
    try:
        return str(json.loads(path.read_text("utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(str(path), f"is no readable receipt ({error}); add the model again") from error
