"""Intrusion: one incident a zone while anybody is in it, by the weekly schedule, with hysteresis at the line."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta, timezone

import pytest
from support.street import Actor, Faults, Path, Street, box_at, hidden, rule

from agent.clock import ClockState, SimulatedClock
from agent.core.box import Box
from agent.rules.settings import Window

YARD = rule("intrusion")
EVERY_DAY = frozenset(range(7))
NIGHT = replace(YARD, schedule=(Window(EVERY_DAY, time(22), time(5)),))


def person_at(x: float, y: float = 0.65) -> Box:
    return box_at(x, y, width=0.04, height=0.25)


def there(begin: float, end: float, x: float = 0.5) -> Path:
    """In the zone from ``begin`` to ``end``; outside, and seen there, for 3 s before and after."""

    def path(t: float) -> Box | None:
        if begin <= t < end:
            return person_at(x)
        return person_at(x, 0.45) if begin - 3 <= t < end + 3 else None

    return path


def person(path: Path, **changes) -> Actor:
    return Actor("person", path, **changes)


def clock_at(hour: int, minute: int, second: int) -> SimulatedClock:
    """A clock that shows this local time in Viet Nam."""
    local = datetime(2026, 11, 20, hour, minute, second, tzinfo=timezone(timedelta(hours=7)))
    return SimulatedClock(round(local.timestamp() * 1e6))


@pytest.mark.parametrize("fps", [1, 2, 5, 10, 25])
def test_somebody_in_the_zone_is_told_within_two_seconds_and_a_half(fps: int) -> None:
    street = Street([YARD], [person(there(10, 40))], fps=fps).play(70)
    assert street.kinds() == ["open", "end"]
    opened, ended = street.incidents("open")[0], street.incidents("end")[0]
    begin = street.second(opened.begin_us)
    assert begin == pytest.approx(10, abs=1)
    assert 1.5 <= street.times("open")[0] - begin <= 2.5
    assert street.second(ended.end_us) == pytest.approx(40, abs=1.1)
    assert street.times("end")[0] == pytest.approx(50, abs=1.1)
    assert (ended.end_reason, opened.slot, opened.label) == ("left", 0, "person")


def test_s17_the_schedule_decides() -> None:
    actors = [
        person(there(10, 30)),  # 21:59:30 to 21:59:50
        person(there(60, 75)),  # 22:00:20 to 22:00:35
        Actor("dog", lambda t: person_at(0.5) if 220 <= t < 240 else None),
        person(there(25_120, 25_300)),  # 04:58:00 to 05:01:00
    ]
    street = Street([NIGHT], actors, clock=clock_at(21, 59, 20)).play(300)
    assert street.times("open") == [pytest.approx(61.6, abs=0.4)]
    assert [street.second(incident.end_us) for incident in street.incidents("end")] == [pytest.approx(75, abs=0.5)]
    street._pass(25_100 - street.t)
    street.play(25_400)
    assert street.times("open")[1:] == [pytest.approx(25_121.6, abs=0.4)]
    last = street.incidents("end")[-1]
    assert (street.second(last.end_us), last.end_reason) == (pytest.approx(25_240, abs=0.5), "schedule")
    assert len(street.told) == 4


def test_who_is_already_there_when_the_window_opens_counts_from_then() -> None:
    street = Street([NIGHT], [person(there(5, 60))], clock=clock_at(21, 59, 30)).play(90)
    opened = street.incidents("open")[0]
    assert street.second(opened.begin_us) == pytest.approx(30, abs=0.3)


def test_two_persons_are_one_incident() -> None:
    street = Street([YARD], [person(there(10, 30)), person(there(25, 60, x=0.7))]).play(90)
    assert street.kinds() == ["open", "end"]
    ended = street.incidents("end")[0]
    assert street.second(ended.end_us) == pytest.approx(60, abs=0.5)
    assert ended.count == 2


VISITS = [(10, 22), (25, 45), (50, 68), (73, 84), (89, 115), (118.5, 129)]


def visits() -> list[Actor]:
    return [person(there(begin, end), id=lambda t, n=n: 10 + n) for n, (begin, end) in enumerate(VISITS)]


def test_six_visits_are_one_incident_by_default_and_six_where_the_site_wants_each() -> None:
    assert Street([YARD], visits()).play(150).kinds() == ["open", "end"]
    each = Street([replace(YARD, end_confirm_s=1, reopen_within_s=0)], visits()).play(150)
    assert each.kinds() == ["open", "end"] * 6
    for opened, ended, (begin, end) in zip(each.incidents("open"), each.incidents("end"), VISITS, strict=True):
        assert each.second(opened.begin_us) == pytest.approx(begin, abs=0.3)
        assert each.second(ended.end_us) == pytest.approx(end, abs=0.3)


def test_six_visits_with_a_short_confirmation_reopen_the_one_incident() -> None:
    street = Street([replace(YARD, end_confirm_s=1)], visits()).play(150)
    assert street.kinds() == ["open", "end", *["reopen", "end"] * 5]
    assert len({told.event.incident.id for told in street.told}) == 1
    assert [told.event.incident.rev for told in street.told] == list(range(1, 13))


def test_walking_through_quickly_is_no_intrusion() -> None:
    assert Street([YARD], [person(there(10, 11.2))], fps=10).play(30).kinds() == []


def test_a_glimpse_now_and_then_is_no_intrusion() -> None:
    glimpses = person(lambda t: person_at(0.5) if t % 6 < 0.4 else None)
    assert Street([YARD], [glimpses], fps=5).play(120).kinds() == []


def test_two_short_steps_into_the_zone_are_no_long_one() -> None:
    steps = person(lambda t: there(10, 11.2)(t) if t < 13.8 else there(14.4, 15.4)(t))
    assert Street([YARD], [steps], fps=10).play(30).kinds() == []


def test_who_comes_where_another_vanished_begins_his_own_stay() -> None:
    first = person(lambda t: person_at(0.5) if 10 <= t < 20 else None)
    second = person(lambda t: person_at(0.5) if 23.4 <= t < 40 else None)
    street = Street([replace(YARD, end_confirm_s=1, reopen_within_s=0)], [first, second]).play(60)
    begins = [street.second(incident.begin_us) for incident in street.incidents("open")]
    assert begins == [pytest.approx(10, abs=0.3), pytest.approx(23.4, abs=0.3)]


def test_a_person_missed_in_some_frames_is_still_there() -> None:
    street = Street([YARD], [person(hidden(there(10, 40), 20, 28))], faults=Faults(misses=0.3), seed=5).play(70)
    assert street.kinds() == ["open", "end"]


def test_standing_on_the_line_is_one_stay() -> None:
    line = person(lambda t: person_at(0.5, 0.5 + (0.008 if int(t * 5) % 3 else -0.008)) if 10 <= t < 60 else None)
    inside_first = person(lambda t: person_at(0.5, 0.6) if 5 <= t < 10 else None, id=lambda t: 1)
    street = Street([YARD], [replace(line, id=lambda t: 1), inside_first]).play(90)
    assert street.kinds() == ["open", "end"]
    assert street.second(street.incidents("end")[0].end_us) == pytest.approx(60, abs=0.5)


def test_a_person_cut_by_the_frame_is_inside_a_zone_that_reaches_its_edge() -> None:
    outline = tuple(point._replace(y=min(1.0, point.y * 1.1)) for point in Street([YARD], []).outline)
    cut = person(lambda t: Box(0.5, 0.8, 0.54, 1.0) if t > 5 else None)
    assert Street([YARD], [cut], outline=outline).play(20).kinds() == ["open"]


@pytest.mark.parametrize("blind_s", [5, 45])
def test_blindness_does_not_repeat_an_open_intrusion(blind_s: float) -> None:
    street = Street([YARD], [person(there(10, 300), id=lambda t: 1 if t < 52 else 2)], blind=[(50, 50 + blind_s)])
    assert street.play(200).kinds() == ["open"]


def test_who_is_there_in_the_first_second_was_there_before() -> None:
    assert Street([YARD], [person(there(-5, 40))]).play(10).incidents("open")[0].preexisting
    assert not Street([YARD], [person(there(4, 40))]).play(10).incidents("open")[0].preexisting


def test_a_clock_that_was_never_set_switches_nothing_off() -> None:
    clock = clock_at(12, 0, 0)
    clock.step_wall(-20 * 365 * 86_400_000_000, ClockState.UNSET)
    assert Street([NIGHT], [person(there(10, 40))], clock=clock).play(30).kinds() == ["open"]
    assert Street([NIGHT], [person(there(10, 40))], clock=clock_at(12, 0, 0)).play(30).kinds() == []


@pytest.mark.parametrize("seed", range(10))
def test_noise_gives_one_intrusion_a_visit(seed: int) -> None:
    faults = Faults(misses=0.1, swaps=0.05, jitter_px=2)
    street = Street([YARD], [person(there(10, 40)), person(there(70, 90, x=0.6))], faults=faults, seed=seed).play(120)
    assert street.kinds() == ["open", "end"] * 2
    assert street.times("open") == [pytest.approx(12, abs=1.5), pytest.approx(72, abs=1.5)]
