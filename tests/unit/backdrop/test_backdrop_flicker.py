"""A state that comes and goes all night is some facts, not hundreds, and a rare one ends as soon as promised."""

from __future__ import annotations

import pytest

from agent.backdrop.steady import Steady

NIGHT_S = 12 * 3600


def changes(period_s: int, well_s: int) -> list[tuple[int, bool]]:
    """Seconds and kinds of change over a night in which the sign is missing for ``well_s`` of every ``period_s``."""
    steady = Steady(30, 10)
    return [
        (second, steady.active)
        for second in range(NIGHT_S)
        if steady.take(second * 1_000_000, second % period_s >= well_s) is not None
    ]


@pytest.mark.parametrize(("period_s", "well_s"), [(45, 12), (60, 15), (300, 60), (900, 450), (960, 920)])
def test_a_lamp_that_goes_on_with_every_passer_by_is_no_storm(period_s: int, well_s: int) -> None:
    told = changes(period_s, well_s)
    assert 2 <= len(told) <= 110  # the last of these cannot be told from real ends: one pair every 16 minutes


def test_what_comes_back_after_hours_ends_as_soon_as_the_first_time() -> None:
    told = changes(4 * 3600, 3 * 3600)
    ends = [second for second, active in told if not active]
    assert [second % (4 * 3600) for second in ends] == [10] * len(ends)
    assert len(ends) == 2


def test_a_state_that_flickered_ends_within_a_quarter_of_an_hour_once_all_is_well() -> None:
    steady = Steady(30, 10)
    for second in range(2 * 3600 + 901):
        if second == 2 * 3600:
            assert steady.active
        steady.take(second * 1_000_000, second % 60 >= 20 and second < 2 * 3600)
    assert not steady.active
