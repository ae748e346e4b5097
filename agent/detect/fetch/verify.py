"""Hash every model that is here again, and hold it against what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.detect.card import Card
from agent.detect.catalogue import card_files, find_card, shipped_dir
from agent.detect.fetch.lock import Pin, read_lock
from agent.detect.modelfile import check_file, sha256_of
from agent.detect.modelstore import receipt_digest
from agent.errors import ModelError

WHOLE, OTHER, UNKNOWN, BROKEN = "whole", "other", "unknown", "broken"


@dataclass(frozen=True, slots=True)
class Verified:
    """What is true of one model file.

    Attributes:
        card: id of its card; empty where no card knows it.
        path: the file.
        sha256: of what lies there now; empty where it cannot be read.
        state: ``whole``: what it was when it came; ``other``: that too, but not the file that its card or the lock
            pins; ``unknown``: nothing says what it should be; ``broken``: changed since, or unreadable.
        told: a sentence for people.
    """

    card: str
    path: Path
    sha256: str
    state: str
    told: str


def verify(models_dir: Path) -> list[Verified]:
    """Look at every model in the folder and at those that ship; in the cards' order, strangers last.

    Raises:
        ModelError: a card or the lock itself cannot be used.
    """
    pins, found, known = read_lock(models_dir), [], set()
    for card_id in card_files(models_dir):
        card = find_card(card_id, models_dir)
        known.add(card.file)
        for folder in dict.fromkeys((models_dir, shipped_dir())):
            if (folder / card.file).exists():
                found.append(_looked_at(card, folder / card.file, pins.get(card_id)))
                break
        else:
            if card_id in pins:
                told = f"it was pulled on {pins[card_id].trusted_utc} and is gone; pull it again"
                found.append(Verified(card_id, models_dir / card.file, "", BROKEN, told))
    return found + list(_strangers(models_dir, known))


def _looked_at(card: Card, path: Path, pin: Pin | None) -> Verified:
    try:
        check_file(path)
        digest, receipt = sha256_of(path), receipt_digest(path)
    except ModelError as error:
        return Verified(card.id, path, "", BROKEN, str(error))
    pinned = pin.sha256 if pin is not None else card.sha256
    expected = receipt or pinned
    if not expected:
        return Verified(card.id, path, digest, UNKNOWN, "nothing says what it should be; add or pull it again")
    if digest != expected:
        told = f"it has changed on the disk: it should be {expected}; add or pull it again, and look at the disk"
        return Verified(card.id, path, digest, BROKEN, told)
    if pinned not in ("", digest):
        return Verified(card.id, path, digest, OTHER, f"as it was added, but not the file that is pinned ({pinned})")
    return Verified(card.id, path, digest, WHOLE, "as it was added" if receipt else "as its card says")


def _strangers(models_dir: Path, known: set[str]) -> Iterator[Verified]:
    for path in sorted(models_dir.glob("*.onnx")):
        if path.name not in known:
            yield Verified("", path, sha256_of(path), UNKNOWN, "no card knows it; nothing uses it")
