"""The tracker keeps one id on one object, by real time, whatever order and rate its detections come in."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.detections import Detections
from agent.core.track import Track
from agent.track.settings import TrackSettings
from agent.track.tracker import Tracker

LABELS = ("person", "car", "truck", "motorcycle")
PERSON, CAR, TRUCK = 0, 1, 2
Row = tuple[float, float, float, float, float, int]


def detections(*rows: Row) -> Detections:
    """Rows of x1, y1, x2, y2, score, class id."""
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Detections(table[:, :4].astype(np.float32), table[:, 4].astype(np.float32), table[:, 5].astype(np.int64))


def car(x: float, score: float = 0.8, class_id: int = CAR) -> Row:
    return (x, 0.5, x + 0.2, 0.7, score, class_id)


def follow(tracker: Tracker, frames: list[list[Row]], fps: float = 10.0, start_us: int = 0) -> list[list[Track]]:
    return [tracker.update(detections(*rows), start_us + round(n * 1e6 / fps)) for n, rows in enumerate(frames)]


def new_tracker(**changes: float) -> Tracker:
    return Tracker(TrackSettings(**changes), LABELS)


@pytest.mark.parametrize("fps", [1, 2, 5, 10, 25])
def test_a_moving_car_keeps_its_id_at_any_frame_rate(fps: int) -> None:
    speed_per_s = 0.05
    frames = [[car(0.1 + speed_per_s * n / fps)] for n in range(8 * fps)]
    assert {track.id for tracks in follow(new_tracker(), frames, fps) for track in tracks} == {1}


def test_a_fast_car_unseen_for_half_a_second_is_met_where_it_was_heading() -> None:
    frames = [[car(0.02 + 0.04 * n)] if not 8 <= n < 13 else [] for n in range(20)]
    last = follow(new_tracker(), frames)[-1]
    assert [(track.id, track.seen) for track in last] == [(1, True)]


def test_two_that_cross_keep_their_ids_because_motion_tells_them_apart() -> None:
    frames = [[car(0.05 + 0.02 * n), (0.75 - 0.02 * n, 0.45, 0.95 - 0.02 * n, 0.65, 0.8, CAR)] for n in range(30)]
    history = follow(new_tracker(), frames)
    assert history[-1][0].id == 1
    assert history[-1][0].box.x1 == pytest.approx(0.63, abs=0.01)
    assert {track.id for tracks in history for track in tracks} == {1, 2}


def test_a_person_in_front_of_a_car_never_takes_its_track() -> None:
    frames = [[car(0.4)], [car(0.4)], [car(0.4, class_id=PERSON)]]
    last = follow(new_tracker(), frames)[-1]
    assert [(track.label, track.seen) for track in last] == [("car", False), ("person", True)]


def test_a_van_called_car_and_truck_in_turn_is_one_object_named_by_majority() -> None:
    frames = [[car(0.4, class_id=TRUCK if n % 3 == 0 else CAR)] for n in range(20)]
    history = follow(new_tracker(), frames)
    assert {track.id for tracks in history for track in tracks} == {1}
    assert {track.label for tracks in history[10:] for track in tracks} == {"car"}


def test_a_doubtful_detection_continues_a_settled_track_but_starts_none() -> None:
    assert follow(new_tracker(), [[car(0.4, 0.2)]] * 5)[-1] == []
    kept = follow(new_tracker(), [[car(0.4)]] * 3 + [[car(0.4, 0.2)]])[-1]
    assert [(track.seen, track.samples) for track in kept] == [(True, 4)]


def test_a_doubtful_shadow_does_not_steal_a_newcomer() -> None:
    # A person walks in: the shadow of 0.15 lies where the first box was, the true box is missed once.
    shadow = (0.40, 0.52, 0.60, 0.72, 0.16, CAR)
    history = follow(new_tracker(), [[car(0.40)], [shadow], [car(0.46)], [car(0.48)]])
    assert {track.id for tracks in history for track in tracks} == {1}
    assert not history[1][0].seen


def test_score_is_the_median_of_the_last_five() -> None:
    scores = [0.9, 0.9, 0.9, 0.5, 0.6, 0.41, 0.7, 0.45]
    last = follow(new_tracker(), [[car(0.4, score)] for score in scores])[-1]
    assert last[0].score == pytest.approx(0.5, abs=1e-6)


def test_a_track_coasts_for_max_lost_s_and_is_then_forgotten() -> None:
    tracker = new_tracker(max_lost_s=2.0)
    tracker.update(detections(car(0.4)), 0)
    assert [track.seen for track in tracker.update(detections(), 2_000_000)] == [False]
    assert tracker.update(detections(), 2_000_001) == []


def test_a_standing_car_that_flickers_does_not_drift_away_while_unseen() -> None:
    rng = random.Random(7)
    frames = [[car(0.4 + rng.gauss(0, 0.003))] for _ in range(40)] + [[] for _ in range(19)]
    assert follow(new_tracker(), frames)[-1][0].box.x1 == pytest.approx(0.4, abs=0.02)


def test_equal_time_moves_nothing_and_gives_no_speed() -> None:
    tracker = new_tracker()
    tracker.update(detections(car(0.4)), 1_000_000)
    again = tracker.update(detections(car(0.42)), 1_000_000)
    later = tracker.update(detections(), 2_000_000)
    assert [track.samples for track in again] == [2]
    assert later[0].box.x1 == pytest.approx(0.42, abs=1e-6)


def test_a_small_step_back_in_time_is_taken_as_no_time() -> None:
    tracker = new_tracker()
    tracker.update(detections(car(0.4)), 5_000_000)
    assert [(t.id, t.last_seen_us) for t in tracker.update(detections(car(0.4)), 4_200_000)] == [(1, 5_000_000)]


def test_another_time_line_starts_anew_without_using_an_id_twice() -> None:
    tracker = new_tracker()
    tracker.update(detections(car(0.4)), 3_600_000_000)
    assert [(t.id, t.first_seen_us) for t in tracker.update(detections(car(0.4)), 7)] == [(2, 7)]


def test_after_a_long_gap_nothing_is_believed_to_be_the_same() -> None:
    tracker = new_tracker()
    tracker.update(detections(car(0.4)), 0)
    assert [track.id for track in tracker.update(detections(car(0.4)), 45_000_000)] == [2]


def test_senseless_rows_are_left_out() -> None:
    rows = [(0.5, 0.5, 0.4, 0.6, 0.9, CAR), (0.1, 0.1, 0.1, 0.2, 0.9, CAR), (float("nan"), 0, 1, 1, 0.9, CAR), car(0.6)]
    assert len(new_tracker().update(detections(*rows), 0)) == 1


def test_each_camera_counts_its_own_ids() -> None:
    first, second = new_tracker(), new_tracker()
    first.update(detections(car(0.1), car(0.5)), 0)
    assert [track.id for track in second.update(detections(car(0.4)), 0)] == [1]


shares = st.floats(0, 1, width=32)


def row(corner: tuple[float, float], size: tuple[float, float], score: float, class_id: int) -> Row:
    x, y = corner[0] * 0.8, corner[1] * 0.8
    return (x, y, x + 0.02 + size[0] * 0.18, y + 0.02 + size[1] * 0.18, score, class_id)


rows = st.builds(row, st.tuples(shares, shares), st.tuples(shares, shares), shares, st.integers(0, 3))


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(rows, max_size=6), st.integers(-2_000_000, 3_000_000)), max_size=12), st.randoms())
def test_the_order_of_rows_never_matters_and_live_ids_are_unique(
    frames: list[tuple[list[Row], int]], shuffler: random.Random
) -> None:
    straight, shuffled = new_tracker(), new_tracker()
    now_us, ended, live = 0, set[int](), set[int]()
    for found, step_us in frames:
        now_us += step_us
        tracks = straight.update(detections(*found), now_us)
        mixed = list(found)
        shuffler.shuffle(mixed)
        assert shuffled.update(detections(*mixed), now_us) == tracks
        ids = [track.id for track in tracks]
        assert len(set(ids)) == len(ids)
        assert not ended & set(ids)
        ended |= live - set(ids)
        live = set(ids)
        assert all(track.first_seen_us <= track.last_seen_us for track in tracks)


def test_state_does_not_grow_with_time() -> None:
    tracker, rng = new_tracker(), random.Random(3)
    for n in range(3000):
        found = [car(rng.random() * 0.8) for _ in range(rng.randrange(3))]
        live = tracker.update(detections(*found), n * 100_000)
        assert len(live) <= 2 * 21  # at most two newcomers a frame, each forgotten 2 s after it was last seen
    assert tracker.update(detections(), 400_000_000) == []


def test_held_tracks_are_seen_where_they_are_and_learn_nothing() -> None:
    tracker = new_tracker()
    (before,) = follow(tracker, [[car(0.3)]] * 10)[-1]
    for n in range(50):
        (after,) = tracker.hold(1_000_000 + n * 100_000)
    assert after.seen
    assert after.last_seen_us == 5_900_000
    assert (after.id, after.box, after.score, after.samples) == (before.id, before.box, before.score, before.samples)
    (again,) = tracker.update(detections(car(0.3)), 6_000_000)
    assert (again.id, again.samples) == (before.id, before.samples + 1)


@pytest.mark.parametrize(
    ("frames", "calm"),
    [
        ([[]] * 3, True),
        ([[car(0.3)]] * 2, False),
        ([[car(0.3)]] * 3, True),
        ([[car(0.3)]] * 9 + [[]], False),
        ([[car(0.3)]] * 9 + [[]] * 30, True),
        ([[car(0.3)]] * 9 + [[car(0.3), car(0.7)]], False),
        ([[car(0.1 + 0.02 * n)] for n in range(10)], False),
        ([[car(0.3 + 0.002 * (n % 2))] for n in range(10)], True),
    ],
)
def test_it_is_calm_while_all_that_is_followed_is_seen_and_stands(frames: list[list[Row]], calm: bool) -> None:
    tracker = new_tracker()
    follow(tracker, frames)
    assert tracker.calm is calm
