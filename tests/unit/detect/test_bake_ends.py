"""What baking puts before and after a network, each held against the room's own arithmetic."""

from __future__ import annotations

import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip("onnx", reason="the package onnx is not here: nothing can be baked")

from onnx import ModelProto, TensorProto, checker, helper, numpy_helper
from support.networks import Network, answers

from agent.detect.baking.front import front
from agent.detect.baking.half import halved
from agent.detect.baking.lens import Lens, lens
from agent.detect.baking.sketch import Sketch
from agent.detect.baking.tail import tail
from agent.detect.card import Card, DetrHead, DistributionHead, FastestHead, Head, InputSpec, YoloxHead
from agent.detect.decode import make_decoder
from agent.detect.prepare import Preparer
from agent.errors import ModelError

PLAIN = InputSpec("images", 64, 96)
SPECS = {
    "plain": PLAIN,
    "letterbox": replace(PLAIN, resize="letterbox", pad=77),
    "RGB": replace(PLAIN, colour="RGB"),
    "a scale": replace(PLAIN, scale=1 / 255),
    "mean and std in RGB": replace(PLAIN, colour="RGB", mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4)),
    "all of it": replace(PLAIN, resize="letterbox", scale=1 / 255, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)),
}


def pixels(height: int, width: int, count: int = 2) -> np.ndarray:
    draw = np.random.default_rng(3)
    rough = draw.integers(0, 256, (count, height // 4, width // 4, 3), dtype=np.uint8)
    return np.stack([cv2.resize(each, (width, height), interpolation=cv2.INTER_CUBIC) for each in rough])


def made_front(spec: InputSpec, fit: Lens, colour: str = "BGR", kind: int = TensorProto.FLOAT, opset: int = 13):
    return front(spec, fit, colour, Sketch(opset, 8), kind, "N")


@pytest.mark.parametrize("opset", [11, 13, 18])
@pytest.mark.parametrize("name", SPECS)
def test_pictures_of_the_networks_size_go_in_as_the_room_prepares_them(name: str, opset: int) -> None:
    spec, given = SPECS[name], pixels(64, 96)
    (ready,) = answers(made_front(spec, lens(spec, None), opset=opset), given)
    for one, picture in zip(ready, given, strict=True):
        slot = np.empty((3, 64, 96), np.float32)
        Preparer(spec).fill(picture, slot)
        np.testing.assert_allclose(one, slot, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(90, 160), (48, 200), (200, 48), (64, 96), (33, 77), (360, 640)])
@pytest.mark.parametrize("name", SPECS)
def test_other_pictures_are_fitted_in_as_the_room_fits_them(name: str, size: tuple[int, int]) -> None:
    """Against OpenCV's own interpolation in float: the room's is rounded to whole numbers on the way."""
    spec, given = SPECS[name], pixels(*size)
    fit = lens(spec, size)
    (ready,) = answers(made_front(spec, fit), given)
    for one, picture in zip(ready, given, strict=True):
        canvas = np.full((64, 96, 3), spec.pad, np.float32)
        height, width = fit.covered
        canvas[:height, :width] = cv2.resize(picture.astype(np.float32), (width, height))
        canvas = canvas if spec.colour == "BGR" else canvas[:, :, ::-1]
        expected = (canvas * spec.scale - spec.mean) / spec.std
        np.testing.assert_allclose(one, expected.transpose(2, 0, 1), atol=0.02 * spec.scale / min(spec.std))
        slot = np.empty((3, 64, 96), np.float32)
        placed = Preparer(spec).fill(picture, slot)
        assert fit.x_scale == pytest.approx(placed.x_per_px * size[1])
        assert fit.y_scale == pytest.approx(placed.y_per_px * size[0])


@pytest.mark.parametrize("name", SPECS)
def test_pixels_may_come_in_the_other_order(name: str) -> None:
    spec, given = SPECS[name], pixels(90, 160)
    fit = lens(spec, (90, 160))
    (usual,), (other,) = (
        answers(made_front(spec, fit), given),
        answers(made_front(spec, fit, "RGB"), np.ascontiguousarray(given[..., ::-1])),
    )
    np.testing.assert_array_equal(usual, other)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("size", [None, (90, 160)])
def test_half_precision_is_only_the_last_step(name: str, size: tuple[int, int] | None) -> None:
    spec = SPECS[name]
    fit, given = lens(spec, size), pixels(*(size or (64, 96)))
    (whole,), (half,) = (answers(made_front(spec, fit, kind=kind), given) for kind in (1, TensorProto.FLOAT16))
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, whole.astype(np.float16))


def test_a_picture_that_is_shrunk_by_area_is_refused() -> None:
    spec = replace(PLAIN, interpolation="area")
    made_front(spec, lens(spec, None))
    with pytest.raises(ModelError, match="shrinks by area, which cannot be put into the model; leave out --frame"):
        made_front(spec, lens(spec, (128, 192)))


LABELS = ("person", "car", "motorcycle", "bus")
HEADS: dict[str, Head] = {
    "yolox": YoloxHead((8, 16, 32)),
    "PicoDet": DistributionHead((8, 16, 32, 64), bins=8, centre=0.5, joined=False),
    "NanoDet-Plus": DistributionHead((8, 16, 32, 64), bins=8, centre=0.0, joined=True),
    "FastestDet": FastestHead(16),
    "FastestDet at another size": FastestHead(16, (48, 48)),
    "RF-DETR": DetrHead((1, 2, 4, 7), 9),
}


def card(head: Head, size: tuple[int, int] = (64, 96)) -> Card:
    spec = InputSpec("images", *size)
    return Card("street", "t", "street.onnx", "l", LABELS, spec, head, (), "dynamic", 0.3, 0.5, False, "p")


def raw(made: Card, count: int, seed: int = 0) -> list[np.ndarray]:
    """Draw answers as networks give them: scores in 0..1, the rest anything."""
    draw, shapes = np.random.default_rng(seed), make_decoder(made).shapes
    sized = [[11 if length is None else length for length in shape] for shape in shapes]
    outputs = [draw.normal(0, 1.5, (count, *shape)).astype(np.float32) for shape in sized]
    if isinstance(made.head, DetrHead):
        return outputs
    scores = {"yolox": np.s_[..., 4:], "FastestDet": np.s_[:, [0, *range(5, 9)]]}
    for i, output in enumerate(outputs):
        if isinstance(made.head, DistributionHead):
            part = np.s_[..., :4] if made.head.joined else np.s_[...] if i < len(outputs) // 2 else np.s_[..., :0]
        else:
            part = scores["yolox" if isinstance(made.head, YoloxHead) else "FastestDet"]
        output[part] = 1 / (1 + np.exp(-2 * output[part]))
    return outputs


def decoded(made: Card, outputs: list[np.ndarray], fit: Lens, keep: int, opset: int = 13) -> list[np.ndarray]:
    values = [
        helper.make_tensor_value_info(f"out{i}", helper.np_dtype_to_tensor_dtype(each.dtype), ["N", *each.shape[1:]])
        for i, each in enumerate(outputs)
    ]
    model = tail(made, values, fit, keep, Sketch(opset, 8))
    return run(model, {f"out{i}": each for i, each in enumerate(outputs)})


def run(model: ModelProto, given: dict[str, np.ndarray]) -> list[np.ndarray]:
    import onnxruntime as ort

    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_outputs()] == ["boxes", "scores", "classes"]
    return list(session.run(None, given))


@pytest.mark.parametrize("opset", [11, 13, 18])
@pytest.mark.parametrize("size", [(64, 96), (72, 100)])
@pytest.mark.parametrize("name", HEADS)
def test_the_best_rows_are_those_the_room_decodes(name: str, size: tuple[int, int], opset: int) -> None:
    if isinstance(HEADS[name], FastestHead):
        size = (64, 96)  # it has no half cells
    made = card(HEADS[name], size)
    outputs = raw(made, 3)
    boxes, scores, classes = decoded(made, outputs, lens(made.input, None), 20, opset)
    assert (boxes.shape, scores.shape, classes.shape) == ((3, 20, 4), (3, 20), (3, 20))
    assert (boxes.dtype, scores.dtype, classes.dtype) == (np.float32, np.float32, np.int32)
    for i in range(3):
        expected = make_decoder(made).read(tuple(each[i] for each in outputs), -np.inf)
        best = np.argsort(-expected.scores, kind="stable")[:20]
        assert len(best) == 20
        np.testing.assert_allclose(scores[i], expected.scores[best], rtol=1e-5)
        np.testing.assert_allclose(boxes[i], expected.boxes[best], rtol=1e-4, atol=1e-3)
        np.testing.assert_array_equal(classes[i], expected.class_ids[best])


@pytest.mark.parametrize("name", HEADS)
def test_half_precision_answers_are_decoded_in_float32(name: str) -> None:
    made = card(HEADS[name])
    outputs = [each.astype(np.float16) for each in raw(made, 1)]
    whole = decoded(made, [each.astype(np.float32) for each in outputs], lens(made.input, None), 20)
    for one, other in zip(decoded(made, outputs, lens(made.input, None), 20), whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_boxes_come_in_px_of_the_pictures_that_go_in() -> None:
    made = card(HEADS["yolox"])
    outputs = raw(made, 1)
    plain, *_ = decoded(made, outputs, lens(made.input, None), 20)
    stretched, *_ = decoded(made, outputs, lens(made.input, (128, 144)), 20)
    np.testing.assert_allclose(stretched, plain * np.array([1.5, 2, 1.5, 2]), rtol=1e-5)
    boxed = replace(made, input=replace(made.input, resize="letterbox"))
    fitted, *_ = decoded(boxed, outputs, lens(boxed.input, (32, 192)), 20)
    np.testing.assert_allclose(fitted, plain * 2, rtol=1e-5)


def test_there_are_never_more_rows_than_cells() -> None:
    made = card(FastestHead(16))
    boxes, *_ = decoded(made, raw(made, 1), lens(made.input, None), 300)
    assert boxes.shape == (1, 24, 4)


def test_a_row_without_score_never_becomes_infinite() -> None:
    made = card(HEADS["yolox"])
    (output,) = raw(made, 1)
    output[..., 2:4], output[..., 4:] = 500.0, 0.0
    boxes, scores, _ = decoded(made, [output], lens(made.input, None), 20)
    assert np.isfinite(boxes).all()
    assert (scores == 0).all()


def test_a_root_of_a_negative_number_counts_as_nought() -> None:
    made = card(HEADS["FastestDet"])
    (output,) = raw(made, 1)
    output[:, 0] = -0.1
    _, scores, _ = decoded(made, [output], lens(made.input, None), 20)
    assert (scores == 0).all()


def test_a_halved_network_is_half_throughout() -> None:
    network = Network(
        'a = Conv <pads = [1, 1, 1, 1]> (x, k, b)\nc = Resize <mode = "nearest"> (a, , f)\nd = Clip (c, low, high)\n'
        "y = Sigmoid (d)",
        {
            "k": (4, 3, 3, 3),
            "b": (4,),
            "f": np.array([1, 1, 2, 2], np.float32),
            "low": np.array(0.0, np.float32),
            "high": np.array(6.0, np.float32),
        },
    )
    model = halved(network.written(16, 24), "model.onnx")
    checker.check_model(model, full_check=True)
    kinds = {each.name: each.data_type for each in model.graph.initializer}
    assert kinds == {"f": TensorProto.FLOAT} | dict.fromkeys(("k", "b", "low", "high"), TensorProto.FLOAT16)
    assert "Cast" not in {node.op_type for node in model.graph.node}
    given = np.random.default_rng(0).normal(0, 1, (1, 3, 16, 24)).astype(np.float16)
    (half,), (whole,) = answers(model, given), answers(network.written(16, 24), given.astype(np.float32))
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, whole, atol=0.01)
    assert np.abs(numpy_helper.to_array(model.graph.initializer[0]).astype(np.float32)).max() > 0


def test_looking_for_the_converter_leaves_the_search_path_as_it_was() -> None:
    halved(Network("y = Relu (x)").written(16, 24), "model.onnx")
    assert not [each for each in sys.path if each.endswith("transformers")]
