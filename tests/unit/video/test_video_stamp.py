"""Capture time: what every picture's moment promises, whatever the network and the camera's clock do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.clock import ClockState, Moment
from agent.video.stamp import MAX_DELAY_US, MAX_GAP_US, Cadence, ClipTime, LiveTime

BOOT = "ab" * 16
STEP_US = 40_000
UTC_US = 1_790_000_000_000_000


def moment(mono_us: int, utc_offset_us: int = UTC_US) -> Moment:
    return Moment(mono_us, mono_us + utc_offset_us, ClockState.SYNCED, BOOT)


def settled() -> LiveTime:
    """A live stream past its opening: two pictures taken at 0 and STEP_US arrived at once."""
    live = LiveTime()
    assert live.stamp(0, moment(0)) is None
    assert live.stamp(STEP_US, moment(STEP_US)) == moment(STEP_US)
    return live


wild_streams = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(-(10**8), 10**10)), st.integers(1, 4_000_000)), max_size=60
)
"""Any stream times at all, with the time that passed before each arrival."""


def arrivals(stream: list[tuple[int | None, int]]) -> Iterator[tuple[int | None, int]]:
    now_us = 5_000_000
    for pts_us, passed_us in stream:
        now_us += passed_us
        yield pts_us, now_us


@given(wild_streams)
@settings(deadline=None)
def test_live_stamps_rise_and_never_lie_in_the_future_or_far_back(stream: list[tuple[int | None, int]]) -> None:
    live, before_us = LiveTime(), -1
    for pts_us, now_us in arrivals(stream):
        at = live.stamp(pts_us, moment(now_us))
        if at is not None:
            assert before_us < at.mono_us <= now_us
            assert at.mono_us >= now_us - MAX_DELAY_US
            before_us = at.mono_us


@given(wild_streams, st.integers(0, 60), st.integers(-(10**13), 10**13))
@settings(deadline=None)
def test_a_wall_clock_step_changes_no_live_interval(
    stream: list[tuple[int | None, int]], step_at: int, step_us: int
) -> None:
    plain, stepped = LiveTime(), LiveTime()
    for number, (pts_us, now_us) in enumerate(arrivals(stream)):
        offset_us = UTC_US + (step_us if number >= step_at else 0)
        one, other = plain.stamp(pts_us, moment(now_us)), stepped.stamp(pts_us, moment(now_us, offset_us))
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert one.mono_us == other.mono_us
            assert other.utc_us - other.mono_us == offset_us


@given(st.lists(st.tuples(st.integers(5, 60), st.integers(0, 1_500_000)), max_size=8))
@settings(deadline=None)
def test_a_burst_after_a_hiccup_keeps_the_intervals_at_which_it_was_taken(hiccups: list[tuple[int, int]]) -> None:
    """The network is prompt for some pictures, then holds everything back and lets go at once; and so on."""
    live, number, free_us = settled(), 1, 0
    for prompt, held_us in hiccups:
        for place in range(prompt + held_us // STEP_US):
            number += 1
            taken_us = number * STEP_US
            if place == prompt:
                free_us = taken_us + held_us
            at = live.stamp(taken_us, moment(max(taken_us, free_us + number)))
            assert at is not None
            assert at.mono_us == taken_us


@pytest.mark.parametrize("ppm", [-300, -50, 50, 300])
def test_a_camera_clock_that_drifts_is_followed(ppm: int) -> None:
    live = settled()
    for number in range(2, 30_000):  # 20 minutes
        taken_us = number * STEP_US
        at = live.stamp(taken_us + taken_us * ppm // 1_000_000, moment(taken_us))
        assert at is not None
        assert abs(at.mono_us - taken_us) <= 5_000


@pytest.mark.parametrize("jump_us", [-3_600_000_000, -STEP_US, 0, 60_000_000, 95_443_717_688])
def test_a_jump_of_the_camera_clock_costs_no_more_than_one_interval(jump_us: int) -> None:
    """Wrap of the 32-bit RTP clock, a reset, a repeat, a leap ahead: time goes on from the arrival."""
    live = settled()
    for number in range(2, 200):
        taken_us = number * STEP_US
        at = live.stamp(taken_us + (jump_us if number >= 100 else 0), moment(taken_us))
        assert at is not None
        assert at.mono_us == taken_us


def test_a_picture_without_a_time_is_as_late_as_the_one_before() -> None:
    live = settled()
    assert live.stamp(2 * STEP_US, moment(2 * STEP_US + 500_000)) == moment(2 * STEP_US)
    assert live.stamp(None, moment(2 * STEP_US + 510_000)) == moment(2 * STEP_US + 10_000)
    assert live.stamp(4 * STEP_US, moment(2 * STEP_US + 520_000)) == moment(4 * STEP_US)


def test_a_silence_longer_than_believable_anchors_anew() -> None:
    live = settled()
    at = live.stamp(2 * STEP_US, moment(2 * STEP_US + MAX_DELAY_US + 1))
    assert at == moment(2 * STEP_US + MAX_DELAY_US + 1)
    assert live.stamp(3 * STEP_US, moment(3 * STEP_US + MAX_DELAY_US + 1)) == moment(3 * STEP_US + MAX_DELAY_US + 1)


def test_the_backlog_of_a_fresh_stream_is_left_out() -> None:
    live = LiveTime()
    backlog = [live.stamp(number * STEP_US, moment(1_000_000 + number * 1_000)) for number in range(25)]
    assert backlog == [None] * 25
    first_us = 1_000_000 + 25 * STEP_US
    assert live.stamp(25 * STEP_US, moment(first_us)) == moment(first_us)


@given(st.integers(1_000, 100_000), st.one_of(st.none(), st.just(0)))
@settings(deadline=None)
def test_a_stream_that_tells_no_time_is_stamped_on_arrival(step_us: int, pts_us: int | None) -> None:
    live = LiveTime()
    stamps = [live.stamp(pts_us, moment(number * step_us)) for number in range(50)]
    assert stamps[-1] == moment(49 * step_us)
    assert stamps.count(None) < 5


@given(st.lists(st.one_of(st.none(), st.integers(-(10**10), 10**10)), max_size=60))
@settings(deadline=None)
def test_clip_stamps_rise_by_at_most_the_longest_gap(stream: list[int | None]) -> None:
    clip, before_us = ClipTime(moment(7_000_000)), None
    for pts_us in stream:
        at = clip.stamp(pts_us)
        assert at.utc_us - at.mono_us == UTC_US
        if before_us is not None:
            assert 0 < at.mono_us - before_us <= MAX_GAP_US
        before_us = at.mono_us


@given(st.lists(st.integers(1, MAX_GAP_US), max_size=40), st.integers(0, MAX_GAP_US))
@settings(deadline=None)
def test_clip_stamps_are_the_start_plus_the_clips_own_times(steps: list[int], first_us: int) -> None:
    clip, pts_us = ClipTime(moment(7_000_000)), first_us
    assert clip.stamp(pts_us).mono_us == 7_000_000 + pts_us
    for step_us in steps:
        pts_us += step_us
        assert clip.stamp(pts_us).mono_us == 7_000_000 + pts_us


def test_a_clip_that_begins_again_goes_on_in_time() -> None:
    clip = ClipTime(moment(0))
    first = [clip.stamp(pts_us).mono_us for pts_us in (0, 100_000, 200_000)]
    clip.restart()
    again = [clip.stamp(pts_us).mono_us for pts_us in (0, 100_000, 200_000)]
    assert first + again == [0, 100_000, 200_000, 300_000, 400_000, 500_000]


def test_a_slip_moves_only_what_comes_after() -> None:
    clip = ClipTime(moment(0))
    clip.stamp(0)
    clip.slip(1_500_000)
    assert clip.stamp(100_000) == moment(1_600_000)


@given(st.floats(0.2, 30), st.floats(1, 60))
@settings(deadline=None)
def test_cadence_keeps_the_rate_asked_for_or_the_cameras(wanted_fps: float, camera_fps: float) -> None:
    cadence, seconds, taken = Cadence(wanted_fps), 60, 0
    for number in range(int(seconds * camera_fps)):
        taken_us = round(number * 1_000_000 / camera_fps)
        if cadence.wants(taken_us):
            cadence.took(taken_us)
            taken += 1
    assert taken <= seconds * wanted_fps + 2
    assert taken >= min(wanted_fps, camera_fps) * seconds * 0.95 - 2


@given(st.lists(st.integers(-5_000, 5_000), min_size=1, max_size=50))
@settings(deadline=None)
def test_jitter_does_not_halve_a_camera_that_runs_at_the_wanted_rate(jitters_us: list[int]) -> None:
    cadence = Cadence(25)
    for number, jitter_us in enumerate(jitters_us):
        taken_us = 1_000_000 + number * STEP_US + jitter_us
        assert cadence.wants(taken_us)
        cadence.took(taken_us)
