"""The shared primitives, each by itself: inside, still, shape, sight, schedule, trails."""

from __future__ import annotations

import random
from datetime import datetime, time, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.street import box_at

from agent.clock import ClockState, Moment
from agent.core.box import Box
from agent.core.polygon import polygon
from agent.core.track import Track
from agent.rules.inside import Area, Inside
from agent.rules.schedule import Schedule
from agent.rules.settings import Window
from agent.rules.shape import Size, foot_drift, median_box, shift
from agent.rules.sight import Sight
from agent.rules.still import Sample, Still, at_rest
from agent.rules.trail import Trails

SIZE = Size(1280, 720)
SQUARE = Area(polygon([(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)]))
IN, MARGIN, OUT = (Box(0.4, y - 0.2, 0.5, y) for y in (0.7, 0.805, 0.83))


def fed(boxes: list[Box], every_us: int = 200_000) -> Inside:
    inside = Inside(SQUARE)
    for n, box in enumerate(boxes):
        inside.sample(n * every_us, box, SIZE)
    return inside


INSIDE = {
    "two samples are too few": ([IN, IN], 200_000, False),
    "three within 0.2 s are too quick": ([IN, IN, IN], 100_000, False),
    "three over 0.4 s will do": ([IN, IN, IN], 200_000, True),
    "they must follow each other": ([IN, IN, OUT, IN, IN], 200_000, False),
    "the margin does not let anybody in": ([MARGIN] * 10, 200_000, False),
    "the margin keeps who is in": ([IN] * 3 + [MARGIN] * 30, 200_000, True),
    "outside for less than 2 s is a wobble": ([IN] * 3 + [OUT] * 9, 200_000, True),
    "outside for 2 s is out": ([IN] * 3 + [OUT] * 10, 200_000, False),
    "a look back in starts the 2 s anew": ([IN] * 3 + [OUT] * 9 + [IN] + [OUT] * 9, 200_000, True),
    "a sample from long ago does not count": ([IN], 3_000_000, False),
    "nor do three far apart": ([IN] * 3, 3_000_000, False),
}


@pytest.mark.parametrize("case", INSIDE)
def test_inside_has_hysteresis(case: str) -> None:
    boxes, every_us, entered = INSIDE[case]
    assert fed(boxes, every_us).entered is entered


def test_inside_is_dated_from_the_first_sample_to_the_last() -> None:
    inside = fed([OUT, IN, IN, IN, IN, OUT, OUT])
    assert (inside.since_us, inside.last_us) == (200_000, 800_000)


def history(places: list[tuple[float, Box]]) -> list[Sample]:
    return [Sample(round(t * 1e6), box) for t, box in places]


def test_rest_is_known_after_five_seconds_and_dated_back_to_the_first() -> None:
    samples = history([(n / 5, box_at(0.5)) for n in range(26)])
    assert at_rest(samples[:25], SIZE) is None
    rest = at_rest(samples, SIZE)
    assert rest is not None
    assert (rest.since_us, rest.box) == (0, pytest.approx(box_at(0.5)))


def test_rest_begins_where_the_movement_ends() -> None:
    samples = history([(n / 5, box_at(min(0.5, 0.3 + n * 0.02))) for n in range(40)])
    rest = at_rest(samples, SIZE)
    assert rest is not None
    assert rest.since_us / 1e6 == pytest.approx(2.0, abs=0.3)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.floats(0.5, 2.0))
def test_jitter_and_wild_boxes_neither_hide_rest_nor_move_its_begin(seed: int, jitter_px: float) -> None:
    rng = random.Random(seed)

    def seen(x: float) -> Box:
        if rng.random() < 0.08:
            return box_at(x, 0.75, 0.3, 0.3)  # merged with a neighbour
        return Box(*(edge + rng.gauss(0, jitter_px / (1280, 720)[n % 2]) for n, edge in enumerate(box_at(x))))

    samples = history([(n / 5, seen(min(0.5, 0.2 + n * 0.03))) for n in range(45)])
    found = [at_rest(samples[:n], SIZE) for n in range(30, 46)]
    begins = [rest.since_us / 1e6 for rest in found if rest is not None]
    assert begins
    assert begins[-1] == pytest.approx(2.0, abs=1.2)


def test_a_box_that_jitters_much_is_nearly_always_dated_back_as_well() -> None:
    def begin_s(seed: int) -> float:
        rng = random.Random(seed)
        jittery = [box_at(min(0.5, 0.2 + n * 0.03) + rng.gauss(0, 0.003)) for n in range(45)]
        rest = at_rest(history([(n / 5, box) for n, box in enumerate(jittery)]), SIZE)
        assert rest is not None
        return rest.since_us / 1e6

    good = sum(abs(begin_s(seed) - 2.0) <= 1.0 for seed in range(100))
    assert good >= 97


def test_a_slow_walker_is_not_at_rest() -> None:
    assert at_rest(history([(n / 5, box_at(0.3 + n * 0.004)) for n in range(45)]), SIZE) is None


def test_who_stands_stays_standing_until_a_quarter_off_for_two_seconds() -> None:
    def run(offset: float, seconds: float) -> bool:
        still, samples = Still(), []
        for n in range(30 + round(seconds * 5)):
            samples.append(Sample(n * 200_000, box_at(0.5 if n < 30 else 0.5 + offset * 0.133)))
            still.update(samples[-50:], SIZE)
        return still.rest is not None

    assert run(0.24, 20)
    assert run(0.30, 1.8)
    assert not run(0.30, 2.8)


def test_shift_counts_only_what_all_edges_did() -> None:
    home = Box(0.4, 0.4, 0.6, 0.6)
    assert shift(Box(0.5, 0.4, 0.7, 0.6), home, SIZE) == pytest.approx(foot_drift(Box(0.5, 0.4, 0.7, 0.6), home, SIZE))
    assert shift(Box(0.4, 0.4, 0.6, 0.45), home, SIZE) == 0  # the lower part is hidden
    assert shift(Box(0.3, 0.3, 0.7, 0.7), home, SIZE) == 0  # it grew


def test_the_median_box_forgives_a_minority() -> None:
    assert median_box([IN, IN, IN, OUT, Box(0, 0, 1, 1)]) == IN


def test_sight_tells_short_from_long_blindness() -> None:
    sight = Sight()
    seen = [
        (sight.look(t * 1_000_000), sight.blind_us // 1_000_000, sight.long_blind) for t in (5, 6, 6, 4, 8, 11, 41, 72)
    ]
    assert seen == [
        (True, 0, False), (True, 0, False), (False, 0, False), (False, 0, False),
        (True, 0, False), (True, 3, False), (True, 30, False), (True, 31, True),
    ]  # fmt: skip
    assert (sight.begun_us, sight.resumed_us) == (72_000_000, 72_000_000)


def moment(day: int, hour: int, minute: int = 0, state: ClockState = ClockState.SYNCED) -> Moment:
    """Local time in Viet Nam; 2 November 2026 is a Monday."""
    local = datetime(2026, 11, day, hour, minute, tzinfo=timezone(timedelta(hours=7)))
    return Moment(0, round(local.timestamp() * 1e6), state, "0" * 32)


WEEKEND_NIGHT = Schedule([Window(frozenset({5, 6}), time(22), time(5))], "Asia/Ho_Chi_Minh")
MARKET = Schedule(
    [Window(frozenset({0}), time(6), time(9)), Window(frozenset({0}), time(15), time(17))], "Asia/Ho_Chi_Minh"
)
ARMED = [
    (WEEKEND_NIGHT, moment(7, 21, 59), False),  # Saturday
    (WEEKEND_NIGHT, moment(7, 22), True),
    (WEEKEND_NIGHT, moment(8, 4, 59), True),
    (WEEKEND_NIGHT, moment(8, 5), False),
    (WEEKEND_NIGHT, moment(9, 4, 59), True),  # Monday morning still belongs to Sunday's window
    (WEEKEND_NIGHT, moment(9, 22), False),
    (WEEKEND_NIGHT, moment(7, 4, 59), False),  # Saturday morning would be Friday's
    (MARKET, moment(2, 6), True),
    (MARKET, moment(2, 12), False),
    (MARKET, moment(2, 16, 59), True),
    (MARKET, moment(3, 6), False),
    (MARKET, moment(3, 6, state=ClockState.UNSET), True),
    (Schedule([], "Asia/Ho_Chi_Minh"), moment(3, 3), True),
    (Schedule([Window(frozenset({0}), time(0), time(0))], "Asia/Ho_Chi_Minh"), moment(2, 13), True),  # a whole day
]


@pytest.mark.parametrize(("schedule", "at", "armed"), ARMED)
def test_schedule(schedule: Schedule, at: Moment, armed: bool) -> None:
    assert schedule.armed(at) is armed


def track(number: int, box: Box, label: str = "car") -> Track:
    return Track(number, label, 0.8, box, True, 0, 0, 9)


def test_trails_follow_the_place_when_ids_are_swapped() -> None:
    trails = Trails()
    for n in range(20):
        left, right = (1, 2) if n % 2 else (2, 1)
        trails.follow([track(left, box_at(0.3)), track(right, box_at(0.7))], n * 200_000, 0, SIZE)
    assert sorted(trail.samples for trail in trails.live) == [20, 20]


def test_a_trail_never_changes_its_kind_nor_jumps_after_its_id() -> None:
    trails = Trails()
    trails.follow([track(1, box_at(0.3))], 0, 0, SIZE)
    trails.follow([track(1, box_at(0.3), "person")], 200_000, 0, SIZE)
    trails.follow([track(1, box_at(0.7))], 400_000, 0, SIZE)
    assert [trail.samples for trail in trails.live] == [1, 1, 1]


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 5), st.floats(0.1, 0.9)), max_size=5, unique_by=lambda t: t[0]), max_size=60
    )
)
def test_trails_are_unique_bounded_and_follow_each_track_once(frames: list[list[tuple[int, float]]]) -> None:
    trails, numbers = Trails(), set[int]()
    for n, frame in enumerate(frames):
        now_us = n * 500_000
        trails.follow([track(number, box_at(x)) for number, x in frame], now_us, 0, SIZE)
        live = [trail.number for trail in trails.live]
        assert len(set(live)) == len(live) <= 5 * 11  # five newcomers a frame, idle for 5 s
        assert sum(trail.last.mono_us == now_us for trail in trails.live) == len(frame)
        assert all(trail.last.mono_us >= now_us - 5_000_000 for trail in trails.live)
        numbers |= set(live)
    trails.follow([], 10**9, 0, SIZE)
    assert trails.live == []
