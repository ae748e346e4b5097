"""Put a baked model together: the opened network between its front and its tail."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from agent.detect.baking.front import READY, front
from agent.detect.baking.half import echoed, halved
from agent.detect.baking.library import ModelProto, checker, compose, helper, save
from agent.detect.baking.published import opset_of, picture_of, read_published, untouched
from agent.detect.baking.recipe import Recipe
from agent.detect.baking.sketch import Sketch
from agent.detect.baking.tail import tail
from agent.detect.baking.trace import opened
from agent.detect.decode import make_decoder, shape_fault
from agent.errors import ModelError


def write_baked(recipe: Recipe, target: Path) -> None:
    """Bake a model; it tells in its metadata how it was made.

    Raises:
        ModelError: the file is broken, a step of it cannot be followed, or it is not the card's.
    """
    network = _opened(recipe, recipe.baking.batch)
    if recipe.baking.precision == "fp16":
        network = halved(network, str(recipe.file))
    model = _joined(network, recipe)
    helper.set_model_props(model, {f"bake.{key}": str(value) for key, value in asdict(recipe.baking).items()})
    save(model, str(target))


def write_echo(recipe: Recipe, target: Path) -> None:
    """Write the baked model in float32 that rounds as half precision does; see ``half.echoed``."""
    network = _opened(recipe, recipe.baking.batch)
    save(_joined(echoed(network, halved(network, str(recipe.file))), recipe), str(target))


def write_opened(recipe: Recipe, target: Path) -> None:
    """Write the network alone, for one picture of the wanted size and with its own answer."""
    save(_opened(recipe, 1), str(target))


def _joined(network: ModelProto, recipe: Recipe) -> ModelProto:
    """Put the network between what comes before and after it."""
    network = compose.add_prefix(network, "net/")
    (picture,), answers = network.graph.input, list(network.graph.output)
    kind, batch = picture.type.tensor_type.elem_type, recipe.baking.batch or "N"
    before = front(recipe.card.input, recipe.fit, recipe.colour, _sketch(network), kind, batch)
    after = tail(recipe.card, answers, recipe.fit, recipe.baking.keep, _sketch(network))
    after = compose.add_prefix(after, "tail/", rename_inputs=False, rename_outputs=False)
    model: ModelProto = compose.merge_models(before, network, [(READY, picture.name)])
    model = compose.merge_models(model, after, [(each.name, each.name) for each in answers])
    model.producer_name, model.producer_version = recipe.baking.tool, ""
    checker.check_model(model, full_check=True)
    return model


def _opened(recipe: Recipe, batch: int) -> ModelProto:
    """Open the published network for the wanted size and batch (0: any), and make sure that it is the card's.

    One picture of the published size is what the file is made for: then it need not be opened.
    """
    file, card = recipe.file, recipe.card
    published = read_published(file)
    size = (card.input.height, card.input.width)
    try:
        network = opened(published, str(file), size, card.outputs, batch or "N")
    except ModelError:
        if batch != 1 or _size_of(published, str(file)) != size:
            raise
        network = untouched(published, str(file), card.outputs)
    (picture,), answers = network.graph.input, network.graph.output
    shapes = tuple(tuple(each.dim_value for each in answer.type.tensor_type.shape.dim[1:]) for answer in answers)
    fault = shape_fault(make_decoder(card).shapes, shapes)
    if picture.name != card.input.name:
        fault = f"takes {picture.name!r}, not {card.input.name!r}"
    if fault:
        raise ModelError(str(file), f"{fault}; name the card that belongs to this file")
    return network


def _size_of(published: ModelProto, subject: str) -> tuple[int, int]:
    height, width = (each.dim_value for each in picture_of(published, subject).type.tensor_type.shape.dim[2:])
    return height, width


def _sketch(network: ModelProto) -> Sketch:
    """Give an empty piece that can be joined with the network."""
    return Sketch(opset_of(network), network.ir_version)
