"""Stopped and parked vehicles: every stay gives one incident, at the right time, whatever the camera does."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta, timezone

import pytest
from support.street import Actor, Faults, Street, box_at, hidden, parks, rule, stands

from agent.clock import ClockState, SimulatedClock
from agent.core.box import Box
from agent.core.incident import Phase
from agent.rules.settings import Window

STOP = rule("stopped_vehicle")


def car(path, **changes) -> Actor:
    return Actor("car", path, **changes)


def only(items: list):
    assert len(items) == 1, items
    return items[0]


def test_s01_a_car_that_stops_for_two_minutes_is_one_incident() -> None:
    street = Street([STOP], [car(parks(0.5, 10, 20, 140))]).play(170)
    assert street.kinds() == ["open", "end"]
    opened, ended = street.incidents("open")[0], street.incidents("end")[0]
    assert street.second(opened.begin_us) == pytest.approx(20, abs=1)
    assert only(street.times("open")) == pytest.approx(80, abs=1)
    assert street.second(ended.end_us) == pytest.approx(140, abs=2)
    assert only(street.times("end")) == pytest.approx(150, abs=2)
    assert (opened.rev, ended.rev, opened.id) == (1, 2, ended.id)
    assert (ended.end_reason, ended.phase, opened.phase) == ("left", Phase.ENDED, Phase.OPEN)
    assert (opened.label, opened.count, opened.preexisting, opened.quiet) == ("car", 1, False, False)
    assert opened.box == pytest.approx(box_at(0.5), abs=0.002)
    assert opened.dwell_s == pytest.approx(60, abs=1)
    assert ended.dwell_s == pytest.approx(120, abs=2)


def test_s02_two_short_stays_at_one_place_are_no_long_one() -> None:
    street = Street([STOP], [car(parks(0.5, 10, 20, 70)), car(parks(0.5, 80, 90, 145))]).play(200)
    assert street.kinds() == []


def test_s02_the_second_car_has_its_own_incident_if_it_stays() -> None:
    actors = [car(parks(0.5, 10, 20, 90)), car(parks(0.5, 95, 108, 190))]
    street = Street([STOP], actors).play(230)
    assert street.kinds() == ["open", "end", "open", "end"]
    assert street.times("open") == [pytest.approx(80, abs=1), pytest.approx(168, abs=1)]
    first, second = street.incidents("open")
    assert first.id != second.id
    assert (first.slot, first.quiet, second.slot, second.quiet) == (second.slot, False, first.slot, True)


def test_s03_creeping_a_little_does_not_start_the_dwell_anew() -> None:
    def path(t: float) -> Box | None:
        base = parks(0.5, 10, 20, 130)(t)
        crept = 0.08 * 0.133 if t >= 60 else 0.0
        return None if base is None else Box(base.x1 + crept, base.y1, base.x2 + crept, base.y2)

    street = Street([STOP], [car(path)]).play(160)
    assert street.kinds() == ["open", "end"]
    assert only(street.times("open")) == pytest.approx(80, abs=1)
    assert street.second(street.incidents("end")[0].end_us) == pytest.approx(130, abs=2)


def test_moving_up_by_half_a_length_is_another_stay() -> None:
    def path(t: float) -> Box | None:
        return box_at(0.4 if t < 50 else min(0.46, 0.4 + 0.03 * (t - 50)))

    street = Street([STOP], [car(path)]).play(105)
    assert street.kinds() == []
    assert only(street.play(120).times("open")) == pytest.approx(112, abs=1)


def test_s04_a_bus_that_hides_the_car_and_a_new_track_id_do_not_matter() -> None:
    bus = Actor("bus", lambda t: box_at(0.5, 0.82, 0.4, 0.35) if 50 <= t < 75 else None)
    hides = hidden(parks(0.5, 10, 20, 160), 50, 75)
    street = Street([STOP], [car(hides, id=lambda t: 1 if t < 60 else 77), bus]).play(200)
    assert street.kinds() == ["open", "end"]
    assert only(street.times("open")) == pytest.approx(80, abs=1)
    assert street.second(street.incidents("end")[0].end_us) == pytest.approx(160, abs=2)


def test_without_the_bus_the_same_absence_ends_a_pending_stay() -> None:
    street = Street([STOP], [car(hidden(stands(0.5, 20, 120), 50, 75))]).play(120)
    assert street.kinds() == []


@pytest.mark.parametrize(("seen_again", "passing_seen_from"), [(43.6, 40), (44.6, 40), (44.6, 43)])
def test_a_passing_car_that_takes_the_track_along_does_not_take_the_dwell(
    seen_again: float, passing_seen_from: float
) -> None:
    # The parked car is missed while another passes in front; the tracker gives its id to the passing one for good.
    def passing(t: float) -> Box | None:
        x = 0.2 + 0.1 * (t - 40)
        return box_at(x, 0.77) if passing_seen_from <= t < 48 else None

    parked = hidden(stands(0.5, 10, 200), 42.5, seen_again)
    actors = [
        car(parked, id=lambda t: 1 if t < 43 else 3),
        car(passing, id=lambda t: 2 if t < 43 else 1),
    ]
    street = Street([STOP], actors, fps=10).play(90)
    assert only(street.times("open")) == pytest.approx(70, abs=1)
    assert street.kinds() == ["open"]


def test_x7_four_cars_in_a_row_are_four_incidents() -> None:
    actors = [car(parks(x, at - 8, at, 300)) for x, at in ((0.85, 20), (0.7, 25), (0.55, 30), (0.4, 35))]
    street = Street([STOP], actors).play(320)
    assert street.times("open") == [pytest.approx(at, abs=1) for at in (80, 85, 90, 95)]
    assert len({incident.id for incident in street.incidents("open")}) == 4
    assert {incident.slot for incident in street.incidents("open")} == {1, 2, 3, 4}
    assert len(street.incidents("end")) == 4


def test_a_car_parked_at_the_start_is_told_once_after_its_own_dwell_as_preexisting() -> None:
    street = Street([STOP], [car(stands(0.5, 0, 999))]).play(200)
    assert street.kinds() == ["open"]
    assert only(street.times("open")) == pytest.approx(60, abs=1)
    assert only(street.incidents("open")).preexisting


def test_a_car_that_arrives_right_after_the_start_is_not_preexisting() -> None:
    street = Street([STOP], [car(parks(0.5, 0, 8, 999))]).play(80)
    assert not only(street.incidents("open")).preexisting


@pytest.mark.parametrize("fps", [1, 2, 5, 10, 25])
def test_the_frame_rate_does_not_move_the_alert(fps: int) -> None:
    street = Street([STOP], [car(parks(0.5, 10, 20, 140))], fps=fps).play(190)
    assert street.kinds() == ["open", "end"]
    assert only(street.times("open")) == pytest.approx(80, abs=1)
    assert street.second(street.incidents("end")[0].end_us) == pytest.approx(140, abs=2)


def test_exactly_the_limit_is_still_allowed() -> None:
    street = Street([rule("stopped_vehicle", dwell_s=30)], [car(stands(0.5, 0, 99))], fps=4)
    assert street.play(30.25).kinds() == []
    assert street.play(30.5).kinds() == ["open"]


@pytest.mark.parametrize("blind_s", [5, 29])
def test_a_short_blindness_counts_as_dwell(blind_s: float) -> None:
    parked = [car(stands(0.5, 10, 200), id=lambda t: 1 if t < 35 else 9)]
    street = Street([STOP], parked, blind=[(30, 30 + blind_s)]).play(150)
    assert street.kinds() == ["open"]
    assert only(street.times("open")) == pytest.approx(70, abs=1)


def test_a_long_blindness_starts_a_pending_dwell_anew_and_says_so() -> None:
    street = Street([STOP], [car(stands(0.5, 12, 999))], blind=[(30, 75)]).play(160)
    assert street.kinds() == ["open"]
    assert only(street.times("open")) == pytest.approx(135, abs=1)
    assert only(street.incidents("open")).preexisting


@pytest.mark.parametrize("blind_s", [5, 45, 400])
def test_no_blindness_repeats_an_open_incident(blind_s: float) -> None:
    parked = [car(stands(0.5, 10, 999), id=lambda t: 1 if t < 100 else 9)]
    street = Street([STOP], parked, blind=[(100, 100 + blind_s)]).play(250 + blind_s)
    assert street.kinds() == ["open"]
    assert street.rulebook.slots[0].phase is Phase.OPEN


def test_who_left_while_the_camera_was_blind_is_lost_when_last_seen() -> None:
    street = Street([STOP], [car(stands(0.5, 10, 110))], blind=[(100, 145)]).play(200)
    ended = only(street.incidents("end"))
    assert (ended.end_reason, street.second(ended.end_us)) == ("lost", pytest.approx(100, abs=1))
    assert ended.dwell_s == pytest.approx(90, abs=1)
    assert only(street.times("end")) == pytest.approx(175, abs=1)  # 30 s of grace from the first good frame


def test_a_long_blindness_is_no_dwell_of_an_open_incident_that_goes_on() -> None:
    street = Street([STOP], [car(parks(0.5, 1, 12, 200))], blind=[(100, 145)]).play(230)
    assert street.kinds() == ["open", "end"]
    assert only(street.incidents("end")).dwell_s == pytest.approx(200 - 12 - 45, abs=2)


def test_an_open_incident_survives_half_a_minute_without_detections() -> None:
    path = hidden(stands(0.5, 10, 999), 100, 128)
    street = Street([STOP], [car(path, id=lambda t: 1 if t < 110 else 5)]).play(250)
    assert street.kinds() == ["open"]


@pytest.mark.parametrize("step_s", [3600, -3600, 315_360_000, -315_360_000])
def test_a_clock_step_changes_no_dwell(step_s: int) -> None:
    street = Street([STOP], [car(parks(0.5, 10, 20, 140))]).play(50)
    street.clock.step_wall(step_s * 1_000_000, ClockState.HOLDOVER)
    street.play(170)
    assert street.kinds() == ["open", "end"]
    assert only(street.times("open")) == pytest.approx(80, abs=1)
    opened, ended = street.incidents("open")[0], street.incidents("end")[0]
    assert (opened.alert_us - opened.begin_us) / 1e6 == pytest.approx(60, abs=1)
    assert (ended.end_us - ended.begin_us) / 1e6 == pytest.approx(120, abs=2)


@pytest.mark.parametrize("seed", range(30))
def test_misses_swaps_and_jitter_give_one_incident_a_car(seed: int) -> None:
    actors = [
        car(parks(0.5, 10, 20, 140)),
        car(parks(0.75, 12, 25, 150)),
        car(stands(0.35, 0, 900)),
        car(lambda t: box_at((t * 0.15) % 1.4 - 0.2, 0.62)),
    ]
    faults = Faults(misses=0.1, swaps=0.05, jitter_px=2)
    street = Street([STOP], actors, fps=5, faults=faults, seed=seed).play(200)
    assert street.times("open") == [pytest.approx(at, abs=3) for at in (60, 80, 85)]
    ends = sorted(street.second(incident.end_us) for incident in street.incidents("end"))
    assert ends == [pytest.approx(140, abs=3), pytest.approx(150, abs=3)]


@pytest.mark.parametrize("seed", range(4))
def test_noise_over_an_empty_zone_gives_nothing(seed: int) -> None:
    flow = [car(lambda t, n=n: box_at((t * (0.1 + 0.02 * n) + 0.3 * n) % 1.5 - 0.2, 0.6 + 0.06 * n)) for n in range(4)]
    faults = Faults(misses=0.1, swaps=0.05, jitter_px=2)
    assert Street([STOP], flow, faults=faults, seed=seed).play(400).kinds() == []


def test_a_car_that_pulls_back_in_at_once_goes_on_with_its_incident() -> None:
    def path(t: float) -> Box | None:  # out by a whole length at 100, back in its bay at 106
        out = 0.12 * min(1.0, max(0.0, (t - 100) / 2)) - 0.12 * min(1.0, max(0.0, (t - 104) / 2))
        return box_at(0.5 + out)

    street = Street([STOP], [car(path)]).play(240)
    assert street.kinds() == ["open"]
    strict = Street([replace(STOP, reopen_within_s=0)], [car(path)]).play(240)
    assert strict.kinds() == ["open", "end", "open"]
    assert strict.times("open")[1] == pytest.approx(166, abs=2)


def test_a_stay_just_after_a_told_end_reopens_without_a_second_alert() -> None:
    again = car(stands(0.5, 106, 400), id=lambda t: 9)
    street = Street([replace(STOP, end_confirm_s=3)], [car(parks(0.5, 1, 12, 100)), again]).play(300)
    assert street.kinds() == ["open", "end", "reopen"]
    opened, ended, reopened = (told.event.incident for told in street.told)
    assert opened.id == ended.id == reopened.id
    assert (reopened.rev, reopened.phase, reopened.end_us) == (3, Phase.OPEN, None)
    absence_s = 106 - 100
    assert reopened.dwell_s == pytest.approx(street.times("reopen")[0] - 12 - absence_s, abs=2)


def test_a_stay_that_begins_too_late_is_its_own() -> None:
    again = car(stands(0.5, 113, 400), id=lambda t: 9)
    street = Street([STOP], [car(parks(0.5, 1, 12, 100)), again]).play(300)
    assert street.kinds() == ["open", "end", "open"]
    assert street.times("open")[1] == pytest.approx(173, abs=1)


def test_the_cool_down_only_silences() -> None:
    def second(cooldown_s: float) -> bool:
        actors = [car(parks(0.5, 1, 12, 100)), car(parks(0.5, 120, 130, 400))]
        street = Street([replace(STOP, cooldown_s=cooldown_s)], actors).play(220)
        assert len(street.times("open")) == 2
        return street.incidents("open")[1].quiet

    assert second(600)
    assert not second(60)


REFUSED = {
    "outside the zone": (car(stands(0.1, 0, 99)), {}),
    "of another class": (Actor("person", stands(0.5, 0, 99)), {}),
    "doubtful": (car(stands(0.5, 0, 99), score=0.39), {}),
    "too small": (car(lambda t: box_at(0.5, 0.75, 0.018, 0.03)), {}),
    "rule switched off": (car(stands(0.5, 0, 99)), {"armed": False}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_count_is_not_told(case: str) -> None:
    actor, changes = REFUSED[case]
    assert Street([replace(STOP, **changes)], [actor]).play(99).kinds() == []


def test_nobody_is_called_to_a_place_where_nothing_was_seen_lately() -> None:
    street = Street([STOP], [car(hidden(stands(0.5, 0, 999), 57, 61.5))])
    assert street.play(61.4).kinds() == []
    assert only(street.play(90).times("open")) == pytest.approx(62.5, abs=1)


def test_who_drives_off_as_the_limit_passes_is_not_told() -> None:
    street = Street([STOP], [car(lambda t: box_at(0.5 + 0.1 * max(0.0, t - 59)))])
    assert street.play(80).kinds() == []


def test_a_scheduled_limit_runs_from_the_opening_of_its_window_and_ends_with_it() -> None:
    local = datetime(2026, 11, 20, 21, 59, 0, tzinfo=timezone(timedelta(hours=7)))
    market = replace(STOP, schedule=(Window(frozenset(range(7)), time(22), time(22, 5)),))
    clock = SimulatedClock(round(local.timestamp() * 1e6))
    street = Street([market], [car(stands(0.5, 5, 999))], clock=clock).play(500)
    assert street.times("open") == [pytest.approx(120, abs=0.5)]
    ended = only(street.incidents("end"))
    assert (ended.end_reason, street.second(ended.end_us)) == ("schedule", pytest.approx(360, abs=0.5))


def test_a_partly_hidden_car_has_not_moved() -> None:
    whole = box_at(0.5)
    lower_half_hidden = Box(whole.x1, whole.y1, whole.x2, whole.y1 + whole.height * 0.5)
    street = Street([STOP], [car(lambda t: lower_half_hidden if 30 <= t < 50 else whole)]).play(100)
    assert only(street.times("open")) == pytest.approx(60, abs=1)


def test_a_double_detection_of_one_car_is_one_incident() -> None:
    whole = box_at(0.5)
    double = Actor("truck", lambda t: Box(whole.x1, whole.y1 - 0.03, whole.x2 + 0.02, whole.y2))
    assert Street([STOP], [car(lambda t: whole), double]).play(100).kinds() == ["open"]


def test_two_rules_on_one_zone_judge_side_by_side() -> None:
    parked = rule("parked_vehicle", dwell_s=100)
    street = Street([STOP, parked], [car(stands(0.5, 0, 999))]).play(150)
    assert [incident.rule for incident in street.incidents("open")] == ["stopped_vehicle", "parked_vehicle"]
    assert street.times("open") == [pytest.approx(60, abs=1), pytest.approx(100, abs=1)]


def test_pending_is_on_the_status_and_in_the_store_but_told_to_nobody() -> None:
    street = Street([STOP], [car(stands(0.5, 0, 999))]).play(30)
    assert street.kinds() == []
    slot = only(list(street.stored.values()))
    assert (slot.phase, slot.rev, slot.alert_us) == (Phase.PENDING, 0, 0)


def test_what_the_store_knows_is_never_more_than_five_seconds_old() -> None:
    street = Street([STOP], [car(stands(0.5, 0, 999))])
    for second in range(8, 60):
        street.play(second)
        slot = only(list(street.stored.values()))
        assert street.clock.moment.mono_us - slot.last_seen_mono_us <= 5_400_000
