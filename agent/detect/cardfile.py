"""Read a model card from TOML, refusing whatever it does not understand."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from math import isfinite
from pathlib import Path

from agent.detect.card import (
    CARD_ID,
    Baking,
    Card,
    DecodedHead,
    DetrHead,
    DistributionHead,
    FastestHead,
    Head,
    InputSpec,
    YoloxHead,
)
from agent.detect.forbidden import forbidden_label, forbidden_maker, forbidden_terms
from agent.detect.table import Table
from agent.errors import ModelError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MOST_PX = 8192
_LABEL_CHARS = 40  # no event may carry a longer one (event.schema.json)


def read_card(path: Path) -> Card:
    """Read the card at ``path``; named label lists (``labels = "coco80"``) are looked up beside it as ``coco80.txt``.

    Raises:
        ModelError: it is missing, no TOML, or says something that is not understood or not allowed.
    """
    subject = f"card {path.name}"
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(subject, f"cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ModelError(subject, f"is not valid TOML: {error}") from error
    table = Table(subject, values)
    card = _card(table, path.parent)
    table.close()
    for text in (card.id, card.title, *card.labels):
        purpose = forbidden_label(text)
        if purpose:
            raise ModelError(subject, f"{text!r} stands for {purpose}, which this software never does; take it out")
    terms = forbidden_terms(card.licence) or next(
        filter(None, map(forbidden_maker, (card.id, card.title, card.url))), None
    )
    if terms:
        raise ModelError(subject, f"is of a model under {terms}; take one whose licence is free for every use")
    return card


def _card(table: Table, folder: Path) -> Card:
    head, outputs = _head(table.table("decode"))
    card = Card(
        id=table.take("id", str),
        title=table.take("title", str),
        file=table.take("file", str),
        licence=table.take("licence", str),
        labels=_labels(table, folder),
        input=_input(table.table("input")),
        head=head,
        outputs=outputs,
        batch=table.choice("batch", ("fixed", "dynamic")),
        conf=table.number("conf", 0, 1),
        nms_iou=table.number("nms_iou", 0, 1),
        verified=table.take("verified", bool),
        provenance=table.take("provenance", str),
        sha256=table.take("sha256", str, ""),
        url=table.take("url", str, ""),
        ap=table.maybe_share("ap"),
        ap50=table.maybe_share("ap50"),
        ap_on=table.take("ap_on", str, ""),
        baking=_baking(table),
        least_tensorrt=_needs(table),
    )
    if isinstance(head, DetrHead) and len(head.columns) != len(card.labels):
        table.refuse("decode.columns", f"must name a column for each of the {len(card.labels)} labels")
    if card.url and not card.url.startswith("https://"):
        table.refuse("url", f"must begin with https://, got {card.url!r}")
    if not re.fullmatch(CARD_ID, card.id):
        table.refuse("id", f"must be small letters, digits and single hyphens, got {card.id!r}")
    if Path(card.file).name != card.file or card.file in ("", ".", ".."):
        table.refuse("file", f"must be a bare file name, got {card.file!r}")
    if card.sha256 and not re.fullmatch(r"[0-9a-f]{64}", card.sha256):
        table.refuse("sha256", f"must be 64 small hex digits, got {card.sha256!r}")
    return card


def _labels(table: Table, folder: Path) -> tuple[str, ...]:
    named = table.take("labels", (str, list))
    if isinstance(named, str):
        path = folder / f"{named}.txt"
        if Path(named).name != named or not path.is_file():
            table.refuse("labels", f"names the list {named!r}, but there is no {named}.txt beside the card")
        labels = tuple(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip())
    else:
        labels = table.listed("labels", str)
    if not labels or len(set(labels)) != len(labels):
        table.refuse("labels", "must hold at least one class and none twice")
    for label in labels:
        if not 1 <= len(label) <= _LABEL_CHARS:
            table.refuse("labels", f"has the class {label!r}; a class needs 1 to {_LABEL_CHARS} characters")
    return labels


def _input(table: Table) -> InputSpec:
    spec = InputSpec(
        name=table.take("name", str),
        height=table.whole("height", 1, _MOST_PX),
        width=table.whole("width", 1, _MOST_PX),
        layout=table.choice("layout", ("NCHW", "NHWC")),
        dtype=table.choice("dtype", ("float32", "uint8")),
        colour=table.choice("colour", ("BGR", "RGB")),
        resize=table.choice("resize", ("stretch", "letterbox")),
        interpolation=table.choice("interpolation", ("linear", "area")),
        pad=table.whole("pad", 0, 255, 114),
        scale=table.number("scale", 1e-6, 1e6, 1.0),
        mean=_three(table, "mean", 0.0),
        std=_three(table, "std", 1.0),
    )
    table.close()
    if min(spec.std) <= 0:
        table.refuse("std", f"must be positive, got {list(spec.std)}")
    plain = (spec.scale, spec.mean, spec.std) == (1.0, (0.0,) * 3, (1.0,) * 3)
    if spec.dtype == "uint8" and not plain:
        table.refuse("dtype", "is uint8: the pixels go in unchanged, so leave out scale, mean and std")
    return spec


def _three(table: Table, key: str, default: float) -> tuple[float, float, float]:
    values = table.listed(key, (int, float), [default] * 3)
    if len(values) != 3 or not all(map(isfinite, values)):
        table.refuse(key, f"needs three numbers, one a channel, got {list(values)}")
    return float(values[0]), float(values[1]), float(values[2])


def _head(table: Table) -> tuple[Head, tuple[str, ...]]:
    head = _HEADS[table.choice("kind", tuple(_HEADS))](table)
    outputs = table.listed("outputs", str, [])
    table.close()
    return head, outputs


def _strides(table: Table) -> tuple[int, ...]:
    strides = table.listed("strides", int)
    if not strides or min(strides) < 1 or len(set(strides)) != len(strides):
        table.refuse("strides", f"must be different positive whole numbers, got {list(strides)}")
    return strides


def _distribution(table: Table) -> Head:
    return DistributionHead(
        _strides(table),
        bins=table.whole("bins", 2, 64),
        centre=table.number("centre", 0, 1),
        joined=table.take("joined", bool),
    )


def _detr(table: Table) -> Head:
    head = DetrHead(table.listed("columns", int), table.whole("width", 1, _MOST_PX))
    if not set(head.columns) <= set(range(head.width)) or len(set(head.columns)) != len(head.columns):
        table.refuse("columns", f"must be different whole numbers from 0 to {head.width - 1}, got {list(head.columns)}")
    return head


def _needs(table: Table) -> tuple[int, ...]:
    if not table.take("needs", dict, {}):
        return ()
    needs = table.table("needs")
    version = needs.take("tensorrt", str)
    needs.close()
    if not re.fullmatch(r"\d{1,3}(\.\d{1,4}){0,3}", version):
        needs.refuse("tensorrt", f'must be a version, e.g. "10.16", got {version!r}')
    return tuple(map(int, version.split(".")))


def _baking(table: Table) -> Baking | None:
    if not table.take("bake", dict, {}):
        return None
    bake = table.table("bake")
    baking = Baking(
        source=bake.take("source", str),
        source_sha256=bake.take("source_sha256", str),
        card=bake.take("card", str),
        height=bake.whole("height", 1, _MOST_PX),
        width=bake.whole("width", 1, _MOST_PX),
        batch=bake.whole("batch", 0, _MOST_PX),
        precision=bake.choice("precision", ("fp32", "fp16")),
        keep=bake.whole("keep", 1, _MOST_PX),
        tool=bake.take("tool", str),
    )
    bake.close()
    return baking


_HEADS: dict[str, Callable[[Table], Head]] = {
    "yolox": lambda table: YoloxHead(_strides(table)),
    "distribution": _distribution,
    "fastestdet": lambda table: FastestHead(table.whole("stride", 1, _MOST_PX)),
    "decoded": lambda _: DecodedHead(),
    "detr": _detr,
}
