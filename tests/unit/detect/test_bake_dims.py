from __future__ import annotations

from itertools import pairwise
from math import prod

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.detect.baking.dims import BATCH, CannotFollow, Dims, Part, afters, befores, dim, reshaped


def dims(*lengths: int | tuple[int, int] | str) -> Dims:
    """Make lengths: a number stays, a pair changes with the size, ``N`` is the batch."""
    return tuple((BATCH,) if n == "N" else dim(*n) if isinstance(n, tuple) else dim(n, n) for n in lengths)


def shown(lengths: Dims) -> list[str]:
    return ["·".join("N" if p.batch else str(p.after) for p in each) or "1" for each in lengths]


CASES = [
    (dims("N", 85, (4, 6), (5, 7)), [1, 85, 20], ["N", "85", "6·7"]),
    (dims("N", 85, (4, 6), (5, 7)), [1, 85, 4, 5], ["N", "85", "6", "7"]),
    (dims("N", 48, (4, 6), (5, 7)), [1, 2, 24, 4, 5], ["N", "2", "24", "6", "7"]),
    (dims("N", 2, 24, (4, 6), (5, 7)), [1, 48, 4, 5], ["N", "48", "6", "7"]),
    # FastestDet's channel shuffle: the batch is merged into the channels, carried around and split off again.
    (dims("N", 48, (4, 6), (5, 7)), [24, 2, 20], ["N·24", "2", "6·7"]),
    (((Part(2, 2),), (BATCH, Part(24, 24)), (Part(4, 6), Part(5, 7))), [2, 1, 24, 4, 5], ["2", "N", "24", "6", "7"]),
    (dims("N", 6, 4), [1, 8, 3], ["N", "8", "3"]),
    (dims("N", 6), [6], ["N·6"]),
    (dims(6, "N"), [6, 1], ["6", "N"]),
]


@pytest.mark.parametrize(("given_dims", "target", "told"), CASES, ids=[" ".join(told) for *_, told in CASES])
def test_factors_go_through_a_reshape_in_their_order(given_dims: Dims, target: list[int], told: list[str]) -> None:
    found = reshaped(given_dims, target)
    assert list(befores(found)) == target
    assert shown(found) == told


@pytest.mark.parametrize(
    ("given_dims", "target", "told"),
    [
        (dims("N", 6, (4, 6)), [1, 12, 2], "its target length 12 is no product"),
        (dims("N", 6, (4, 4), (5, 7)), [1, 6, 10, 2], "its target length 10 is no product"),
        (dims("N", (1, 2), 6), [1, 6], "a length that is 1 in the published file grows"),
        (dims(6, "N"), [6], "has no place for the batch"),
        (dims("N", 6), [1, 7], "its target length 7 is no product"),
        (dims("N", 6), [1, 3], "has no place for the batch"),
    ],
)
def test_what_another_size_would_tear_apart_is_refused(given_dims: Dims, target: list[int], told: str) -> None:
    with pytest.raises(CannotFollow, match=told):
        reshaped(given_dims, target)


@st.composite
def reshapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Give lengths, other lengths of the same product, and where the batch goes in."""
    factors = draw(st.lists(st.sampled_from([2, 3, 5]), min_size=1, max_size=6))
    cuts = st.sets(st.integers(1, len(factors) - 1)) if len(factors) > 1 else st.just(set())

    def grouped() -> tuple[int, ...]:
        places = [0, *sorted(draw(cuts)), len(factors)]
        return tuple(prod(factors[a:b]) for a, b in pairwise(places))

    lengths = grouped()
    return lengths, grouped(), draw(st.integers(0, len(lengths) - 1))


@given(reshapes(), st.integers(1, 3))
def test_each_picture_of_a_reshaped_batch_is_the_picture_reshaped(
    case: tuple[tuple[int, ...], tuple[int, ...], int], count: int
) -> None:
    """Done with real arrays: reshape the batch as ``reshaped`` says, cut a picture out, compare."""
    lengths, target, at = case
    tracked = (*dims(*lengths[:at]), (BATCH,), *dims(*lengths[at:]))
    try:
        found = reshaped(tracked, [*target, 1])
    except CannotFollow:
        assume(False)
    picture = np.arange(prod(lengths)).reshape(lengths)
    batch = np.stack([picture * 1000 + i for i in range(count)], axis=at)
    out = batch.reshape([prod(count if part.batch else part.after for part in each) for each in found])
    split = out.reshape([count if part.batch else part.after for each in found for part in each])
    axis = [part for each in found for part in each].index(BATCH)
    for i in range(count):
        np.testing.assert_array_equal(split.take(i, axis).ravel(), (picture * 1000 + i).ravel())


def test_a_length_of_one_has_no_parts() -> None:
    assert dims(1, (1, 1)) == ((), ())
    assert afters(dims(1, (2, 3), "N")) == (1, 3, 1)
