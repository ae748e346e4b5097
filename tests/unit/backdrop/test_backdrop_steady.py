"""A state changes only after its sign has been there, or missing, for long enough."""

from __future__ import annotations

import pytest

from agent.backdrop.steady import Steady


def play(steady: Steady, signs: str, every_s: float = 1.0) -> list[tuple[int, bool, float]]:
    """Give (look, state, since) of every change; ``x`` is the sign, ``.`` its absence, ``?`` not to be told."""
    changes = []
    for number, sign in enumerate(signs):
        since_us = steady.take(round(number * every_s * 1e6), {"x": True, ".": False, "?": None}[sign])
        if since_us is not None:
            changes.append((number, steady.active, since_us / 1e6))
    return changes


@pytest.mark.parametrize(
    ("signs", "changes"),
    [
        ("xxxxx", []),
        ("xxxxxx", [(5, True, 0)]),
        ("..xxxxxx", [(7, True, 2)]),
        ("xxx.xx", [(5, True, 0)]),  # one odd look is no news
        ("xxx..xxxxxx", [(10, True, 5)]),
        ("xxx?xxxxxx", [(9, True, 4)]),  # what cannot be told starts the count anew
        ("xxxxxx..x.", [(5, True, 0), (9, False, 6)]),
        ("xxxxxx?.......", [(5, True, 0), (10, False, 7)]),
    ],
)
def test_it_begins_after_five_seconds_and_ends_after_three(signs: str, changes: list) -> None:
    assert play(Steady(5, 3), signs) == changes


def test_looks_that_are_far_apart_say_nothing_of_the_time_between_them() -> None:
    assert play(Steady(10, 3), "xxx", every_s=6) == []
    assert play(Steady(10, 3), "xxxx", every_s=4) == [(3, True, 0)]


def test_one_that_was_on_before_ends_like_any_other() -> None:
    assert play(Steady(5, 3, active=True), "xx....") == [(5, False, 2)]
