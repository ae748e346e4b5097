"""Bring a model onto the box: checked against its card, tried, and put in place in one step."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.clock import SystemClock
from agent.detect.card import Card
from agent.detect.cardfile import read_card
from agent.detect.catalogue import card_files, find_card
from agent.detect.chart import check_picture
from agent.detect.detector import load_detector
from agent.detect.engine import open_engine
from agent.detect.modelfile import check_file, check_terms, explained, sha256_of
from agent.detect.modelstore import Receipt, receipt_path
from agent.detect.settings import DetectSettings
from agent.errors import ConfigError, ModelError
from agent.owner import as_owner


@dataclass(frozen=True, slots=True)
class Added:
    """What ``add_model`` did.

    Attributes:
        card: the model's card.
        path: where the model now lies.
        sha256: its digest.
        pinned: whether it is the very file that the card pins.
        found: detections on the operator's picture from the card's ``conf`` on; None without a picture.
    """

    card: Card
    path: Path
    sha256: str
    pinned: bool
    found: int | None


def add_model(
    file: Path, card_id: str, models_dir: Path, *, allow_other: bool = False, picture: Path | None = None
) -> Added:
    """Check, try and install a model file; on any fault nothing has changed.

    Args:
        file: the model as downloaded, exported or baked.
        card_id: what it is meant to be; a baked model brings its card along, which is then installed too.
        models_dir: where the box keeps its models; made if need be.
        allow_other: take a file whose SHA-256 is not the card's, as long as its shape is.
        picture: a picture to try it on, besides the drawn one.

    Raises:
        ModelError: unknown card, a broken file or another model than the card's, or the folder cannot be written.
        ConfigError: the picture cannot be read.
    """
    own_card = _own_card(file, card_id)
    card = find_card(card_id, models_dir) if own_card is None else read_card(own_card)
    digest = pinned_digest(file, card, allow_other)
    found = _try(card, file, picture)
    receipt = Receipt(card.id, digest, file.stat().st_size, file.name, today(), card.sha256 == digest)
    target = models_dir / card.file
    # Root may read the file where the box's user may not; what is made is that user's.
    with explained(models_dir), file.open("rb") as content, as_owner(models_dir):
        models_dir.mkdir(parents=True, exist_ok=True)
        _install(content, file, target, receipt, "" if own_card is None else own_card.read_text("utf-8"))
    return Added(card, target, digest, receipt.pinned, found)


def _own_card(file: Path, card_id: str) -> Path | None:
    """Give the card that lies beside a baked model, where it is the one that is meant."""
    path = file.with_suffix(".toml")
    if path.stem != card_id or card_id in card_files() or not path.is_file():
        return None
    card = read_card(path)
    return path if card.baking is not None and card.id == card_id else None


def pinned_digest(file: Path, card: Card, allow_other: bool) -> str:
    """Give a file's SHA-256, which must be the card's where that pins one, unless another export is allowed.

    Raises:
        ModelError: it is another file, plainly no model, or under terms that are not taken.
    """
    check_file(file)
    check_terms(file)
    digest = sha256_of(file)
    if not allow_other and card.sha256 not in ("", digest):
        raise ModelError(
            str(file),
            f"is not the file card {card.id} pins: its sha256 is {digest}, the card's {card.sha256}; download it again"
            " (--allow-other takes another export that you trust)",
        )
    return digest


def _try(card: Card, file: Path, picture: Path | None) -> int | None:
    """Run the model on the drawn picture and on the operator's; give how much it finds on the latter."""
    detector = load_detector(card, file, DetectSettings(card=card.id, min_score=card.conf))
    try:
        detector.self_test(check_picture())
        return None if picture is None else len(detector.self_test(read_picture(picture)))
    finally:
        detector.close()


def read_picture(picture: Path) -> NDArray[np.uint8]:
    """Read an operator's picture, (H, W, 3) uint8 BGR.

    Raises:
        ConfigError: it is none.
    """
    pixels = cv2.imread(str(picture))
    if pixels is None:
        raise ConfigError("--picture", f"{picture} is no picture that can be read; give a JPEG or PNG file")
    return np.asarray(pixels, np.uint8)


def _install(content: IO[bytes], file: Path, target: Path, receipt: Receipt, card_text: str) -> None:
    """Copy beside the target, prove the copy, then rename; a power cut leaves the old model or the new one.

    A ``card_text`` goes beside it, before the model: a card without its model says what is missing.
    """
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as out:
            shutil.copyfileobj(content, out)
        _sync(part)
        if sha256_of(part) != receipt.sha256:
            raise ModelError(str(file), "changed while it was copied, or the disk is failing; try again")
        _prove_whole(file, part)
        write_synced(receipt_path(target), receipt.to_json())
        if card_text:
            write_synced(target.with_suffix(".toml"), card_text)
        part.replace(target)
        _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _prove_whole(file: Path, copy: Path) -> None:
    """Open the copy alone: a model may keep its weights in a second file, which stayed behind."""
    try:
        open_engine("onnx", copy, 1).close()
    except ModelError as error:
        raise ModelError(str(file), "needs further files beside it; export it again as one single file") from error


def write_synced(path: Path, text: str) -> None:
    """Write a small file so that a power cut leaves the old one or the new one."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, "utf-8")
    _sync(part)
    part.replace(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def today() -> str:
    """Give the time as receipts have it."""
    return datetime.fromtimestamp(SystemClock().now().utc_us / 1e6, timezone.utc).isoformat(timespec="seconds")
