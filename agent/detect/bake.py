"""Bake a published model: one file that takes pixels as they come and gives boxes, the same in every engine.

What is published takes one picture of one size, as float32 planes, and answers in a code of its own. A baked model
takes any number of pictures, uint8 with the channels last, and gives the best boxes, scores and classes of each;
suppression stays outside. The work is done in ``baking/``, which needs the package ``onnx``: it is loaded here and only
when something is baked.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from agent.detect.baking.cardtext import card_text
from agent.detect.baking.lens import lens
from agent.detect.baking.proof import Agreement, compare, judged
from agent.detect.baking.recipe import Recipe
from agent.detect.card import CARD_ID, Baking, Card, DecodedHead, FastestHead
from agent.detect.catalogue import card_files, find_card
from agent.detect.chart import check_picture
from agent.detect.decode import MOST
from agent.detect.install import pinned_digest, read_picture
from agent.detect.modelfile import sha256_of
from agent.errors import BackendMissing, ConfigError, ModelError

Size = tuple[int, int]

_CELL_PX = 32
"""The coarsest cell of the networks that are baked here: another size must be a multiple of it."""


@dataclass(frozen=True)
class Order:
    """What shall be baked, and how.

    Attributes:
        file: the published model.
        card: id of its card.
        target: the baked model; its name without ``.onnx`` becomes the id of its card, which is written beside it.
        tool: the program that bakes, and its version.
        size: height and width of the network's input; None for the card's.
        frame: height and width of the pictures that will come; None where they come in the network's own size.
        batch: pictures a call; 0 = any number.
        precision: ``fp32`` or ``fp16``.
        keep: rows a picture at most, best first.
        colour: ``BGR`` or ``RGB``, the order in which the pixels will come.
        pictures: to compare the two models on, beside a drawn one.
        models_dir: where the site's own cards lie; None for the shipped ones alone.
        allow_other: take another file than the card pins.
    """

    file: Path
    card: str
    target: Path
    tool: str
    size: Size | None = None
    frame: Size | None = None
    batch: int = 0
    precision: str = "fp32"
    keep: int = MOST
    colour: str = "BGR"
    pictures: tuple[Path, ...] = ()
    models_dir: Path | None = None
    allow_other: bool = False


@dataclass(frozen=True, slots=True)
class Baked:
    """What ``bake`` made.

    Attributes:
        path: the model.
        card_path: its card, beside it.
        card: the same, read.
        agreement: how near it is to the published one; in half precision, with every step rounded as on a GPU.
    """

    path: Path
    card_path: Path
    card: Card
    agreement: Agreement


def bake(order: Order) -> Baked:
    """Bake a model, hold it against the published one, and write it with its card; on any fault nothing is written.

    Raises:
        BackendMissing: the package ``onnx`` is not here.
        ModelError: the model or its card cannot be baked, or no longer agrees with itself; the error says why.
        ConfigError: an option or a picture cannot be used.
    """
    workshop = _workshop()
    published = find_card(order.card, order.models_dir)
    digest = pinned_digest(order.file, published, order.allow_other)
    source = resized(published, order.size)
    fit, baking = lens(source.input, order.frame), _baking(source, order, digest)
    recipe = Recipe(order.file, source, fit, order.colour, baking)
    card = baked_card(recipe, order.target)
    pictures = [check_picture(), check_picture()[:, ::-1], *map(read_picture, order.pictures)]
    with _explained(order.target), tempfile.TemporaryDirectory(dir=order.target.parent, prefix=".bake-") as folder:
        model, text, reference = Path(folder, "model.onnx"), Path(folder, "card.toml"), order.file
        workshop.write_baked(recipe, model)
        if source.input != published.input:  # the published file knows no other size: its opened network does
            reference = Path(folder, "reference.onnx")
            workshop.write_opened(recipe, reference)
        agreement = judged(compare(recipe, reference, card, model, pictures), recipe)
        if baking.precision == "fp16":
            echo = Path(folder, "echo.onnx")
            workshop.write_echo(recipe, echo)
            agreement = judged(compare(recipe, reference, card, echo, pictures), recipe)
        card = replace(card, sha256=sha256_of(model))
        text.write_text(card_text(card, baking), "utf-8")
        model.replace(order.target)
        text.replace(card_path(order.target))
    return Baked(order.target, card_path(order.target), card, agreement)


def resized(published: Card, size: Size | None) -> Card:
    """Give a published model's card with the wanted size of its input.

    Raises:
        ModelError: there is nothing to bake in such a model.
        ConfigError: the size does not fit its cells.
    """
    spec, head = published.input, published.head
    if isinstance(head, DecodedHead):
        raise ModelError(f"card {published.id}", "is of a model that decodes its own boxes; there is nothing to bake")
    if size is None or size == (spec.height, spec.width):
        return published
    height, width = size
    if height % _CELL_PX or width % _CELL_PX:
        raise ConfigError("--size", f"must be multiples of {_CELL_PX} px, the network's cells, got {height}x{width}")
    if isinstance(head, FastestHead):
        head = replace(head, trained=head.trained or (spec.height, spec.width))
    return replace(published, input=replace(spec, height=height, width=width), head=head)


def card_path(model: Path) -> Path:
    """Give where the card of a baked model lies: beside it."""
    return model.with_suffix(".toml")


def _workshop() -> ModuleType:
    try:
        from agent.detect.baking import assemble
    except ImportError as error:
        raise BackendMissing(
            "bake", f"the Python package onnx does not load ({error}); install it: pip install 'commune-agent[bake]'"
        ) from error
    return assemble


def _baking(source: Card, order: Order, digest: str) -> Baking:
    return Baking(
        source=order.file.name,
        source_sha256=digest,
        card=source.id,
        height=source.input.height,
        width=source.input.width,
        batch=order.batch,
        precision=order.precision,
        keep=order.keep,
        tool=order.tool,
    )


def baked_card(recipe: Recipe, target: Path) -> Card:
    """Describe what a recipe makes, to be kept as ``target``; accuracy is not carried over, it was not measured on it.

    Raises:
        ConfigError: the file's name makes no id, or a shipped card has it.
    """
    source, fit, baking = recipe.card, recipe.fit, recipe.baking
    card_id = target.stem
    if target.suffix != ".onnx" or not re.fullmatch(CARD_ID, card_id) or card_id in card_files():
        raise ConfigError(
            "-o",
            f"names {target.name!r}; it must end in .onnx and begin with an id for the new card (small letters,"
            f" digits, hyphens) that no shipped card has, e.g. {source.id}-{baking.height}x{baking.width}.onnx",
        )
    spec = replace(
        source.input,
        name="images",
        height=fit.height,
        width=fit.width,
        layout="NHWC",
        dtype="uint8",
        colour=recipe.colour,
        scale=1.0,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
    )
    return replace(
        source,
        id=card_id,
        title=f"{source.title}; baked, {baking.width}x{baking.height}, {baking.precision}",
        file=target.name,
        sha256="",
        url="",
        input=spec,
        head=DecodedHead(),
        outputs=("boxes", "scores", "classes"),
        batch="fixed" if baking.batch == 1 else "dynamic",
        verified=True,
        provenance=f"Baked from {baking.source}, card {source.id}, and held against it. {source.provenance.strip()}",
        ap=None,
        ap50=None,
        ap_on="",
        baking=baking,
    )


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = error.filename or target
        raise ConfigError("-o", f"{place} cannot be written: {error.strerror}; name another place") from error
