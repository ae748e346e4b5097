"""What each kind of step does to a batch: the only steps that are taken over are those with a rule here.

Every rule gives the lengths of what comes out, or raises CannotFollow. It relies on the definition of the operator
(the ONNX operator specification) and on nothing else: what a step does to picture i of a batch must be what it does to
picture i alone.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import prod

import numpy as np

from agent.detect.baking import shaping
from agent.detect.baking.dims import BATCH, CannotFollow, Dim, Dims, afters, befores, dim
from agent.detect.baking.outcome import fresh, spare_batch, touched
from agent.detect.baking.sketch import WHOLE_MAP
from agent.detect.baking.step import Flow, Known, Step

Rule = Callable[[Step], list[Flow]]


def spatial(step: Step) -> list[Flow]:
    """Convolutions, pooling and their like: the first length counts pictures, by definition."""
    if step.axis != 0:
        raise CannotFollow("the batch is not its first length")
    for index in range(1, len(step.inputs)):
        step.known(index)
    if step.whole("training_mode", 0) or step.wholes("output_shape"):
        raise CannotFollow("it is exported for training, or with its output size baked in")
    flows = fresh(step, 0)
    old, new, left = befores(step.flow.dims)[2:], afters(step.flow.dims)[2:], befores(flows[0].dims)[2:]
    if old != new and step.wholes("kernel_shape") == list(old) and prod(left) == 1:
        raise CannotFollow(f"it sums up a whole map of {old}, which is one of {new} at the wanted size")
    return flows


def element(step: Step) -> list[Flow]:
    """Arithmetic on each number, one by one; several inputs are broadcast from the last length on."""
    training = step.known(2) if step.node.op_type == "Dropout" else None
    if training is not None and training.value.any():
        raise CannotFollow("it is exported for training")
    shown = [_lengths(value) for value in step.inputs if value is not None]
    rank = max(map(len, shown))
    padded = [((),) * (rank - len(dims)) + dims for dims in shown]
    dims = tuple(_broadcast([each[axis] for each in padded]) for axis in range(rank))
    if sum(BATCH in each for each in dims) != 1:
        raise CannotFollow("the batch lies in different lengths of its inputs")
    return [Flow(dims, kind) for _, _, kind in step.shapes()]


def resize(step: Step) -> list[Flow]:
    """Grow or shrink a map; a size that is baked in becomes the factor it stood for."""
    if step.word("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize":
        raise CannotFollow("it cuts out a part of the map")
    if step.word("keep_aspect_ratio_policy", "stretch") != "stretch" or step.wholes("axes"):
        raise CannotFollow("it names its axes or keeps the aspect ratio; export with opset 17 or older")
    sizes, factors = step.known(3), step.known(2)
    if sizes is not None:
        asked = [[int(n) for n in numbers.flat] for numbers in (sizes.before, sizes.after)]
        lengths = zip(befores(step.flow.dims), afters(step.flow.dims), *asked, strict=True)
        scales = np.array([_factor(*each) for each in lengths], np.float32)
    elif factors is not None:
        scales = factors.fixed.astype(np.float32)
    else:
        raise CannotFollow("it says neither by how much nor to what size")
    if scales[0] != 1:
        raise CannotFollow("it changes the number of pictures")
    operands = {2: scales} if step.opset >= 13 else {1: WHOLE_MAP, 2: scales}
    step.exchange("Resize", operands, keep_attributes=True)
    return spatial(step)


def softmax(step: Step) -> list[Flow]:
    """Normalise along a length; before opset 13 along that one and all after it."""
    late = step.opset >= 13
    axis = step.place(step.whole("axis", -1 if late else 1))
    spare_batch(step, [axis] if late else range(axis, step.rank))
    return [step.flow]


def layer_norm(step: Step) -> list[Flow]:
    """Normalise over a length and all after it, by fixed factors."""
    axis = step.place(step.whole("axis", -1))
    spare_batch(step, range(axis, step.rank))
    for index in (1, 2):
        known = step.known(index)
        if known is not None and known.fixed.ndim > step.rank - axis:
            raise CannotFollow("its factors belong to other lengths than it normalises")
    if len([name for name in step.node.output if name]) > 1:
        raise CannotFollow("it gives its means and deviations too")
    return [step.flow]


def reduce(step: Step) -> list[Flow]:
    """Sum, mean or extreme along named lengths, never the batch."""
    named = step.wholes("axes", 1)
    if not named:
        raise CannotFollow("it takes all numbers together, those of all pictures")
    axes = [step.place(axis) for axis in named]
    spare_batch(step, axes)
    dims = enumerate(step.flow.dims)
    if step.whole("keepdims", 1):
        return [Flow(tuple(() if axis in axes else each for axis, each in dims), step.flow.kind)]
    return [Flow(tuple(each for axis, each in dims if axis not in axes), step.flow.kind)]


def matmul(step: Step) -> list[Flow]:
    """Multiply each row by a fixed matrix, or each picture's matrix by its other one."""
    other = step.inputs[1]
    if isinstance(other, Flow):
        if step.axis != 0 or other.dims[0] != (BATCH,) or len(other.dims) != step.rank or step.rank < 3:
            raise CannotFollow("it multiplies what comes from the pictures across the batch")
    elif other is None or other.value.ndim != 2:
        raise CannotFollow("it multiplies by more than one matrix")
    spare_batch(step, [step.rank - 1])
    return touched(step, [step.rank - 1])


def gemm(step: Step) -> list[Flow]:
    """Multiply each row by a fixed matrix and add a fixed row."""
    added = step.known(2)
    if step.whole("transA", 0) or step.known(1) is None or step.axis != 0:
        raise CannotFollow("the pictures are not its rows")
    if added is not None and added.value.ndim == 2 and added.value.shape[0] != 1:
        raise CannotFollow("it adds other numbers to each picture")
    return touched(step, [1])


def _factor(old: int, new: int, asked_old: int, asked_new: int) -> float:
    """Give the factor for which a baked target size stands."""
    factor = Fraction(asked_old, old)
    wanted = factor * new
    if (
        asked_new not in (asked_old, wanted)
        or wanted.denominator != 1
        or int(new * float(np.float32(factor))) != wanted
    ):
        raise CannotFollow(f"it resizes {old} to {asked_old}, which stands for no factor that fits {new}")
    return float(factor)


def _lengths(value: Flow | Known) -> Dims:
    if isinstance(value, Flow):
        return value.dims
    if value.before.ndim != value.value.ndim:
        raise CannotFollow("it works with numbers that depend on the size of the input")
    return tuple(map(dim, value.before.shape, value.value.shape))


def _broadcast(lengths: list[Dim]) -> Dim:
    """Give the length that several inputs have in common; a length of one goes with any."""
    wide = [each for each in lengths if each]
    if not wide:
        return ()
    chosen = max(wide, key=len)
    for each in wide:
        if (BATCH in each) != (BATCH in chosen) or (BATCH in each and each != chosen):
            raise CannotFollow("it adds up lengths of which only one holds the batch")
        if befores([each]) != befores([chosen]) or afters([each]) != afters([chosen]):
            raise CannotFollow("it works with numbers that only fit the published size")
    return chosen


RULES: dict[str, Rule] = {
    **dict.fromkeys(("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"), spatial),
    **dict.fromkeys(("BatchNormalization", "InstanceNormalization", "DepthToSpace", "SpaceToDepth"), spatial),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "PRelu", "Clip"), element),
    **dict.fromkeys(("Relu", "LeakyRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid", "HardSwish", "Mish"), element),
    **dict.fromkeys(("Gelu", "Tanh", "Softplus", "Erf", "Exp", "Log", "Sqrt", "Reciprocal", "Neg", "Abs"), element),
    **dict.fromkeys(("Floor", "Ceil", "Round", "Cast", "Identity", "Dropout"), element),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2"), reduce),
    **dict.fromkeys(("Softmax", "LogSoftmax"), softmax),
    "Concat": shaping.concat,
    "Flatten": shaping.flatten,
    "Gather": shaping.gather,
    "Gemm": gemm,
    "LayerNormalization": layer_norm,
    "MatMul": matmul,
    "Pad": shaping.pad,
    "Reshape": shaping.reshape,
    "Resize": resize,
    "Slice": shaping.cut,
    "Split": shaping.split,
    "Squeeze": shaping.squeeze,
    "Transpose": shaping.transpose,
    "Unsqueeze": shaping.unsqueeze,
}
