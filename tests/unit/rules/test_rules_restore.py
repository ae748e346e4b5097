"""Across a restart: no incident is told twice, none is forgotten, a pending dwell goes on where time can be told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.street import Actor, Street, parks, rule, stands

from agent.clock import ClockState
from agent.core.incident import Phase, Severity
from agent.rules.restore import retire

STOP = rule("stopped_vehicle")
YARD = rule("intrusion")


def parked(end: float = 999, begin: float = 20) -> Actor:
    return Actor("car", stands(0.5, begin, end))


def test_x4_a_restart_in_an_open_incident_keeps_it_and_tells_nothing_again() -> None:
    street = Street([STOP], [Actor("car", parks(0.5, 10, 20, 140))]).play(100)
    street.restart(4)
    street.play(170)
    assert street.kinds() == ["open", "end"]
    assert street.incidents("open")[0].id == street.incidents("end")[0].id
    assert street.times("open") == [pytest.approx(80, abs=1)]
    ended = street.incidents("end")[0]
    assert street.second(ended.end_us) == pytest.approx(140, abs=2)
    assert (ended.rev, ended.dwell_s, ended.end_reason) == (2, pytest.approx(120, abs=2), "left")


@pytest.mark.parametrize("off_s", [1, 20, 35])
def test_a_restart_in_a_pending_dwell_goes_on_with_it(off_s: float) -> None:
    street = Street([STOP], [parked()]).play(40)
    street.restart(off_s)
    street.play(120)
    assert street.kinds() == ["open"]
    assert street.times("open") == [pytest.approx(80, abs=1)]
    assert not street.incidents("open")[0].preexisting


def test_many_restarts_tell_one_alert() -> None:
    street = Street([STOP], [parked()])
    for second in range(7, 200, 7):
        street.play(second)
        street.restart(0.4)
    assert street.kinds() == ["open"]


def test_the_alert_waits_for_the_first_sight_after_a_restart() -> None:
    street = Street([STOP], [parked()]).play(70)
    street.restart(30)  # the dwell ends while the program is down
    street.play(120)
    assert len(street.times("open")) == 1
    assert 100 < street.times("open")[0] < 103


def test_grace_runs_from_the_first_good_frame() -> None:
    street = Street([STOP], [parked(end=101)], blind=[(104, 160)]).play(100)
    street.restart(4)
    street.play(185)
    assert street.kinds() == ["open"]
    street.play(195)
    assert street.kinds() == ["open", "end"]
    ended = street.incidents("end")[0]
    assert ended.end_reason == "restart"
    assert street.second(ended.end_us) == pytest.approx(100, abs=5.5)


REBOOTS = {
    # clock before, clock after, seconds off, kinds while pending at the cut, second of its alert, kinds if open
    "both synced": ("synced", "synced", 30, ["open"], 80, ["open"]),
    "holdover is good enough": ("holdover", "holdover", 30, ["open"], 80, ["open"]),
    "unset before": ("unset", "synced", 30, ["open"], 130, ["open", "end", "open"]),
    "unset after": ("synced", "unset", 30, ["open"], 130, ["open", "end", "open"]),
    "longer than ten minutes": ("synced", "synced", 700, ["open"], 800, ["open", "end", "open"]),
}


@pytest.mark.parametrize("case", REBOOTS)
def test_a_reboot_in_a_pending_dwell(case: str) -> None:
    before, after, off_s, kinds, alert, _ = REBOOTS[case]
    street = Street([STOP], [parked(end=9999)])
    street.clock.step_wall(0, ClockState(before))
    street.play(40)
    street.clock.step_wall(0, ClockState(after))
    street.reboot(off_s)
    street.play(street.t + 120)
    assert street.kinds() == kinds
    assert street.times("open") == [pytest.approx(alert, abs=1.5 if alert == 80 else 31)]
    assert street.incidents("open")[0].preexisting == (alert != 80)


@pytest.mark.parametrize("case", REBOOTS)
def test_a_reboot_in_an_open_incident(case: str) -> None:
    before, after, off_s, _, _, kinds = REBOOTS[case]
    street = Street([STOP], [parked(end=9999)])
    street.clock.step_wall(0, ClockState(before))
    street.play(100)
    street.clock.step_wall(0, ClockState(after))
    street.reboot(off_s)
    street.play(street.t + 120)
    assert street.kinds() == kinds
    if len(kinds) > 1:
        ended, again = street.incidents("end")[0], street.incidents("open")[1]
        assert ended.end_reason == "restart"
        assert street.second(ended.end_us) == pytest.approx(100, abs=5.5)
        assert again.id != ended.id
        assert again.preexisting


def test_an_end_after_a_restart_keeps_the_severity_of_its_rule() -> None:
    street = Street([replace(STOP, severity=Severity.URGENT)], [parked()]).play(100)
    street.reboot(700)
    street.play(street.t + 2)
    assert [incident.severity for incident in street.incidents("end")] == [Severity.URGENT]


def test_a_clock_that_jumped_back_over_a_reboot_is_not_believed() -> None:
    street = Street([STOP], [parked()]).play(100)
    street.clock.step_wall(-3_600_000_000)
    street.reboot(30)
    street.play(street.t + 30)
    assert street.kinds() == ["open", "end"]


@pytest.mark.parametrize("off_s", [30, 3600])
def test_an_open_incident_of_this_boot_waits_however_long_the_program_was_down(off_s: float) -> None:
    street = Street([STOP], [parked(end=9999)]).play(100)
    street.restart(off_s)
    assert street.play(street.t + 100).kinds() == ["open"]


def test_a_pending_stay_of_this_boot_is_not_believed_after_ten_minutes() -> None:
    street = Street([STOP], [parked(end=9999)]).play(40)
    street.restart(700)
    street.play(street.t + 70)
    assert street.times("open") == [pytest.approx(800, abs=1.5)]
    assert street.incidents("open")[0].preexisting


@pytest.mark.parametrize("change", ["removed", "switched off"])
def test_what_no_rule_looks_after_any_more_is_ended(change: str) -> None:
    street = Street([STOP, YARD], [parked(end=9999)]).play(100)
    street.rules = [YARD] if change == "removed" else [replace(STOP, armed=False), YARD]
    street.restart(2)
    street.play(130)
    assert street.kinds() == ["open", "end"]
    assert street.incidents("end")[0].end_reason == "rule_removed"
    assert street.stored == {}


def test_a_camera_that_is_gone_is_closed_in_the_store() -> None:
    street = Street([STOP, rule("parked_vehicle")], [parked()]).play(100)
    judgement = retire(tuple(street.stored.values()), street.clock.now())
    assert [event.kind for event in judgement.events] == ["incident.end"]
    ended = judgement.events[0].incident
    assert ended is not None
    assert (ended.end_reason, ended.rev, ended.severity) == ("rule_removed", 2, Severity.ATTENTION)
    assert set(judgement.freed) == set(street.stored)
    assert not judgement.taken


def test_an_intrusion_goes_on_across_a_restart() -> None:
    person = Actor("person", stands(0.5, 10, 60))
    street = Street([YARD], [person]).play(30)
    street.restart(5)
    street.play(90)
    assert street.kinds() == ["open", "end"]
    assert street.second(street.incidents("end")[0].end_us) == pytest.approx(60, abs=0.5)


def test_what_is_restored_is_on_the_status_before_the_first_frame() -> None:
    street = Street([STOP], [parked()]).play(100)
    before = street.rulebook.slots
    street.restart(3)
    assert street.rulebook.slots[0].incident == before[0].incident
    assert street.rulebook.slots[0].phase is Phase.OPEN


def test_a_wall_step_while_the_program_is_down_changes_no_dwell() -> None:
    street = Street([STOP], [parked()]).play(40)
    street.clock.step_wall(-86_400_000_000)
    street.restart(2)
    street.play(100)
    assert street.times("open") == [pytest.approx(80, abs=1)]


def test_a_wall_step_before_a_restart_of_the_same_boot_changes_no_dwell() -> None:
    street = Street([STOP], [parked()]).play(40)
    street.clock.step_wall(86_400_000_000)
    street.play(48)
    street.restart(2)
    street.play(100)
    assert street.times("open") == [pytest.approx(80, abs=1)]
