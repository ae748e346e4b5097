"""Every step that baking takes over is run: several pictures at once against each alone, one size against another."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the package onnx is not here: nothing can be baked")

from onnx import ModelProto, helper, numpy_helper
from support.networks import Network, answers

from agent.detect.baking.rules import RULES
from agent.detect.baking.trace import opened
from agent.errors import ModelError

PUBLISHED, WANTED = (16, 24), (32, 40)

KEPT = {
    "Conv": Network("y = Conv <pads = [1, 1, 1, 1]> (x, k, b)", {"k": (4, 3, 3, 3), "b": (4,)}),
    "strided Conv": Network("y = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (x, k)", {"k": (4, 3, 3, 3)}),
    "ConvTranspose": Network("y = ConvTranspose <strides = [2, 2]> (x, k)", {"k": (3, 4, 2, 2)}),
    "pools": Network(
        "a = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x)\n"
        "y = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (a)"
    ),
    "a pool as wide as its map, kept": Network("y = MaxPool <kernel_shape = [16, 24], pads = [7, 11, 8, 12]> (x)"),
    "LayerNormalization": Network(
        "a = Transpose <perm = [0, 2, 3, 1]> (x)\ny = LayerNormalization (a, s, b)", {"s": (3,), "b": (3,)}, opset=17
    ),
    "squeeze and excitation": Network(
        "a = GlobalAveragePool (x)\nb = Conv (a, k)\nc = HardSigmoid (b)\ny = Mul (x, c)", {"k": (3, 3, 1, 1)}
    ),
    "BatchNormalization": Network(
        "y = BatchNormalization (x, s, s, s, v)", {"s": (3,), "v": np.array([1, 2, 3], np.float32)}
    ),
    "InstanceNormalization": Network("y = InstanceNormalization (x, s, s)", {"s": (3,)}),
    "space and depth": Network(
        "a = SpaceToDepth <blocksize = 2> (x)\nb = Relu (a)\ny = DepthToSpace <blocksize = 2> (b)"
    ),
    "activations": Network(
        "a = Relu (x)\nb = LeakyRelu (x)\nc = Sigmoid (x)\nd = Tanh (x)\ne = Softplus (x)\nf = HardSwish (x)\n"
        "g = Exp (x)\nh = Neg (x)\ni = Elu (x)\nj = Abs (x)\nk = Sqrt (j)\nl = Sum (a, b, c, d, e, f, g, h, i, k)\n"
        "y = Identity (l)",
        opset=14,
    ),
    "arithmetic": Network(
        "a = Add (x, p)\nb = Sub (a, q)\nc = Mul (b, b)\nd = Div (x, r)\ne = Max (c, d)\nf = Min (e, r)\n"
        "g = PRelu (f, p)\ny = Pow (g, r)",
        {"p": (3, 1, 1), "q": (1, 3, 1, 1), "r": np.array(2.0, np.float32)},
    ),
    "Clip": Network(
        "y = Clip (x, low, high)", {"low": np.array(-1.0, np.float32), "high": np.array(1.0, np.float32)}
    ),
    "numbers that are worked out": Network(
        "a = Shape (x)\nb = Gather (a, i)\nc = Cast <to = 1> (b)\nd = Div (x, c)\ny = Dropout (d)", {"i": [3]}
    ),
    "Resize by a factor": Network(
        "y = Resize <mode = \"nearest\", coordinate_transformation_mode = \"asymmetric\", nearest_mode = \"floor\">"
        " (x, , f)",
        {"f": np.array([1, 1, 2, 2], np.float32)},
    ),
    "Resize to a baked size": Network(
        "y = Resize <mode = \"linear\"> (x, , , s)", {"s": lambda h, w: [1, 3, h * 2, w // 2]}
    ),
    "Resize to a size worked out": Network(
        "a = Shape (x)\nb = Mul (a, two)\ny = Resize <mode = \"linear\"> (x, , , b)", {"two": [1, 1, 2, 2]}
    ),
    "Resize of opset 11, which names a region": Network(
        "y = Resize <mode = \"nearest\"> (x, none, f)",
        {"none": np.zeros(0, np.float32), "f": np.array([1, 1, 2, 2], np.float32)},
        opset=11,
    ),
    "Focus": Network(
        "a = Slice (x, o, far, rows, two)\nb = Slice (x, i, far, rows, two)\ny = Concat <axis = 1> (a, b)",
        {"o": [0], "i": [1], "far": [2**63 - 1], "rows": [2], "two": [2]},
    ),
    "Slice of channels, from the end": Network(
        "y = Slice (x, a, b, c)", {"a": [-2], "b": [3], "c": [1]}
    ),
    "Split by input": Network("a, b = Split <axis = 1> (x, s)\nc = Mul (b, a)\ny = Relu (c)", {"s": [1, 2]}),
    "Split by attribute": Network("a, b = Split <axis = 1, split = [1, 2]> (x)\ny = Add (b, a)", opset=11),
    "Gather of channels": Network("y = Gather <axis = 1> (x, i)", {"i": [2, 0]}),
    "Gather of one channel": Network("y = Gather <axis = 1> (x, i)", {"i": np.array(1, np.int64)}),
    "Pad": Network("y = Pad (x, p, v)", {"p": [0, 1, 2, 3, 0, 0, 1, 0], "v": np.array(7.0, np.float32)}),
    "the head's reshape with its size open": Network(
        "a = Reshape (x, t)\ny = Transpose <perm = [0, 2, 1]> (a)", {"t": [1, 3, -1]}
    ),
    "the head's reshape with its size baked in": Network(
        "a = Reshape (x, t)\ny = Transpose <perm = [0, 2, 1]> (a)", {"t": lambda h, w: [1, 3, h * w]}
    ),
    "the head's reshape with its shape worked out": Network(
        "a = Shape (x)\nb = Slice (a, o, two)\nc = Concat <axis = 0> (b, rest)\ny = Reshape (x, c)",
        {"o": [0], "two": [2], "rest": [-1]},
    ),
    "reshape with a copied length": Network("y = Reshape (x, t)", {"t": [0, 0, -1]}),
    "channel shuffle, as PicoDet has it": Network(
        "c = Conv (x, k)\na = Reshape (c, t)\nb = Transpose <perm = [0, 2, 1, 3, 4]> (a)\ny = Reshape (b, u)",
        {"k": (8, 3, 1, 1), "t": lambda h, w: [1, 2, 4, h, w], "u": lambda h, w: [1, 8, h, w]},
    ),
    "channel shuffle, as FastestDet has it": Network(
        "c = Conv (x, k)\na = Reshape (c, t)\nb = Transpose <perm = [1, 0, 2]> (a)\nd = Reshape (b, u)\n"
        "e = Gather <axis = 0> (d, o)\nf = Gather <axis = 0> (d, i)\ny = Concat <axis = 1> (e, f)",
        {
            "k": (8, 3, 1, 1),
            "t": lambda h, w: [4, 2, h * w],
            "u": lambda h, w: [2, -1, 4, h, w],
            "o": np.array(0, np.int64),
            "i": np.array(1, np.int64),
        },
    ),
    "arithmetic while the batch is merged with channels": Network(
        "c = Conv (x, k)\na = Reshape (c, t)\nb = Mul (a, two)\nd = Sigmoid (b)\ny = Reshape (d, u)",
        {
            "k": (8, 3, 1, 1),
            "t": lambda h, w: [4, 2, h * w],
            "two": np.array([[[2], [3]]], np.float32),
            "u": lambda h, w: [1, 8, h, w],
        },
    ),
    "Flatten and Gemm": Network(
        "a = GlobalMaxPool (x)\nb = Flatten (a)\ny = Gemm <transB = 1> (b, m, v)", {"m": (5, 3), "v": (5,)}
    ),
    "Squeeze and Unsqueeze": Network(
        "a = ReduceMean <axes = [2, 3]> (x)\nb = Squeeze (a, s)\nc = Unsqueeze (b, u)\ny = Mul (c, c)",
        {"s": [2, -1], "u": [1]},
    ),
    "Squeeze and Unsqueeze of opset 11": Network(
        "a = ReduceMax <axes = [2], keepdims = 0> (x)\nb = Unsqueeze <axes = [2]> (a)\n"
        "y = Squeeze <axes = [2]> (b)",
        opset=11,
    ),
    "reductions of opset 18": Network(
        "a = ReduceMax <keepdims = 0> (x, r)\ny = ReduceSum (a, r1)", {"r": [1], "r1": [-1]}, opset=18
    ),
    "Softmax along channels": Network("y = Softmax <axis = 1> (x)"),
    "Softmax of opset 11, along all that follows": Network("y = Softmax <axis = 1> (x)", opset=11),
    "MatMul by a matrix": Network(
        "a = Transpose <perm = [0, 2, 3, 1]> (x)\ny = MatMul (a, m)", {"m": (3, 5)}
    ),
    "matrices of each picture, broadcast": Network(
        "a = Unsqueeze (x, o)\nb = Unsqueeze (x, i)\nc = Transpose <perm = [0, 1, 2, 4, 3]> (b)\n"
        "d = MatMul (a, c)\ny = Relu (d)",
        {"o": [1], "i": [2]},
    ),
    "attention within a picture": Network(
        "a = Reshape (x, t)\nb = Transpose <perm = [0, 2, 1]> (a)\nc = MatMul (a, b)\ny = Softmax <axis = 2> (c)",
        {"t": [1, 3, -1]},
    ),
    "two answers": Network("y = Relu (x)\nz = Neg (x)"),
}  # fmt: skip


def pictures(size: tuple[int, int], count: int = 3) -> np.ndarray:
    return np.random.default_rng(5).normal(0, 1, (count, 3, *size)).astype(np.float32)


def open_up(model: ModelProto, size: tuple[int, int] = PUBLISHED, batch: int | str = "N") -> ModelProto:
    return opened(model, "model.onnx", size, (), batch)


@pytest.mark.parametrize("name", KEPT)
def test_a_batch_gives_each_picture_what_it_gets_alone(name: str) -> None:
    published, several = KEPT[name].written(*PUBLISHED), pictures(PUBLISHED)
    together = answers(open_up(published), several)
    for i, picture in enumerate(several):
        for one, alone in zip(together, answers(published, picture[None]), strict=True):
            np.testing.assert_allclose(one[i], alone[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", KEPT)
def test_at_another_size_it_is_the_network_that_was_written_for_it(name: str) -> None:
    changed, written = open_up(KEPT[name].written(*PUBLISHED), WANTED), KEPT[name].written(*WANTED)
    several = pictures(WANTED, 2)
    together = answers(changed, several)
    for i, picture in enumerate(several):
        for one, alone in zip(together, answers(written, picture[None]), strict=True):
            assert one[i].shape == alone[0].shape
            np.testing.assert_allclose(one[i], alone[0], rtol=1e-5, atol=1e-5)


REFUSED = {
    "it sums up a whole map": (Network("y = AveragePool <kernel_shape = [16, 24]> (x)"), WANTED),
    "it cuts from 0 to 8, places that belong to the published size": (
        Network("y = Slice (x, a, b, c)", {"a": [0], "b": [8], "c": [2]}),
        WANTED,
    ),
    "it works along the batch, from one picture into the next": (
        Network("y = LayerNormalization <axis = 0> (x, s)", {"s": (1, 3, 16, 24)}, opset=17),
        PUBLISHED,
    ),
    "it cuts up a length that changes": (Network("a, b = Split <axis = 2> (x)\ny = Add (a, b)"), WANTED),
    "it works with numbers that only fit the published size": (
        Network("y = Add (x, p)", {"p": lambda h, w: np.zeros((1, 1, h, w), np.float32)}),
        WANTED,
    ),
    "it resizes 16 to 23, which stands for no factor": (
        Network('y = Resize <mode = "linear"> (x, , , s)', {"s": lambda h, w: [1, 3, h * 3 // 2 - 1, w]}),
        (24, 40),
    ),
    "its target length 8 is no product": (
        Network("y = Reshape (x, t)", {"t": lambda h, w: [1, 3, h // 2, 2, w]}),
        WANTED,
    ),
    "it drops a length of one that grows": (
        Network("a = MaxPool <kernel_shape = [9, 13], strides = [16, 24]> (x)\ny = Squeeze (a, s)", {"s": [2]}),
        WANTED,
    ),
    "the target it works out at the wanted size is another one": (
        Network("a = Shape (x)\nb = Gather (a, i)\nc = Sub (b, thirteen)\n"
                "d = Concat <axis = 0> (one, c, rest)\ny = Reshape (x, d)",
                {"i": [2], "thirteen": [13], "one": [1], "rest": [-1]}),
        WANTED,
    ),
    "it works along the batch": (
        Network("a = Concat <axis = 0> (x, x)\ny = ReduceMax <axes = [0]> (a)"),
        PUBLISHED,
    ),
    "it works along the batch, from one": (Network("y = Softmax <axis = 0> (x)", opset=11), PUBLISHED),
    "numbers that depend on the size of the input": (
        Network("a = Shape (x)\nb = Gather (a, i)\nc = Div (b, sixteen)\ny = Gather <axis = 1> (x, c)",
                {"i": [2], "sixteen": [16]}),
        WANTED,
    ),
    "it takes all numbers together": (Network("a = ReduceMax (x)\ny = Div (x, a)"), PUBLISHED),
    "it drops every length of one": (Network("a = ReduceMean <axes = [2, 3]> (x)\ny = Squeeze (a)"), PUBLISHED),
    "numbers that depend on how many pictures": (
        Network("a = Size (s)\nb = Shape (x)\nc = Gather (b, i)\nd = Cast <to = 1> (c)\ny = Div (x, d)",
                {"i": [0], "s": [1]}),
        PUBLISHED,
    ),
    "the batch is not its first length": (
        Network("a = Transpose <perm = [1, 0, 2, 3]> (x)\ny = GlobalMaxPool (a)"),
        PUBLISHED,
    ),
    "the batch is mixed with other lengths": (
        Network("a = Reshape (x, t)\ny = Softmax <axis = 1> (a)", {"t": [3, -1]}),
        PUBLISHED,
    ),
    "lengths of which only one holds the batch": (
        Network("a = Transpose <perm = [1, 0, 2, 3]> (x)\ny = Add (a, p)", {"p": (3, 4, 1, 1)}),
        PUBLISHED,
    ),
    "the batch lies in different lengths": (
        Network("a = Transpose <perm = [1, 0, 2, 3]> (x)\nb = ReduceMax <axes = [0]> (a)\n"
                "c = ReduceMax <axes = [1]> (x)\ny = Add (b, c)"),
        PUBLISHED,
    ),
    "it joins what comes from the picture with fixed numbers": (
        Network("y = Concat <axis = 1> (x, p)", {"p": lambda h, w: np.zeros((1, 1, h, w), np.float32)}),
        PUBLISHED,
    ),
    "it multiplies what comes from the pictures across the batch": (
        Network("a = Reshape (x, t)\nb = Transpose <perm = [1, 0]> (a)\ny = MatMul (a, b)", {"t": [1, -1]}),
        PUBLISHED,
    ),
    "it multiplies by more than one matrix": (Network("y = MatMul (x, m)", {"m": (2, 3, 24, 5)}), PUBLISHED),
    "it adds other numbers to each picture": (
        Network("a = GlobalMaxPool (x)\nb = Flatten (a)\ny = Gemm (b, m, v)", {"m": (3, 5), "v": (4, 5)}),
        PUBLISHED,
    ),
    "it is exported for training": (
        Network("y = BatchNormalization <training_mode = 1> (x, s, s, s, s)", {"s": (3,)}, opset=15),
        PUBLISHED,
    ),
    "what this kind of step does to several pictures is not known": (
        Network("y = CumSum (x, a)", {"a": np.array(1, np.int64)}),
        PUBLISHED,
    ),
    "it gives other numbers every time": (
        Network("a = RandomNormal <shape = [1, 3, 1, 1]> ()\ny = Add (x, a)"),
        PUBLISHED,
    ),
    "it holds a network of its own": (
        Network(
            "y = If (c) <then_branch = g1 () => (float p) { p = Neg (x) }, else_branch = g2 () => (float q)"
            " { q = Abs (x) }>",
            {"c": np.array(True)},
        ),
        PUBLISHED,
    ),
    "what goes in does not fit it": (
        Network("a = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x)\n"
                'b = Resize <mode = "nearest"> (a, , f)\ny = Concat <axis = 1> (x, b)',
                {"f": np.array([1, 1, 2, 2], np.float32)}),
        (33, 40),
    ),
}  # fmt: skip


@pytest.mark.parametrize("told", REFUSED)
def test_a_step_that_cannot_be_proven_is_refused_by_name(told: str) -> None:
    network, size = REFUSED[told]
    model = network.written(*PUBLISHED)
    for i, node in enumerate(model.graph.node):
        node.name = f"step {i}"
    with pytest.raises(ModelError, match=told) as caught:
        open_up(model, size)
    assert str(caught.value).startswith("model model.onnx: cannot be baked: node 'step ")
    assert any(f"({node.op_type}): " in str(caught.value) for node in model.graph.node)
    assert "\n" not in str(caught.value)


def test_a_node_that_contradicts_its_own_definition_is_refused() -> None:
    model = Network("y = Transpose <perm = [0, 1, 2, 7]> (x)").written(*PUBLISHED)
    with pytest.raises(ModelError, match=r"node 'y' \(Transpose\): it is not as the operator is defined"):
        open_up(model)


def test_an_operator_of_a_foreign_set_is_refused() -> None:
    model = Network("y = Relu (x)").written(*PUBLISHED)
    model.graph.node[0].domain = "com.example"
    with pytest.raises(ModelError, match=r"it belongs to the foreign set 'com\.example'"):
        open_up(model)


@pytest.mark.parametrize(("batch", "shown"), [("N", "N"), (1, 1), (4, 4)])
def test_the_batch_is_what_was_asked_for(batch: int | str, shown: int | str) -> None:
    made = open_up(KEPT["Focus"].written(*PUBLISHED), batch=batch)
    for end in (made.graph.input[0], made.graph.output[0]):
        first = end.type.tensor_type.shape.dim[0]
        assert (first.dim_param or first.dim_value) == shown


def test_a_published_file_whose_batch_is_open_already_stays_right() -> None:
    network = Network(
        "c = Conv (x, k)\na = Shape (c)\nb = Slice (a, o, one)\nd = Concat <axis = 0> (b, rest)\ny = Reshape (c, d)",
        {"k": (8, 3, 1, 1), "o": [0], "one": [1], "rest": [2, 4, -1]},
    )
    model, several = network.written(*PUBLISHED, batch="batch"), pictures(PUBLISHED)
    np.testing.assert_allclose(answers(open_up(model), several)[0], answers(model, several)[0], atol=1e-6)


def test_weights_that_are_also_inputs_are_weights() -> None:
    model = KEPT["Conv"].written(*PUBLISHED)
    for weight in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims))
    made = open_up(model)
    assert [each.name for each in made.graph.input] == ["x"]
    assert {each.name for each in made.graph.initializer} == {"k", "b"}


def test_only_what_the_wanted_outputs_need_is_kept() -> None:
    made = opened(KEPT["two answers"].written(*PUBLISHED), "model.onnx", PUBLISHED, ("z",), "N")
    assert [node.op_type for node in made.graph.node] == ["Neg"]


def test_an_answer_without_a_row_a_picture_is_refused() -> None:
    model = Network("y = Transpose <perm = [1, 0, 2, 3]> (x)").written(*PUBLISHED)
    with pytest.raises(ModelError, match="its output 'y' does not hold a row a picture"):
        open_up(model)


def test_every_rule_is_run_by_a_case_of_this_file() -> None:
    used = {node.op_type for network in KEPT.values() for node in network.written(*PUBLISHED).graph.node}
    untried = set(RULES) - used
    assert untried <= {"Selu", "Mish", "Gelu", "Erf", "Log", "Reciprocal", "Floor", "Ceil", "Round", "Sum"} | {
        "ReduceMin", "ReduceL2", "LogSoftmax",
    }, "one of a family is enough, but each family needs one"  # fmt: skip


def test_a_baked_size_becomes_a_factor() -> None:
    made = open_up(KEPT["Resize to a baked size"].written(*PUBLISHED), WANTED)
    (factors,) = (numpy_helper.to_array(each) for each in made.graph.initializer)
    assert factors.tolist() == [1, 1, 2, 0.5]
