"""What goes before a network: from pixels as they come, uint8 and channels last, to the tensor it was trained on."""

from __future__ import annotations

import numpy as np

from agent.detect.baking.lens import Lens
from agent.detect.baking.library import ModelProto, TensorProto
from agent.detect.baking.sketch import Sketch
from agent.detect.card import InputSpec
from agent.errors import ModelError

PICTURES = "images"
READY = "ready"


def front(spec: InputSpec, fit: Lens, colour: str, sketch: Sketch, kind: int, batch: int | str) -> ModelProto:
    """Write the piece: input ``images`` (batch, height, width, 3) uint8, output ``ready`` (batch, 3, H, W).

    All arithmetic is done in float32 and the result is cast last, so that half precision costs nothing here. Where
    there is none to do, whole numbers up to 255 go straight to either kind without loss.

    Args:
        spec: what the network takes, in its own (wanted) size.
        fit: see ``lens``.
        colour: ``BGR`` or ``RGB``, the order in which the pixels come.
        sketch: an empty one, of the network's opset.
        kind: the element type the network takes: ONNX's FLOAT or FLOAT16.
        batch: the number of pictures, or a name for any number.

    Raises:
        ModelError: the card's way of resizing cannot be put into a network.
    """
    pixels = sketch.input(PICTURES, TensorProto.UINT8, (batch, fit.height, fit.width, 3))
    size, whole = (spec.height, spec.width), (spec.scale, spec.mean, spec.std) == (1.0, (0.0,) * 3, (1.0,) * 3)
    plain = whole and fit.covered == (fit.height, fit.width)
    planes = sketch.node("Transpose", sketch.cast(pixels, kind if plain else TensorProto.FLOAT), perm=[0, 3, 1, 2])
    if colour != spec.colour:
        planes = sketch.node("Gather", planes, sketch.whole(2, 1, 0), axis=1)
    if fit.covered != (fit.height, fit.width):
        planes = _resized(spec, fit, planes, sketch)
    if fit.covered != size:
        margin = sketch.whole(0, 0, 0, 0, 0, 0, size[0] - fit.covered[0], size[1] - fit.covered[1])
        pad = sketch.weight(np.array(spec.pad, np.float16 if plain and kind == TensorProto.FLOAT16 else np.float32))
        planes = sketch.node("Pad", planes, margin, pad, mode="constant")
    if not whole:
        planes = _normalised(spec, planes, sketch)
    ready = planes if plain else sketch.cast(planes, kind)
    sketch.output(ready, READY, kind, (batch, 3, *size))
    return sketch.done("front")


def _resized(spec: InputSpec, fit: Lens, planes: str, sketch: Sketch) -> str:
    if spec.interpolation != "linear":
        raise ModelError(
            f"card of {spec.name!r}",
            f"shrinks by {spec.interpolation}, which cannot be put into the model; leave out --frame",
        )
    factors = [_factor(old, new) for old, new in zip((fit.height, fit.width), fit.covered, strict=True)]
    return sketch.resize(planes, [1, 1, *factors])


def _factor(old: int, new: int) -> float:
    """Give the float32 from which ONNX comes to ``new``: it cuts off, so one rounded down would lose a row."""
    factor = np.float32(new / old)
    return float(factor if int(old * float(factor)) == new else np.nextafter(factor, np.float32(np.inf)))


def _normalised(spec: InputSpec, planes: str, sketch: Sketch) -> str:
    """(value * scale - mean) / std, as one factor and one offset a channel."""
    std = np.array(spec.std, np.float64)
    factor = (spec.scale / std).astype(np.float32).reshape(1, 3, 1, 1)
    offset = (np.array(spec.mean) / std).astype(np.float32).reshape(1, 3, 1, 1)
    return sketch.node("Sub", sketch.node("Mul", planes, sketch.weight(factor)), sketch.weight(offset))
