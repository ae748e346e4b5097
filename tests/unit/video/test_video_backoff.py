"""How long a lost camera waits before it is tried again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.clock import jitter
from agent.video.backoff import BASE_S, CAP_S, GOOD_US, Backoff


def test_the_ceiling_doubles_up_to_the_cap() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next_s() for _ in range(6)] == [1, 2, 4, 8, CAP_S, CAP_S]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_every_wait_lies_between_nothing_and_the_ceiling(draws: list[float]) -> None:
    pending = iter(draws)
    backoff = Backoff(lambda: next(pending))
    for number, drawn in enumerate(draws):
        assert backoff.next_s() == drawn * min(CAP_S, BASE_S * 2**number)


def test_only_a_while_of_good_pictures_forgives() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(3):
        backoff.next_s()
    backoff.good(0)
    backoff.good(GOOD_US - 1)
    assert backoff.next_s() == 8 * BASE_S
    backoff.good(50 * GOOD_US)  # a new while begins after a loss
    backoff.good(51 * GOOD_US)
    assert backoff.next_s() == 1


def test_jitter_spreads_over_zero_to_one() -> None:
    drawn = [jitter() for _ in range(2000)]
    assert all(0 <= number <= 1 for number in drawn)
    assert min(drawn) < 0.05
    assert max(drawn) > 0.95
