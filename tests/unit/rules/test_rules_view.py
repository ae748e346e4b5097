"""What the picture itself says: a car that is still there though undetected, and a camera that was moved."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.street import Actor, Path, Street, box_at, hidden, parks, rule, stands

from agent.core.view import Geometry

STOP = rule("stopped_vehicle")
GUARD = rule("intrusion", dwell_s=2)


def car(path: Path, **changes: object) -> Actor:
    return Actor("car", path, **changes)


def always(t: float) -> bool:
    return True


def span(begin: float, end: float) -> Callable[[float], bool]:
    return lambda t: begin <= t < end


def moved(begin: float, end: float, doubt_s: float = 10) -> Callable[[float], Geometry]:
    """Shifted from ``begin`` to ``end``, known ``doubt_s`` later."""

    def geometry(t: float) -> Geometry:
        if not begin <= t < end:
            return Geometry.VALID
        return Geometry.DOUBTFUL if t < begin + doubt_s else Geometry.INVALID

    return geometry


def test_an_open_incident_survives_minutes_undetected_while_the_picture_shows_no_change() -> None:
    path = hidden(stands(0.5, 20, 700), 120, 400)
    street = Street([STOP], [car(path)], unmoved=span(120, 400)).play(500)
    assert street.kinds() == ["open"]
    assert Street([STOP], [car(path)]).play(300).kinds() == ["open", "end"]


def test_a_pending_one_does_too_and_its_time_counts_as_dwell() -> None:
    path = hidden(stands(0.5, 20, 700), 40, 75)
    street = Street([STOP], [car(path)], unmoved=span(40, 75)).play(90)
    assert street.times("open") == [pytest.approx(80, abs=1)]
    # Undetected it is never alerted, however long it has stood.
    street = Street([STOP], [car(hidden(stands(0.5, 20, 700), 40, 200))], unmoved=always).play(190)
    assert street.kinds() == []
    assert street.play(205).times("open") == [pytest.approx(200, abs=2)]


def test_what_goes_while_undetected_ends_when_the_picture_last_showed_it() -> None:
    street = Street([STOP], [car(stands(0.5, 20, 120))], unmoved=span(120, 300)).play(400)
    (ended,) = street.incidents("end")
    assert street.second(ended.end_us) == pytest.approx(300, abs=1)
    assert street.times("end") == [pytest.approx(330, abs=1)]
    assert (ended.end_reason, ended.dwell_s) == ("lost", pytest.approx(280, abs=1))


def test_after_ten_minutes_undetected_nobody_believes_it_any_more() -> None:
    street = Street([STOP], [car(stands(0.5, 20, 120))], unmoved=always).play(800)
    (ended,) = street.incidents("end")
    assert street.times("end") == [pytest.approx(120 + 600 + 30, abs=2)]
    assert street.second(ended.end_us) == pytest.approx(720, abs=2)


def test_the_site_can_set_how_long_or_switch_it_off() -> None:
    shorter = rule("stopped_vehicle", backdrop_grace_s=60)
    street = Street([shorter], [car(stands(0.5, 20, 120))], unmoved=always).play(300)
    assert street.times("end") == [pytest.approx(120 + 60 + 30, abs=2)]
    off = rule("stopped_vehicle", backdrop_grace_s=0)
    street = Street([off], [car(stands(0.5, 20, 120))], unmoved=always).play(300)
    assert street.times("end") == [pytest.approx(150, abs=2)]


def test_a_car_seen_driving_off_has_left_whatever_the_picture_says() -> None:
    street = Street([STOP], [car(parks(0.5, 10, 20, 140))], unmoved=always).play(170)
    (ended,) = street.incidents("end")
    assert (ended.end_reason, street.second(ended.end_us)) == ("left", pytest.approx(140, abs=2))


def test_a_bus_may_still_hide_it_after_minutes_undetected() -> None:
    bus = Actor("bus", lambda t: box_at(0.5, 0.82, 0.4, 0.35) if 300 <= t < 345 else None)
    path = hidden(stands(0.5, 20, 700), 120, 400)
    street = Street([STOP], [car(path), bus], unmoved=lambda t: 120 <= t < 300 or 345 <= t < 400).play(500)
    assert street.kinds() == ["open"]


def test_a_moved_camera_ends_what_is_open_drops_what_is_pending_and_opens_nothing() -> None:
    actors = [car(stands(0.5, 20, 900)), car(stands(0.75, 150, 900))]
    street = Street([STOP], actors, geometry=moved(170, 400)).play(390)
    (ended,) = street.incidents("end")
    assert (ended.end_reason, street.second(ended.end_us)) == ("camera_moved", pytest.approx(170, abs=1))
    assert street.times("end") == [pytest.approx(180, abs=1)]
    assert street.stored == {}
    assert street.times("open") == [pytest.approx(80, abs=1)]


@pytest.mark.parametrize("until", [190, 300])
def test_once_valid_again_everything_begins_anew_as_preexisting(until: float) -> None:
    street = Street([STOP], [car(stands(0.5, 20, 900))], geometry=moved(170, until)).play(400)
    assert street.times("open") == [pytest.approx(80, abs=1), pytest.approx(until + 60, abs=1)]
    first, second = street.incidents("open")
    assert first.id != second.id
    assert (first.preexisting, second.preexisting, second.quiet) == (False, True, False)


def test_a_doubt_that_passes_costs_nothing() -> None:
    street = Street([STOP], [car(stands(0.5, 20, 900))], geometry=moved(50, 58)).play(200)
    assert street.kinds() == ["open"]
    assert street.times("open") == [pytest.approx(80, abs=1)]


def test_a_restart_while_moved_ends_what_the_store_still_holds_and_never_tells_it_twice() -> None:
    street = Street([STOP], [car(stands(0.5, 20, 900))]).play(100)
    kept = dict(street.stored)
    street.geometry = moved(0, 999, doubt_s=0)
    street.restart(5)
    street.play(110)
    assert street.kinds() == ["open", "end"]
    assert street.incidents("end")[0].id == next(iter(kept.values())).incident
    street.restart(5)
    assert street.play(200).kinds() == ["open", "end"]


def test_an_intrusion_ends_and_begins_the_same_way() -> None:
    person = Actor("person", stands(0.5, 20, 900))
    street = Street([GUARD], [person], geometry=moved(60, 100)).play(150)
    assert street.kinds() == ["open", "end", "open"]
    assert street.incidents("end")[0].end_reason == "camera_moved"
    assert street.times("open")[1] == pytest.approx(102, abs=1)


def test_under_a_cover_nothing_goes_missing_and_one_stay_remains_one_incident() -> None:
    path = hidden(stands(0.5, 20, 900), 120, 300)  # covered at 120, known 10 s later
    street = Street([STOP], [car(path)], unseeing=span(130, 300)).play(400)
    assert street.kinds() == ["open"]
    # Who left meanwhile ends as last seen, once the camera sees again.
    street = Street([STOP], [car(stands(0.5, 20, 120))], unseeing=span(130, 300)).play(400)
    (ended,) = street.incidents("end")
    assert (ended.end_reason, street.second(ended.end_us)) == ("lost", pytest.approx(120, abs=1))
    assert street.times("end") == [pytest.approx(330, abs=1)]


def test_a_picture_that_stands_still_is_no_dwell() -> None:
    street = Street([STOP], [car(stands(0.5, 20, 900))], unseeing=span(60, 600)).play(650)
    assert street.kinds() == []
    assert street.play(700).times("open") == [pytest.approx(660, abs=1)]
