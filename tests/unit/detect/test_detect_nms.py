from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.box import Box
from agent.core.classes import group_ids
from agent.core.detections import Detections
from agent.detect.nms import GROUP_IOU, merge_groups, suppress

LABELS = ("person", "car", "truck", "motorcycle", "bicycle")
GROUPS = np.array(group_ids(LABELS), np.int64)


def detections(rows: list[tuple[tuple[float, float, float, float], float, int]]) -> Detections:
    return Detections(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] for row in rows], np.int64),
    )


def iou(found: Detections, i: int, j: int) -> float:
    return Box(*found.boxes[i].tolist()).iou(Box(*found.boxes[j].tolist()))


# A coarse grid of corners makes heavy overlap, equal boxes and equal scores common.
corner = st.integers(0, 9)
rows = st.lists(
    st.tuples(
        st.tuples(corner, corner, st.integers(1, 6), st.integers(1, 6)).map(
            lambda c: (c[0] / 16, c[1] / 16, (c[0] + c[2]) / 16, (c[1] + c[3]) / 16)
        ),
        st.integers(1, 20).map(lambda n: n / 20),
        st.integers(0, len(LABELS) - 1),
    ),
    max_size=25,
)
limits = st.sampled_from([0.3, 0.45, 0.6, 0.7])


def by_hand(found: Detections, limit: float) -> list[int]:
    """The textbook: best first, drop what a kept one of the class covers too much."""
    kept: list[int] = []
    for i in sorted(range(len(found)), key=lambda i: -found.scores[i]):
        if all(found.class_ids[i] != found.class_ids[k] or iou(found, i, k) <= limit + 1e-6 for k in kept):
            kept.append(i)
    return kept


@given(rows, limits)
def test_suppress_keeps_what_the_textbook_keeps(drawn, limit: float) -> None:
    found = detections(drawn)
    kept = suppress(found, limit)
    expected = found.where(np.array(by_hand(found, limit), np.int64))
    assert kept.boxes.tolist() == expected.boxes.tolist()
    assert kept.scores.tolist() == expected.scores.tolist()
    assert kept.class_ids.tolist() == expected.class_ids.tolist()


@given(rows, limits)
def test_suppressing_twice_changes_nothing(drawn, limit: float) -> None:
    once = suppress(detections(drawn), limit)
    assert suppress(once, limit).boxes.tolist() == once.boxes.tolist()


@given(rows)
def test_no_two_classes_of_a_group_share_a_place_after_merging(drawn) -> None:
    merged = merge_groups(suppress(detections(drawn), 0.45), GROUPS)
    for i in range(len(merged)):
        for j in range(i):
            rivals = GROUPS[merged.class_ids[i]] == GROUPS[merged.class_ids[j]]
            if rivals and merged.class_ids[i] != merged.class_ids[j]:
                assert iou(merged, i, j) <= GROUP_IOU + 1e-6


@given(rows)
def test_whatever_merging_drops_had_a_better_rival_in_its_place(drawn) -> None:
    before = suppress(detections(drawn), 0.45)
    merged = merge_groups(before, GROUPS)
    kept = {(tuple(box), int(c)) for box, c in zip(merged.boxes.tolist(), merged.class_ids, strict=True)}
    for i in range(len(before)):
        if (tuple(before.boxes[i].tolist()), int(before.class_ids[i])) in kept:
            continue
        assert any(
            before.scores[j] >= before.scores[i]
            and before.class_ids[j] != before.class_ids[i]
            and GROUPS[before.class_ids[j]] == GROUPS[before.class_ids[i]]
            and iou(before, i, j) > GROUP_IOU - 1e-6
            for j in range(len(before))
        )


def test_an_overlap_of_exactly_the_limit_is_still_two_objects() -> None:
    whole, half = (0.0, 0.0, 0.5, 0.5), (0.0, 0.0, 0.25, 0.5)
    found = detections([(whole, 0.9, 1), (half, 0.8, 1)])
    assert len(suppress(found, 0.5)) == 2
    assert len(suppress(found, 0.49)) == 1


SPOT = (0.2, 0.2, 0.4, 0.4)
NEAR = (0.21, 0.2, 0.41, 0.4)


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        ("car", "truck", ["car"]),
        ("motorcycle", "bicycle", ["motorcycle"]),
        ("person", "motorcycle", ["person", "motorcycle"]),  # a rider is two objects
        ("car", "person", ["car", "person"]),
    ],
)
def test_only_classes_of_one_group_compete_for_a_place(first: str, second: str, left: list[str]) -> None:
    found = detections([(SPOT, 0.9, LABELS.index(first)), (NEAR, 0.5, LABELS.index(second))])
    assert [LABELS[i] for i in merge_groups(found, GROUPS).class_ids] == left


def test_merging_leaves_two_objects_of_one_class_alone() -> None:
    found = detections([(SPOT, 0.9, 0), (NEAR, 0.8, 0)])
    assert len(merge_groups(found, GROUPS)) == 2


def test_the_surer_class_wins_whatever_the_order() -> None:
    car, truck = (SPOT, 0.4, 1), (NEAR, 0.7, 2)
    for order in ([car, truck], [truck, car]):
        assert [LABELS[i] for i in merge_groups(detections(order), GROUPS).class_ids] == ["truck"]


def test_nothing_in_nothing_out() -> None:
    assert len(suppress(Detections.none(), 0.5)) == 0
    assert len(merge_groups(Detections.none(), GROUPS)) == 0
