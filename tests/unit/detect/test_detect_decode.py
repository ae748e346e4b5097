from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agent.detect.card import Card, DecodedHead, DetrHead, DistributionHead, FastestHead, Head, InputSpec, YoloxHead
from agent.detect.decode import Candidates, make_decoder, place, read_frame, shape_fault
from agent.detect.prepare import Fit
from agent.errors import ModelError

LABELS = ("person", "car", "bus")
WIDTH, HEIGHT = 64, 32


def card(head: Head) -> Card:
    spec = InputSpec("images", HEIGHT, WIDTH)
    return Card("t", "t", "t.onnx", "none", LABELS, spec, head, (), "dynamic", 0.4, 0.45, False, "made for a test")


def test_yolox_reads_centre_size_and_score_of_the_cell() -> None:
    decoder = make_decoder(card(YoloxHead((8, 16))))
    assert decoder.shapes == ((8 * 4 + 4 * 2, 8),)
    answer = np.zeros((40, 8), np.float32)
    row = 32 + 4 + 2  # stride 16, second row, third column
    answer[row] = [0.5, 0.25, math.log(2), 0.0, 0.8, 0.1, 0.5, 0.2]
    found = decoder.read((answer,), 0.3)
    assert found.scores == pytest.approx([0.8 * 0.5])
    assert found.class_ids.tolist() == [1]
    cx, cy, w, h = (0.5 + 2) * 16, (0.25 + 1) * 16, 32, 16
    assert found.boxes[0] == pytest.approx([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])


def test_yolox_keeps_a_score_exactly_at_the_limit_and_nothing_below() -> None:
    decoder = make_decoder(card(YoloxHead((32,))))
    answer = np.zeros((2, 8), np.float32)
    answer[:, 4:6] = [[0.5, 0.5], [0.5, 0.498]]
    assert len(decoder.read((answer,), 0.25).scores) == 1


@pytest.mark.parametrize(("centre", "joined"), [(0.5, False), (0.0, True), (0.0, False), (0.5, True)])
def test_distribution_agrees_with_its_definition_cell_by_cell(centre: float, joined: bool) -> None:
    strides, bins = (8, 16), 8
    decoder = make_decoder(card(DistributionHead(strides, bins, centre, joined)))
    draw = np.random.default_rng(7)
    scores = [draw.random((n, 3), np.float32) for n in (32, 8)]
    sides = [draw.normal(0, 3, (n, 4 * bins)).astype(np.float32) for n in (32, 8)]
    outputs = (*scores, *sides)
    if joined:
        outputs = (np.hstack((np.concatenate(scores), np.concatenate(sides))),)
    assert shape_fault(decoder.shapes, tuple(o.shape for o in outputs)) is None
    found = decoder.read(outputs, 0.0)

    expected = []
    for stride, level in zip(strides, sides, strict=True):
        for cell in range(len(level)):
            gx, gy = cell % (WIDTH // stride), cell // (WIDTH // stride)
            reach = []
            for side in range(4):
                weights = [math.exp(v) for v in level[cell, side * bins : (side + 1) * bins].astype(float)]
                reach.append(stride * sum(i * w for i, w in enumerate(weights)) / sum(weights))
            x, y = (gx + centre) * stride, (gy + centre) * stride
            expected.append([x - reach[0], y - reach[1], x + reach[2], y + reach[3]])
    np.testing.assert_allclose(found.boxes, expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(found.class_ids, np.concatenate(scores).argmax(axis=1))


def test_fastestdet_weighs_objectness_and_class_and_activates_the_box() -> None:
    decoder = make_decoder(card(FastestHead(16)))
    assert decoder.shapes == ((8, 2, 4),)
    answer = np.zeros((8, 2, 4), np.float32)
    answer[:, 1, 3] = [0.9, 0.3, -0.4, 0.2, -1.0, 0.1, 0.2, 0.7]
    found = decoder.read((answer,), 0.3)
    assert found.scores == pytest.approx([0.9**0.6 * 0.7**0.4])
    assert found.class_ids.tolist() == [2]
    cx, cy = (3 + math.tanh(0.3)) / 4 * WIDTH, (1 + math.tanh(-0.4)) / 2 * HEIGHT
    w, h = WIDTH / (1 + math.exp(-0.2)), HEIGHT / (1 + math.exp(1.0))
    assert found.boxes[0] == pytest.approx([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], rel=1e-5)


def test_fastestdets_sizes_are_shares_of_the_input_it_was_trained_on() -> None:
    answer = np.zeros((8, 2, 4), np.float32)
    answer[:, 1, 3] = [0.9, 0.0, 0.0, 0.0, 0.0, 0.1, 0.2, 0.7]
    (here,), (elsewhere,) = (
        make_decoder(card(head)).read((answer,), 0.3).boxes for head in (FastestHead(16), FastestHead(16, (40, 20)))
    )
    assert here.tolist() == pytest.approx([48 - 16, 16 - 8, 48 + 16, 16 + 8])
    assert elsewhere.tolist() == pytest.approx([48 - 5, 16 - 10, 48 + 5, 16 + 10])


def test_a_detr_counts_each_class_of_a_box_and_leaves_out_columns_of_none() -> None:
    decoder = make_decoder(card(DetrHead((1, 2, 4), 6)))
    assert decoder.shapes == ((None, 4), (None, 6))
    boxes = np.array([[0.5, 0.5, 0.25, 0.5], [0.1, 0.2, 0.1, 0.1]], np.float32)
    logits = np.full((2, 6), -9, np.float32)
    logits[0, [2, 4]], logits[1, [0, 3, 5]] = [1.0, 0.0], 9.0  # columns 0, 3 and 5 belong to no class
    found = decoder.read((boxes, logits), 0.4)
    assert found.class_ids.tolist() == [1, 2]
    assert found.scores.tolist() == pytest.approx([1 / (1 + np.exp(-1)), 0.5])
    assert found.boxes.tolist() == [[24, 8, 40, 24], [24, 8, 40, 24]]  # of an input of 64 x 32


def test_decoded_rows_are_taken_as_they_are_and_fillers_left_out() -> None:
    decoder = make_decoder(card(DecodedHead()))
    boxes = np.array([[1, 2, 3, 4], [0, 0, 0, 0], [5, 6, 7, 8]], np.float32)
    found = decoder.read((boxes, np.array([0.9, 0.0, 0.5], np.float32), np.array([2, -1, 0], np.int32)), 0.4)
    assert found.boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert found.class_ids.tolist() == [2, 0]
    assert found.class_ids.dtype == np.int64


def test_a_class_the_card_does_not_know_is_refused() -> None:
    decoder = make_decoder(card(DecodedHead()))
    with pytest.raises(ModelError, match=r"classes 0 to 7, but its card has 3 labels"):
        decoder.read((np.ones((2, 4), np.float32), np.ones(2, np.float32), np.array([0, 7])), 0.4)


def test_tables_of_different_length_are_refused() -> None:
    decoder = make_decoder(card(DecodedHead()))
    with pytest.raises(ModelError, match="2 boxes, 3 scores and 2 classes"):
        decoder.read((np.ones((2, 4), np.float32), np.ones(3, np.float32), np.array([0, 1])), 0.4)


def test_a_picture_the_strides_do_not_divide_has_cells_at_its_edge() -> None:
    odd = card(DistributionHead((64,), 8, 0.5, True))
    odd = replace(odd, input=replace(odd.input, height=416, width=416))
    assert make_decoder(odd).shapes == ((49, 3 + 32),)


wild = st.floats(allow_nan=True, allow_infinity=True, width=32)
HEADS = [YoloxHead((8, 16)), DistributionHead((8, 16), 8, 0.5, True), FastestHead(16)]


@pytest.mark.parametrize("head", HEADS, ids=lambda head: type(head).__name__)
@given(data=st.data())
def test_whatever_a_network_answers_only_sound_boxes_come_out(head: Head, data: st.DataObject) -> None:
    decoder = make_decoder(card(head))
    (shape,) = decoder.shapes
    answer = data.draw(hnp.arrays(np.float32, [n or 1 for n in shape], elements=wild, fill=wild))
    found = read_frame(decoder, (answer,), 0.1, Fit(1 / WIDTH, 1 / HEIGHT))
    assert np.isfinite(found.boxes).all()
    assert ((found.boxes >= 0) & (found.boxes <= 1)).all()
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert ((found.class_ids >= 0) & (found.class_ids < len(LABELS))).all()
    assert (found.boxes.dtype, found.scores.dtype, found.class_ids.dtype) == (np.float32, np.float32, np.int64)


@pytest.mark.parametrize(
    "box",
    [
        [math.nan, 1, 5, 5],
        [1, 1, math.inf, math.nan],
        [5, 5, 5, 9],  # no width
        [9, 1, 5, 5],  # inside out
        [-20, 1, -5, 5],  # left of the picture
        [WIDTH + 1, 1, WIDTH + 9, 5],  # right of it
    ],
)
def test_senseless_boxes_are_dropped(box: list[float]) -> None:
    found = Candidates(np.array([box, [0, 0, 8, 8]], np.float32), np.array([0.9, 0.8], np.float32), np.array([0, 1]))
    kept = place(found, Fit(1 / WIDTH, 1 / HEIGHT))
    assert kept.class_ids.tolist() == [1]


def test_boxes_are_clipped_to_the_picture() -> None:
    found = Candidates(np.array([[-8, 8, 32, 99]], np.float32), np.array([0.9], np.float32), np.array([0]))
    assert place(found, Fit(1 / WIDTH, 1 / HEIGHT)).boxes.tolist() == [[0, 0.25, 0.5, 1]]


def test_a_flood_of_candidates_is_cut_to_the_best() -> None:
    draw = np.random.default_rng(3)
    scores = draw.random(5000, np.float32)
    boxes = np.tile(np.array([[0, 0, 8, 8]], np.float32), (5000, 1))
    kept = place(Candidates(boxes, scores, np.zeros(5000, np.int64)), Fit(1 / WIDTH, 1 / HEIGHT))
    assert kept.scores.tolist() == sorted(scores.tolist(), reverse=True)[:1000]


def test_a_shape_fault_names_both_sides() -> None:
    assert shape_fault(((40, 8),), ((40, 85),)) == "answers with [N, 40, 85], not [N, 40, 8] (N = frames)"
    assert shape_fault(((40, 8),), ((40, 8), (40, 4))) is not None
    assert shape_fault(((40, 8),), ((40,),)) is not None
    assert shape_fault(((40, 8),), ((None, 8),)) is None
