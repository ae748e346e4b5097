"""A camera that does not see as it should is found within the promised seconds, and only then."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.eyes import (
    FPS,
    Picture,
    Watcher,
    between,
    bus,
    covered,
    dazzled,
    defocused,
    dimmed,
    draped,
    elsewhere,
    infrared,
    noise,
    out_of_focus,
    shaken,
    shifted,
    street,
    swaying,
    taped,
    told_once,
)

from agent.backdrop.backdrop import Backdrop
from agent.backdrop.settings import BackdropSettings, CameraHealthSettings
from agent.clock import ClockState
from agent.core.polygon import polygon
from agent.core.view import Geometry

SETTINGS = BackdropSettings("gate")


def watch(picture: Picture, until_s: float, settings: BackdropSettings = SETTINGS) -> Watcher:
    return Watcher(Backdrop(settings)).play(picture, until_s)


@pytest.mark.parametrize(
    ("spoilt", "state", "after_s"),
    [
        (covered, "covered", 10),
        (taped, "covered", 10),
        (defocused, "blurred", 30),
        (shifted(0.04), "moved", 10),
        (shifted(0.2), "moved", 10),
        (elsewhere, "moved", 30),
        (dazzled, "glare", 30),
    ],
    ids=lambda case: getattr(case, "__qualname__", None),
)
def test_each_state_is_found_in_time_and_ends_in_time(spoilt, state: str, after_s: float) -> None:
    watcher = watch(between(60, 110, spoilt, street()), 190)
    assert watcher.begins() == [(state, pytest.approx(60 + after_s, abs=3))]
    ends_s, reason = (60, "returned") if state == "moved" else (10, "well")
    assert watcher.ends() == [(state, pytest.approx(110 + ends_s, abs=3), reason)]


def test_s19_one_after_the_other() -> None:
    picture = between(60, 90, covered, street())
    picture = between(150, 200, defocused, picture)
    picture = between(240, 300, infrared, picture)
    picture = between(270, 276, bus(0.7), picture)
    picture = between(360, 460, shifted(0.21), picture)
    watcher = watch(picture, 460)
    assert watcher.begins() == [
        ("covered", pytest.approx(70, abs=2)),
        ("blurred", pytest.approx(180, abs=3)),
        ("moved", pytest.approx(370, abs=3)),
    ]
    assert [(state, reason) for state, _, reason in watcher.ends()] == [("covered", "well"), ("blurred", "well")]
    assert watcher.seen[-1].view.geometry is Geometry.INVALID


@pytest.mark.parametrize(
    ("spoilt", "begin", "end"),
    [
        (bus(0.7), 60, 66),
        (bus(0.7), 60, 120),
        (dimmed(0.6, within_s=5), 60, 120),
        (dimmed(0.6), 60, 120),
        (infrared, 60, 200),
        (infrared, 60, 75),
        (swaying, 0, 200),
        (shaken, 0, 200),
        (shaken, 60, 120),
        (covered, 60, 67),
        (shifted(0.2), 60, 67),
        (shifted(0.02), 60, 200),
        (dazzled, 60, 80),
    ],
    ids=lambda case: getattr(case, "__qualname__", None),
)
def test_what_only_looks_bad_is_left_alone(spoilt, begin: float, end: float) -> None:
    watcher = watch(between(begin, end, spoilt, street()), 210)
    assert watcher.said == []
    assert watcher.seen[-1].view.geometry is Geometry.VALID


@pytest.mark.parametrize("px", [3, 9, 14, 15, 16, 18, 25])
def test_a_defocus_of_any_strength_is_told_once_as_blurred_or_as_covered(px: int) -> None:
    watcher = watch(between(40, 999, out_of_focus(px), street()), 110)
    assert told_once(watcher, 40), watcher.said


@pytest.mark.parametrize(
    "cover",
    [covered, taped, draped(20, 160), draped(30, 200), draped(10, 60)],
    ids=["noise", "tape", "wide folds", "deep folds", "fine folds"],
)
def test_a_blurred_camera_that_is_covered_then_is_covered_too(cover) -> None:
    watcher = watch(between(80, 999, cover, between(40, 80, defocused, street())), 105)
    assert [(said.state, said.began) for said in watcher.said] == [("blurred", True), ("covered", True)]
    assert watcher.begins()[1][1] == pytest.approx(90, abs=3)


def test_a_frozen_feed_is_found_though_its_clock_runs_on() -> None:
    def frozen(pixels, t: float):
        stood = street()(60.0).copy()
        stood[4:20, 8:120] = round(t * 10) % 256
        return stood

    watcher = watch(between(60, 110, frozen, street()), 130)
    assert watcher.begins() == [("frozen", pytest.approx(90, abs=2))]
    assert watcher.ends() == [("frozen", pytest.approx(120, abs=2), "well")]


def test_a_feed_that_goes_round_in_a_circle_is_frozen_too() -> None:
    live = street()
    watcher = watch(between(60, 110, lambda _, t: live(60 + t % 2), live), 110)
    assert watcher.begins() == [("frozen", pytest.approx(91, abs=3))]


def test_a_still_street_lives_by_its_noise() -> None:
    still = street("empty_street")(0.0)

    def noisy(t: float):
        return still // 2 + noise(t, still.shape) // 2

    assert watch(noisy, 120).said == []


def test_darkness_at_night_is_dark_and_no_cover() -> None:
    night = between(0, 999, dimmed(0.3), street())
    watcher = watch(between(60, 110, dimmed(0.1), night), 140)
    assert watcher.begins() == [("dark", pytest.approx(90, abs=2))]
    assert watcher.ends() == [("dark", pytest.approx(120, abs=2), "well")]


def test_a_night_picture_that_takes_long_to_focus_is_guarded() -> None:
    picture = between(200, 999, infrared, between(60, 130, infrared, street()))  # the night is known by then
    slow = between(200, 248, defocused, picture)
    assert watch(slow, 260).said == []
    late = between(280, 320, defocused, picture)
    assert watch(late, 320).begins() == [("blurred", pytest.approx(310, abs=3))]


def test_during_the_first_learning_nothing_that_needs_a_baseline_is_claimed() -> None:
    assert watch(between(5, 60, covered, street()), 25).said == []
    # What is there from the start is what the camera usually shows.
    assert watch(between(0, 200, defocused, street()), 100).said == []


def test_a_bad_picture_is_not_learnt() -> None:
    watcher = watch(between(60, 3600, covered, street()), 600)
    assert watcher.begins() == [("covered", pytest.approx(70, abs=2))]
    assert watcher.ends() == []


def test_people_do_not_burn_into_the_reference_view() -> None:
    def passing(t: float):
        pixels = street("empty_street")(0.0).copy()
        left = round(t * 97) % 560
        pixels[150:300, left : left + 60] = (0, 0, 255)
        return pixels

    watcher = watch(passing, 40)
    (view,) = [view for seen in watcher.seen for view in seen.references]
    plain = Watcher(Backdrop(SETTINGS))
    plain.play(street("empty_street"), 40)
    (clean,) = [view for seen in plain.seen for view in seen.references]
    assert np.abs(view.grey.astype(int) - clean.grey).mean() < 3


def test_what_lies_under_a_mask_is_black_in_the_reference_view_and_no_edge() -> None:
    mask = polygon([(0.2, 0.2), (0.8, 0.2), (0.8, 0.9), (0.2, 0.9)])

    def masked(t: float):
        pixels = street()(t).copy()
        pixels[72:324, 128:512] = 0
        return pixels

    watcher = watch(masked, 40, replace(SETTINGS, masks=(mask,)))
    (view,) = [view for seen in watcher.seen for view in seen.references]
    assert view.grey[17:82, 31:129].max() == 0  # a pixel more than the mask, on every side
    (plain,) = [view for seen in watch(street(), 40).seen for view in seen.references]
    assert view.edges[2:7, 4:12].max() == 0
    assert (view.edges <= plain.edges * 1.1 + 0.5).all()  # the mask's border is no edge of the street
    covered_now = watch(between(60, 90, covered, masked), 90, replace(SETTINGS, masks=(mask,)))
    assert covered_now.begins() == [("covered", pytest.approx(70, abs=2))]


def test_a_moved_camera_stays_moved_until_a_person_accepts_its_view() -> None:
    watcher = watch(between(60, 9999, shifted(0.2), street()), 400)
    assert watcher.begins() == [("moved", pytest.approx(70, abs=2))]
    changes = watcher.backdrop.recalibrate(watcher.clock.now())
    assert [(change.state, change.began, change.reason) for change in changes] == [("moved", False, "recalibrated")]
    assert watcher.backdrop.geometry is Geometry.VALID
    watcher.said.clear()
    watcher.play(between(0, 500, shifted(0.2), street()), 560)
    assert watcher.begins() == [("moved", pytest.approx(510, abs=4))]  # the old view is now the strange one


def test_a_dark_night_before_which_nothing_was_learnt_looks_past_no_mask() -> None:
    views = [view for seen in watch(street(), 40).seen for view in seen.references]
    night = Backdrop(SETTINGS, (), [replace(view, hour=12) for view in views])
    assert not Watcher(night).play(between(0, 99, dimmed(0.05), street()), 20).backdrop.past_masks
    other = Backdrop(SETTINGS, (), [replace(view, hour=12) for view in views])
    assert Watcher(other).play(between(0, 99, elsewhere, street()), 20).backdrop.past_masks


def test_while_a_shift_is_new_the_geometry_is_doubtful() -> None:
    watcher = watch(between(60, 66, shifted(0.2), street()), 75)
    doubtful = [n / FPS for n, seen in enumerate(watcher.seen) if seen.view.geometry is Geometry.DOUBTFUL]
    assert 60 <= doubtful[0] <= 61.5
    assert doubtful[-1] <= 69
    assert watcher.seen[-1].view.geometry is Geometry.VALID


def test_after_a_restart_the_kept_views_tell_that_the_camera_was_turned_meanwhile() -> None:
    first = watch(street(), 60)
    views = [view for seen in first.seen for view in seen.references]
    again = Watcher(Backdrop(SETTINGS, (), views)).play(between(0, 60, shifted(0.2), street()), 30)
    assert again.begins() == [("moved", pytest.approx(10, abs=2))]
    assert again.seen[0].view.geometry is Geometry.DOUBTFUL
    far = Watcher(Backdrop(SETTINGS, (), views))
    far.clock.step_wall(3_600_000_000)
    far.play(between(0, 60, elsewhere, street()), 40)
    assert far.begins() == [("moved", pytest.approx(30, abs=3))]
    covered_again = Watcher(Backdrop(SETTINGS, (), views)).play(between(0, 60, covered, street()), 30)
    assert covered_again.begins() == [("covered", pytest.approx(10, abs=2))]


def test_a_state_that_was_on_before_the_restart_is_not_told_again_and_ends_once() -> None:
    first = watch(street(), 60)
    views = [view for seen in first.seen for view in seen.references]
    again = Watcher(Backdrop(SETTINGS, ("covered", "moved"), views)).play(street(), 120)
    assert again.begins() == []
    assert again.ends() == [
        ("covered", pytest.approx(10, abs=2), "well"),
        ("moved", pytest.approx(60, abs=2), "returned"),
    ]


def test_a_moved_camera_without_any_view_left_waits_for_a_person() -> None:
    watcher = Watcher(Backdrop(SETTINGS, ("moved",))).play(street(), 200)
    assert watcher.said == []
    assert watcher.seen[-1].view.geometry is Geometry.INVALID


def test_a_person_who_accepts_the_view_ends_a_cover_too_and_the_camera_learns_again() -> None:
    watcher = watch(between(60, 9999, covered, street()), 75)
    changes = watcher.backdrop.recalibrate(watcher.clock.now())
    assert [(change.state, change.reason) for change in changes] == [("covered", "recalibrated")]
    watcher.said.clear()
    watcher.play(between(120, 140, covered, street()), 160)
    assert watcher.begins() == [("covered", pytest.approx(130, abs=2))]


@pytest.mark.parametrize("known", ["covered", "blurred"])
@pytest.mark.parametrize("left", ["of another hour", "of another size", "none"])
def test_a_cover_that_nothing_can_be_held_against_ends_when_the_street_is_seen_again(known: str, left: str) -> None:
    """The box began anew while the camera was covered, and the view of this hour, or of this size, was never learnt."""
    views = [view for seen in watch(street(), 40).seen for view in seen.references]
    views = [replace(view, frame_px=(1280, 720)) if left == "of another size" else view for view in views]
    again = Watcher(Backdrop(SETTINGS, (known,), () if left == "none" else views))
    again.clock.step_wall(3_600_000_000)
    again.play(street(), 60)
    assert again.ends() == [(known, pytest.approx(10 if left == "of another hour" else 42, abs=4), "well")]


def test_a_cover_told_before_the_restart_is_not_learnt_in_another_hour() -> None:
    views = [view for seen in watch(street(), 40).seen for view in seen.references]
    again = Watcher(Backdrop(SETTINGS, ("covered",), views))
    again.clock.step_wall(3_600_000_000)
    again.play(between(0, 90, covered, street()), 90)
    assert (again.said, again.backdrop.states) == ([], {"covered"})


def larger(pixels, _: float):
    return cv2.resize(pixels, (1280, 720))


def test_a_camera_that_sends_larger_pictures_is_neither_blurred_nor_held_against_the_small_ones() -> None:
    assert watch(between(60, 999, larger, street()), 160).said == []


def test_a_view_of_another_size_gives_way_to_one_of_this_size_and_a_turn_is_found_again() -> None:
    views = [view for seen in watch(street(), 40).seen for view in seen.references]
    again = Watcher(Backdrop(SETTINGS, (), views)).play(between(0, 999, larger, street()), 40)
    (view,) = [view for seen in again.seen for view in seen.references]
    assert (view.hour, view.frame_px) == (views[0].hour, (1280, 720))
    again.play(between(0, 999, larger, between(0, 999, shifted(0.2), street())), 60)
    assert again.begins() == [("moved", pytest.approx(50, abs=2))]


def test_views_are_kept_by_hour_and_those_of_an_unset_clock_by_none() -> None:
    watcher = Watcher(Backdrop(SETTINGS))
    watcher.clock.step_wall(0, ClockState.UNSET)
    watcher.play(street(), 40)
    assert [view.hour for seen in watcher.seen for view in seen.references] == [24]
    watcher.clock.step_wall(0, ClockState.SYNCED)
    hour = (watcher.clock.now().utc_us // 3_600_000_000 + 7) % 24
    watcher.play(street(), 1000)
    hours = [view.hour for seen in watcher.seen for view in seen.references]
    assert hours[0] == 24
    assert hours[1] in (hour, (hour + 1) % 24)


def test_a_gap_between_frames_is_no_evidence() -> None:
    watcher = watch(between(60, 68, covered, street()), 68)
    watcher.clock.sleep(60)
    watcher.play(between(128, 134, covered, street()), 150)
    assert watcher.said == []


def test_what_is_not_asked_for_is_not_looked_for() -> None:
    deaf = replace(SETTINGS, health=CameraHealthSettings(states=frozenset({"blurred"})))
    watcher = watch(between(60, 100, shifted(0.2), between(110, 140, covered, street())), 150, deaf)
    assert watcher.said == []
    assert all(seen.view.geometry is Geometry.VALID for seen in watcher.seen)
